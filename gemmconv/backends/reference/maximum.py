"""Max pooling, its gradient, and unpooling. The winner of a window is the cell with the largest value."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from gemmconv import _core
from gemmconv._core import PoolOptions
from gemmconv.annotations import Array, PerAxis
from gemmconv.backends.numpy_arrays import answer, check_array, check_arrays
from gemmconv.backends.reference.adaptive import adaptive_taps, output_sizes
from gemmconv.backends.reference.shapes import channels_first, check_shape, in_layout
from gemmconv.backends.reference.windows import inside, pad, pooling, seen, spread, taps, trailing


def winners(candidates: Iterable[tuple[Array, Array]], shape: Sequence[int]) -> tuple[Array, Array]:
    """The largest value and its index among ``(values, indices)`` of all taps, in C order. Index -1 does not count.

    A later candidate wins only if it is larger, or the first NaN.
    """
    best, index = np.full(shape, -np.inf), np.full(shape, -1, np.int64)
    for value, cell in candidates:
        larger = (value > best) | (np.isnan(value) & ~np.isnan(best)) | (index < 0)
        wins = larger & (cell >= 0)
        best, index = np.where(wins, value, best), np.where(wins, cell, index)
    return best, index


def max_pool(
    x: Array,
    options: PoolOptions,
    return_indices: bool,
    out: Array | None,
) -> Array | tuple[Array, Array]:
    """The largest value of each window, and its index."""
    dtype = check_arrays(x=x)
    return_indices = _core.read_bool(return_indices, "return_indices")
    window = pooling(x.shape, options)
    padded = pad(window, channels_first(x, window.layout))
    cells = spread(window, (), -1, np.int64)  # which cell of the plane each padded cell is; -1 for padding
    inside(window, cells)[...] = np.arange(math.prod(window.input)).reshape(window.input)
    candidates = ((seen(window, padded, tap), seen(window, cells, tap)) for tap in taps(window))
    y, indices = winners(candidates, (window.batch, window.channels, *window.output))
    pooled = answer(in_layout(y, window.layout), dtype, out)
    return (pooled, np.ascontiguousarray(in_layout(indices, window.layout))) if return_indices else pooled


def adaptive_max_pool(
    x: Array, output_size: PerAxis, return_indices: bool, layout: str, settings: _core.Settings, out: Array | None
) -> Array | tuple[Array, Array]:
    """The largest value of each adaptive window, and its index."""
    dtype = check_arrays(x=x)
    return_indices = _core.read_bool(return_indices, "return_indices")
    plane = _core.PoolGeometry(x.shape, 1, layout=layout)
    outputs = output_sizes(plane, output_size)
    by_channel = channels_first(x, layout)
    candidates = (
        (by_channel[trailing(cells)], np.where(counts, np.ravel_multi_index(cells, plane.input), -1))
        for cells, counts in adaptive_taps(plane.input, outputs)
    )
    y, indices = winners(candidates, (plane.batch, plane.channels, *outputs))
    pooled = answer(in_layout(y, layout), dtype, out)
    return (pooled, np.ascontiguousarray(in_layout(indices, layout))) if return_indices else pooled


def check_index_dtype(indices: Array) -> None:
    """TypeError unless the indices are an array of int64."""
    check_array("indices", indices)
    if indices.dtype.newbyteorder("=") != np.int64:
        raise TypeError(f"indices must be an array of int64, not {indices.dtype}")


def check_indices(indices: Array, shape: Sequence[int], cells: int) -> None:
    """ValueError unless the indices have that shape and are below that number of cells, and at least -1."""
    check_shape("indices", indices, shape)
    wrong = indices[(indices < -1) | (indices >= cells)]
    if wrong.size:
        raise ValueError(f"indices holds {wrong[0]}, outside a plane of {cells} cells (-1 is none)")


def planes(array: Array) -> Array:
    """``(N, C, *spatial)`` as ``(N * C, cells)``: a view if possible, otherwise a copy."""
    return array.reshape(array.shape[0] * array.shape[1], math.prod(array.shape[2:]))


def positions(indices: Array) -> tuple[Array, Array, Array]:
    """Row and column in `planes` of every index that is not -1, and a mask of those indices."""
    flat = planes(indices)
    won = flat >= 0
    row, _ = np.nonzero(won)
    return row, flat[won], won


def check_planes(name: str, array: Array, other: Sequence[int], layout: str) -> _core.PoolGeometry:
    """The geometry of the large array; ValueError unless the small one has its batch and channels."""
    plane = _core.PoolGeometry(other, 1, layout=layout)
    small = _core.PoolGeometry(array.shape, 1, layout=layout)
    if (small.rank, small.batch, small.channels) != (plane.rank, plane.batch, plane.channels):
        raise ValueError(f"{name} has shape {array.shape}, which does not share batch and channels with {tuple(other)}")
    return plane


def max_pool_backward(
    dy: Array,
    indices: Array,
    input_shape: Sequence[int],
    layout: str,
    settings: _core.Settings,
    out: Array | None,
) -> Array:
    """Each element of ``dy`` is added to the winner of its window."""
    dtype = check_arrays(dy=dy)
    check_index_dtype(indices)
    plane = check_planes("dy", dy, input_shape, layout)
    check_indices(indices, dy.shape, math.prod(plane.input))
    row, cell, won = positions(channels_first(indices, layout))
    dx = np.zeros((plane.batch * plane.channels, math.prod(plane.input)))
    np.add.at(dx, (row, cell), planes(channels_first(dy, layout))[won])
    return answer(in_layout(dx.reshape(plane.batch, plane.channels, *plane.input), layout), dtype, out)


def max_unpool(
    y: Array,
    indices: Array,
    output_shape: Sequence[int],
    layout: str,
    settings: _core.Settings,
    out: Array | None,
) -> Array:
    """Each value at the position of its index."""
    dtype = check_arrays(y=y)
    check_index_dtype(indices)
    plane = check_planes("y", y, output_shape, layout)
    check_indices(indices, y.shape, math.prod(plane.input))
    row, cell, won = positions(channels_first(indices, layout))
    x = np.zeros((plane.batch * plane.channels, math.prod(plane.input)))
    for r, c, value in zip(row, cell, planes(channels_first(y, layout))[won], strict=True):
        x[r, c] = value  # in C order: the last one stays
    return answer(in_layout(x.reshape(plane.batch, plane.channels, *plane.input), layout), dtype, out)


def max_unpool_backward(dx: Array, indices: Array, layout: str, settings: _core.Settings, out: Array | None) -> Array:
    """The derivative at the position of each index."""
    dtype = check_arrays(dx=dx)
    check_index_dtype(indices)
    plane = check_planes("indices", indices, dx.shape, layout)
    check_indices(indices, indices.shape, math.prod(plane.input))
    by_channel = channels_first(indices, layout)
    row, cell, won = positions(by_channel)
    dy = np.zeros(won.shape)
    dy[won] = planes(channels_first(dx, layout))[row, cell]
    return answer(in_layout(dy.reshape(by_channel.shape), layout), dtype, out)
