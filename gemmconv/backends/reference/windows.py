"""A window sliding over an array: the cells that one of its taps sees, as a strided view."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from gemmconv import _core
from gemmconv.annotations import Array


class Window(Protocol):
    """What the geometries of convolution and of pooling share."""

    @property
    def input(self) -> tuple[int, ...]:
        """Cells along each axis."""

    @property
    def kernel(self) -> tuple[int, ...]:
        """Taps along each axis."""

    @property
    def stride(self) -> tuple[int, ...]:
        """Cells between neighbouring windows."""

    @property
    def dilation(self) -> tuple[int, ...]:
        """Cells between neighbouring taps."""

    @property
    def padding_low(self) -> tuple[int, ...]:
        """Padded cells before the input."""

    @property
    def padding_high(self) -> tuple[int, ...]:
        """Padded cells after it."""

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
    """Cells from the first padded one to the last that any window sees or the input has, along each axis."""
    sizes = zip(
        window.output, window.stride, window.dilation, window.kernel, window.padding_low, window.input, strict=True
    )
    return [max((o - 1) * s + d * (f - 1) + 1, low + size) for o, s, d, f, low, size in sizes]


def spread(window: Window, batch_and_channels: Sequence[int], fill: Any, dtype: Any) -> Array:
    """A new array over all the cells that the windows reach, padding included."""
    return np.full((*batch_and_channels, *reach(window)), fill, dtype)


def inside(window: Window, padded: Array) -> Array:
    """The view of a padded array that is the input itself."""
    axes = zip(window.padding_low, window.input, strict=True)
    cells: Array = padded[trailing(slice(low, low + size) for low, size in axes)]
    return cells


def seen(window: Window, padded: Array, tap: Sequence[int]) -> Array:
    """The view of a padded array that one tap sees: a cell for each output, ``i * stride + tap * dilation``."""
    axes = zip(tap, window.dilation, window.stride, window.output, strict=True)
    cells: Array = padded[trailing(slice(t * d, t * d + (o - 1) * s + 1, s) for t, d, s, o in axes)]
    return cells


def pad(window: Window, x: Array, fill: float = 0.0) -> Array:
    """``x`` in float64 with its padding around it."""
    padded = spread(window, x.shape[:2], fill, np.float64)
    inside(window, padded)[...] = x
    return padded
