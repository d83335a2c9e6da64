"""The types that the signatures of this package share."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
"""An array of any supported kind and dtype."""

PerAxis: TypeAlias = int | Sequence[int]
"""One number for all spatial axes, or a sequence with one for each axis."""

Padding: TypeAlias = int | str | Sequence[int] | Sequence[tuple[int, int]]
"""One number, one for each axis, one ``(low, high)`` pair for each axis, or a word such as ``"same"``."""
