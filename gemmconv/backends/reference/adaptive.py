"""Adaptive windows: output ``i`` takes the cells from ``floor(i * in / out)`` to ``ceil((i + 1) * in / out)``."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from gemmconv import _core
from gemmconv.annotations import Array, PerAxis


def output_sizes(plane: _core.PoolGeometry, output_size: PerAxis) -> tuple[int, ...]:
    """The output sizes, one for each axis, checked."""
    wanted = _core.read_axes(output_size, "output_size", plane.rank)
    if min(wanted) < 1:
        raise ValueError(f"output_size is {wanted}; every size must be at least 1")
    return wanted


def bounds(cells: int, outputs: int) -> tuple[Array, Array]:
    """The first cell of each output's window along one axis, and the one after its last."""
    i = np.arange(outputs)
    return i * cells // outputs, -(-(i + 1) * cells // outputs)


def adaptive_taps(inputs: Sequence[int], outputs: Sequence[int]) -> Iterator[tuple[tuple[Array, ...], Array]]:
    """For each tap of the largest window, in C order: the cell that each output reads, and whether its window has it.

    In place of a cell that a smaller window does not have, its first cell is given.
    """
    axes = [bounds(i, o) for i, o in zip(inputs, outputs, strict=True)]
    longest = [int((end - begin).max()) for begin, end in axes]
    for tap in itertools.product(*(range(size) for size in longest)):
        reaches = [begin + t < end for (begin, end), t in zip(axes, tap, strict=True)]
        cells = [begin + np.where(so_far, t, 0) for (begin, _), t, so_far in zip(axes, tap, reaches, strict=True)]
        yield np.ix_(*cells), np.logical_and.reduce(np.meshgrid(*reaches, indexing="ij"))


def window_sizes(inputs: Sequence[int], outputs: Sequence[int]) -> Array:
    """The number of cells of each output's window."""
    axes = (bounds(i, o) for i, o in zip(inputs, outputs, strict=True))
    return np.asarray(np.prod(np.meshgrid(*(end - begin for begin, end in axes), indexing="ij"), axis=0))
