"""Checks of options, for what is written in Python; the core checks its own, with the same exceptions."""

from collections.abc import Sequence
from numbers import Real

import numpy as np


def check_word(name: str, value: object, words: Sequence[str]) -> None:
    """TypeError unless ``value`` is a string, ValueError with the list unless it is one of the words."""
    known = ", ".join(map(repr, words))
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, one of {known}; got {value!r}")
    if value not in words:
        raise ValueError(f"unknown {name} {value!r}; it must be one of {known}")


def check_flag(name: str, value: object) -> None:
    """TypeError unless ``value`` is True or False."""
    if not isinstance(value, bool | np.bool):
        raise TypeError(f"{name} must be True or False; got {value!r}")


def check_number(name: str, value: object) -> None:
    """TypeError unless ``value`` is a real number."""
    if isinstance(value, bool | np.bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number; got {value!r}")
