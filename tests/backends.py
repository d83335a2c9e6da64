"""The backends that tests of array functions run on. Arrays are converted from and to NumPy's.

``CPU.max_pool(x, 2)`` is ``gemmconv.max_pool(x, 2, backend="cpu")`` with its NumPy arrays copied to where the backend
computes and the answer copied back. A new backend is a new name in `gemmconv.backends.BACKENDS` and needs no row here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import gemmconv
from gemmconv.backends import BACKENDS as NAMES
from gemmconv.backends import backend_named


class On:
    """The public functions on one backend, from NumPy arrays to NumPy arrays."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __str__(self) -> str:
        return self.name

    def array(self, value: Any) -> Any:
        """A NumPy array, or those of a tuple, converted to the backend's; anything else unchanged."""
        if type(value) is tuple:
            return tuple(map(self.array, value))
        return backend_named(self.name).xp.asarray(value) if type(value) is np.ndarray else value

    def numpy(self, value: Any) -> Any:
        """A result with its arrays converted to NumPy's."""
        backend = backend_named(self.name)
        if isinstance(value, tuple):
            parts = [self.numpy(part) for part in value]
            return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
        return backend.to_numpy(value) if backend.owns(value) else value

    def written(self, answer: Any, there: Any, out: Any) -> Any:
        """The result: ``out``, with what the backend wrote to its own array copied into it."""
        if isinstance(answer, tuple) and isinstance(out, tuple):
            parts = [self.written(*part) for part in zip(answer, there, out, strict=True)]
            return type(answer)(*parts) if hasattr(answer, "_fields") else tuple(parts)
        if isinstance(answer, tuple):
            return (self.written(answer[0], there, out), *map(self.numpy, answer[1:]))
        if type(out) is not np.ndarray:
            return self.numpy(answer)
        assert answer is there
        if there is not out:
            out[...] = self.numpy(there)
        return out

    def call(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """The result of a function on the backend's arrays, converted to NumPy's."""
        out, there = options.get("out"), self.array(options.get("out"))
        others = {name: there if name == "out" else self.array(value) for name, value in options.items()}
        answer = function(*map(self.array, arguments), **others)
        return self.numpy(answer) if out is None else self.written(answer, there, out)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return partial(self.call, getattr(gemmconv, name), backend=self.name)

    def plan(self, *arguments: Any, **options: Any) -> OnPlan:
        """A plan with NumPy arrays as arguments and result."""
        return OnPlan(self, gemmconv.plan(*arguments, **options, backend=self.name))


class OnPlan:
    """A plan on one backend."""

    def __init__(self, on: On, plan: Any) -> None:
        object.__setattr__(self, "_on", on)
        object.__setattr__(self, "_plan", plan)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plan, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._plan, name, value)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self._on.call(self._plan, *arguments, **options)

    def pack(self, w: Any) -> Any:
        return self._plan.pack(self._on.array(w))


BACKENDS = tuple(map(On, NAMES))
CPU, REFERENCE = On("cpu"), On("reference")
on_every_backend = pytest.mark.parametrize("backend", BACKENDS, ids=str)
