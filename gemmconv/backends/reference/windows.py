"""A window that slides over an array. The cells that one of its taps reads are a strided view."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from gemmconv import _core
from gemmconv.annotations import Array


class Window(Protocol):
    """The part of a geometry that convolution and pooling have in common."""

    @property
    def input(self) -> tuple[int, ...]:
        """Cells along each axis."""

    @property
    def kernel(self) -> tuple[int, ...]:
        """Taps along each axis."""

    @property
    def stride(self) -> tuple[int, ...]:
        """Steps between neighbouring windows."""

    @property
    def dilation(self) -> tuple[int, ...]:
        """Steps between neighbouring taps."""

    @property
    def padding_low(self) -> tuple[int, ...]:
        """Padded cells before the input."""

    @property
    def padding_high(self) -> tuple[int, ...]:
        """Padded cells after the input."""

    @property
    def output(self) -> tuple[int, ...]:
        """Windows along each axis."""


def pooling(x_shape: Sequence[int], options: _core.PoolOptions) -> _core.PoolGeometry:
    """The windows of a pooling under these options."""
    return _core.PoolGeometry(
        x_shape,
        options.kernel_size,
        stride=options.stride,
        padding=options.padding,
        dilation=options.dilation,
        ceil_mode=options.ceil_mode,
        layout=options.layout,
    )


def taps(window: Window) -> Iterator[tuple[int, ...]]:
    """The positions inside the window, in C order."""
    return itertools.product(*(range(size) for size in window.kernel))


def trailing(index: Iterable[Any]) -> tuple[Any, ...]:
    """An index into the last axes of an array."""
    return (..., *index)


def reach(window: Window) -> list[int]:
    """Along each axis, the cells from the first padded one to the last that a window reads or the input has."""
    sizes = zip(
        window.output, window.stride, window.dilation, window.kernel, window.padding_low, window.input, strict=True
    )
    return [max((o - 1) * s + d * (f - 1) + 1, low + size) for o, s, d, f, low, size in sizes]


def spread(window: Window, batch_and_channels: Sequence[int], fill: Any, dtype: Any) -> Array:
    """A new array of all cells that the windows read, padding included."""
    return np.full((*batch_and_channels, *reach(window)), fill, dtype)


def inside(window: Window, padded: Array) -> Array:
    """The view of a padded array that is the input itself."""
    axes = zip(window.padding_low, window.input, strict=True)
    cells: Array = padded[trailing(slice(low, low + size) for low, size in axes)]
    return cells


def seen(window: Window, padded: Array, tap: Sequence[int]) -> Array:
    """The view of a padded array that one tap reads: for each output ``i`` the cell ``i * stride + tap * dilation``."""
    axes = zip(tap, window.dilation, window.stride, window.output, strict=True)
    cells: Array = padded[trailing(slice(t * d, t * d + (o - 1) * s + 1, s) for t, d, s, o in axes)]
    return cells


def pad(window: Window, x: Array, fill: float = 0.0) -> Array:
    """``x`` in float64, with its padding."""
    padded = spread(window, x.shape[:2], fill, np.float64)
    inside(window, padded)[...] = x
    return padded
