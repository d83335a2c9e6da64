"""Pooling by average and by p-norm, with gradients."""

import math
from collections.abc import Sequence

import numpy as np

from gemmconv import _core
from gemmconv._core import PoolOptions
from gemmconv.annotations import Array, PerAxis
from gemmconv.backends.numpy_arrays import answer, check_arrays
from gemmconv.backends.reference.adaptive import adaptive_taps, output_sizes, window_sizes
from gemmconv.backends.reference.shapes import channels_first, check_shape, in_layout
from gemmconv.backends.reference.windows import inside, pad, pooling, seen, spread, taps, trailing


def divisors(window: _core.PoolGeometry, count_include_pad: bool, divisor: float | None) -> Array:
    """What the sum of each window is divided by."""
    count_include_pad = _core.read_bool(count_include_pad, "count_include_pad")
    if divisor is not None:
        number = _core.read_number(divisor, "divisor")
        if number == 0 or math.isnan(number):
            raise ValueError(f"divisor is {number}; it must be a number other than 0")
        return np.full(window.output, number)
    counted = spread(window, (), 0.0, np.float64)  # cells beyond the padded input never count
    if count_include_pad:
        sizes = zip(window.padding_low, window.input, window.padding_high, strict=True)
        counted[tuple(slice(0, low + size + high) for low, size, high in sizes)] = 1
    else:
        inside(window, counted)[...] = 1
    counts = sum(seen(window, counted, tap) for tap in taps(window))
    return np.maximum(counts, 1)


def avg_pool(
    x: Array,
    options: PoolOptions,
    count_include_pad: bool,
    divisor: float | None,
    out: Array | None,
) -> Array:
    """The sum of each window, divided by its divisor."""
    dtype = check_arrays(x=x)
    window = pooling(x.shape, options)
    by = divisors(window, count_include_pad, divisor)
    padded = pad(window, channels_first(x, window.layout))
    y = sum(seen(window, padded, tap) for tap in taps(window)) / by
    return answer(in_layout(y, window.layout), dtype, out)


def avg_pool_backward(
    dy: Array,
    input_shape: Sequence[int],
    options: PoolOptions,
    count_include_pad: bool,
    divisor: float | None,
    out: Array | None,
) -> Array:
    """Each element of ``dy``, divided by its divisor, is added to every cell of its window."""
    dtype = check_arrays(dy=dy)
    window = pooling(input_shape, options)
    check_shape("dy", dy, window.y_shape)
    share = channels_first(dy, window.layout).astype(np.float64) / divisors(window, count_include_pad, divisor)
    padded = spread(window, (window.batch, window.channels), 0, np.float64)
    for tap in taps(window):
        cells = seen(window, padded, tap)
        cells += share
    return answer(in_layout(inside(window, padded), window.layout), dtype, out)


def exponent(p: float) -> float:
    """``p`` as a float; ValueError unless it is finite and above 0."""
    number = _core.read_number(p, "p")
    if not 0 < number < math.inf:
        raise ValueError(f"p is {number}; it must be a finite number above 0")
    return number


def lp_pool(
    x: Array,
    options: PoolOptions,
    p: float,
    out: Array | None,
) -> Array:
    """``(sum |x|**p) ** (1/p)``, computed on cells divided by the largest of their window."""
    dtype = check_arrays(x=x)
    p = exponent(p)
    window = pooling(x.shape, options)
    padded = np.abs(pad(window, channels_first(x, window.layout)))
    largest = np.maximum.reduce([seen(window, padded, tap) for tap in taps(window)])
    scale = np.where((largest == 0) | np.isinf(largest), 1, largest)  # so that no power overflows
    y = scale * sum((seen(window, padded, tap) / scale) ** p for tap in taps(window)) ** (1 / p)
    return answer(in_layout(y, window.layout), dtype, out)


def lp_pool_backward(
    dy: Array,
    x: Array,
    y: Array,
    options: PoolOptions,
    p: float,
    out: Array | None,
) -> Array:
    """``dy * sign(x) * (|x| / y) ** (p-1)``, added over the windows of a cell."""
    dtype = check_arrays(dy=dy, x=x, y=y)
    p = exponent(p)
    window = pooling(x.shape, options)
    check_shape("dy", dy, window.y_shape)
    check_shape("y", y, window.y_shape)
    errors, norms, cells = (channels_first(array, window.layout).astype(np.float64) for array in (dy, y, x))
    padded = pad(window, cells)
    gradient = np.zeros_like(padded)
    for tap in taps(window):
        cell = seen(window, padded, tap)
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = np.sign(cell) * (np.abs(cell) / norms) ** (p - 1)
        into = seen(window, gradient, tap)
        into += np.where((norms == 0) | (cell == 0), 0, errors * slope)
    return answer(in_layout(inside(window, gradient), window.layout), dtype, out)


def adaptive_avg_pool(
    x: Array, output_size: PerAxis, layout: str, settings: _core.Settings, out: Array | None
) -> Array:
    """The sum of each adaptive window, divided by its size."""
    dtype = check_arrays(x=x)
    plane = _core.PoolGeometry(x.shape, 1, layout=layout)
    outputs = output_sizes(plane, output_size)
    cells_of = channels_first(x, layout).astype(np.float64)
    total = np.zeros((plane.batch, plane.channels, *outputs))
    for cells, counts in adaptive_taps(plane.input, outputs):
        total += np.where(counts, cells_of[trailing(cells)], 0)
    return answer(in_layout(total / window_sizes(plane.input, outputs), layout), dtype, out)


def adaptive_avg_pool_backward(
    dy: Array, input_shape: Sequence[int], layout: str, settings: _core.Settings, out: Array | None
) -> Array:
    """Each element of ``dy``, divided by the size of its window, is added to every cell of the window."""
    dtype = check_arrays(dy=dy)
    plane = _core.PoolGeometry(input_shape, 1, layout=layout)
    small = _core.PoolGeometry(dy.shape, 1, layout=layout)
    if (small.rank, small.batch, small.channels) != (plane.rank, plane.batch, plane.channels):
        raise ValueError(f"dy has shape {dy.shape}, which does not share batch and channels with {plane.x_shape}")
    share = channels_first(dy, layout).astype(np.float64) / window_sizes(plane.input, small.input)
    dx = np.zeros((plane.batch, plane.channels, *plane.input))
    for cells, counts in adaptive_taps(plane.input, small.input):
        np.add.at(dx, trailing(cells), np.where(counts, share, 0))
    return answer(in_layout(dx, layout), dtype, out)
