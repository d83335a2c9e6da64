"""What answers are compared with: convolution and pooling as nested loops in float64, importing nothing of gemmconv.

Everything rests on one enumeration, `meetings`: which weight meets which cell of the input for which output. The three
passes are the same triple loop with another of the three arrays on the left of the `+=`. Arrays are (N, C, *spatial);
strides and dilations have one entry per axis and paddings are (low, high) pairs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Sizes = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


def output_size(cells: int, kernel: int, stride: int, dilation: int, low: int, high: int) -> int:
    """How many windows fit along an axis, found by moving the window until it extends beyond the input."""
    count = 0
    while count * stride + dilation * (kernel - 1) < cells + low + high:
        count += 1
    return count


def output_sizes(cells: Sizes, kernel: Sizes, stride: Sizes, dilation: Sizes, padding: Pairs) -> Sizes:
    """`output_size` for every axis."""
    return tuple(
        output_size(c, f, s, d, low, high)
        for c, f, s, d, (low, high) in zip(cells, kernel, stride, dilation, padding, strict=True)
    )


def word_padding(word: str, cells: Sizes, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Pairs:
    """The (low, high) pairs that a padding word stands for."""
    pairs = []
    for c, f, s, d in zip(cells, kernel, stride, dilation, strict=True):
        span = d * (f - 1) + 1
        outputs = -(-c // s)
        total = max(0, (outputs - 1) * s + span - c)
        small, large = total // 2, total - total // 2
        pairs.append(
            {"valid": (0, 0), "same": (small, large), "same_lower": (large, small), "full": (span - 1, span - 1)}[word]
        )
    return tuple(pairs)


def positions(sizes: Sizes) -> Iterator[Sizes]:
    """Every index of an array of these sizes, in C order."""
    return itertools.product(*(range(size) for size in sizes))


def meetings(
    outputs: Sizes, kernel: Sizes, cells: Sizes, stride: Sizes, dilation: Sizes, padding: Pairs, flip: bool = False
) -> Iterator[tuple[Sizes, Sizes, Sizes]]:
    """Every (output, tap, cell) that meet: cell = output * stride + tap * dilation - low, unless it is padding.

    With `flip` the kernel is read from its far end.
    """
    for o in positions(outputs):
        for t in positions(kernel):
            cell = tuple(
                o[a] * stride[a] + (kernel[a] - 1 - t[a] if flip else t[a]) * dilation[a] - padding[a][0]
                for a in range(len(cells))
            )
            if all(0 <= cell[a] < cells[a] for a in range(len(cells))):
                yield o, t, cell


def _pixels_first(x: Array, groups: int) -> Array:
    """(N, C, *spatial) as float64 (*spatial, N, groups, C/groups), a copy."""
    moved = np.moveaxis(np.asarray(x, np.float64), (0, 1), (-2, -1))
    return moved.reshape(*moved.shape[:-1], groups, moved.shape[-1] // groups).copy()


def _pixels_last(y: Array) -> Array:
    """The inverse of `_pixels_first`."""
    merged = y.reshape(*y.shape[:-2], y.shape[-2] * y.shape[-1])
    return np.ascontiguousarray(np.moveaxis(merged, (-2, -1), (0, 1)))


def _taps_first(w: Array, groups: int) -> Array:
    """(K, C/groups, *kernel) as float64 (*kernel, groups, K/groups, C/groups), a copy."""
    moved = np.moveaxis(np.asarray(w, np.float64), (0, 1), (-2, -1))
    return moved.reshape(*moved.shape[:-2], groups, moved.shape[-2] // groups, moved.shape[-1]).copy()


def forward(
    x: Array, w: Array, *, stride: Sizes, padding: Pairs, dilation: Sizes, groups: int = 1, flip: bool = False
) -> Array:
    """y[n, k, o] = sum over c and taps t of x[n, c, cell(o, t)] * w[k, c, t]; no bias."""
    cells, kernel = x.shape[2:], w.shape[2:]
    outputs = output_sizes(cells, kernel, stride, dilation, padding)
    xs, ws = _pixels_first(x, groups), _taps_first(w, groups)
    ys = np.zeros((*outputs, x.shape[0], groups, w.shape[0] // groups))
    for o, t, cell in meetings(outputs, kernel, cells, stride, dilation, padding, flip):
        ys[o] += np.einsum("ngc,gkc->ngk", xs[cell], ws[t])
    return _pixels_last(ys)


def backward_input(
    dy: Array,
    w: Array,
    cells: Sizes,
    *,
    stride: Sizes,
    padding: Pairs,
    dilation: Sizes,
    groups: int = 1,
    flip: bool = False,
) -> Array:
    """dx[n, c, cell(o, t)] += dy[n, k, o] * w[k, c, t]; `cells` are the spatial sizes of x."""
    kernel = w.shape[2:]
    dys, ws = _pixels_first(dy, groups), _taps_first(w, groups)
    dxs = np.zeros((*cells, dy.shape[0], groups, w.shape[1]))
    for o, t, cell in meetings(dy.shape[2:], kernel, cells, stride, dilation, padding, flip):
        dxs[cell] += np.einsum("ngk,gkc->ngc", dys[o], ws[t])
    return _pixels_last(dxs)


def backward_weight(
    dy: Array,
    x: Array,
    kernel: Sizes,
    *,
    stride: Sizes,
    padding: Pairs,
    dilation: Sizes,
    groups: int = 1,
    flip: bool = False,
) -> Array:
    """dw[k, c, t] += dy[n, k, o] * x[n, c, cell(o, t)]; `kernel` are the spatial sizes of w."""
    dys, xs = _pixels_first(dy, groups), _pixels_first(x, groups)
    dws = np.zeros((*kernel, groups, dys.shape[-1], xs.shape[-1]))
    for o, t, cell in meetings(dy.shape[2:], kernel, x.shape[2:], stride, dilation, padding, flip):
        dws[t] += np.einsum("ngk,ngc->gkc", dys[o], xs[cell])
    merged = dws.reshape(*kernel, groups * dys.shape[-1], xs.shape[-1])
    return np.ascontiguousarray(np.moveaxis(merged, (-2, -1), (0, 1)))


def backward_bias(dy: Array) -> Array:
    """db[k] = sum of dy over images and pixels."""
    db = np.zeros(dy.shape[1])
    for n in range(dy.shape[0]):
        for k in range(dy.shape[1]):
            for o in positions(dy.shape[2:]):
                db[k] += dy[(n, k, *o)]
    return db


def transposed_sizes(
    cells: Sizes, kernel: Sizes, stride: Sizes, dilation: Sizes, padding: Pairs, output_padding: Sizes
) -> Sizes:
    """Spatial sizes of a transposed convolution: where the last kernel ends, less the padding, plus the extra cells."""
    return tuple(
        (c - 1) * s + d * (f - 1) + 1 - low - high + extra
        for c, f, s, d, (low, high), extra in zip(cells, kernel, stride, dilation, padding, output_padding, strict=True)
    )


def transposed(
    x: Array,
    w: Array,
    outputs: Sizes,
    *,
    stride: Sizes,
    padding: Pairs,
    dilation: Sizes,
    groups: int = 1,
    flip: bool = False,
) -> Array:
    """y[n, k, i * stride + t * dilation - low] += x[n, c, i] * w[c, k, t]: every cell of x adds a kernel to y.

    `w` is (C, K/groups, *kernel), `outputs` the spatial sizes of y, `padding` the cells cut off at the low ends.
    """
    axes, kernel = range(len(outputs)), w.shape[2:]
    xs, ws = _pixels_first(x, groups), _taps_first(w, groups)  # taps (groups, C/groups, K/groups)
    ys = np.zeros((*outputs, x.shape[0], groups, w.shape[1]))
    for i in positions(x.shape[2:]):
        for t in positions(kernel):
            tap = tuple(kernel[a] - 1 - t[a] if flip else t[a] for a in axes)
            o = tuple(i[a] * stride[a] + tap[a] * dilation[a] - padding[a][0] for a in axes)
            if all(0 <= o[a] < outputs[a] for a in axes):
                ys[o] += np.einsum("ngc,gck->ngk", xs[i], ws[t])
    return _pixels_last(ys)


# ---- Pooling ---------------------------------------------------------------------------------------------------------


def pooled_size(cells: int, kernel: int, stride: int, dilation: int, low: int, high: int, ceil_mode: bool) -> int:
    """Windows along an axis. `ceil_mode` adds one that extends beyond the high end, unless it starts in the padding."""
    natural = output_size(cells, kernel, stride, dilation, low, high)
    if not ceil_mode:
        return natural
    more = output_size(cells, kernel, stride, dilation, low, high + stride - 1)
    return more if more > natural and (more - 1) * stride < cells + low else natural


def pool_windows(
    cells: Sizes, kernel: Sizes, *, stride: Sizes, padding: Pairs, dilation: Sizes, ceil_mode: bool = False
) -> list[tuple[Sizes, list[Sizes], int]]:
    """For every output: its position, its cells of x in C order, and how many taps stay within the padded x."""
    axes = range(len(cells))
    outputs = tuple(
        pooled_size(cells[a], kernel[a], stride[a], dilation[a], padding[a][0], padding[a][1], ceil_mode) for a in axes
    )
    windows = []
    for o in positions(outputs):
        inside, padded = [], 0
        for t in positions(kernel):
            cell = tuple(o[a] * stride[a] + t[a] * dilation[a] - padding[a][0] for a in axes)
            padded += all(cell[a] < cells[a] + padding[a][1] for a in axes)
            if all(0 <= cell[a] < cells[a] for a in axes):
                inside.append(cell)
        windows.append((o, inside, padded))
    return windows


def adaptive_windows(cells: Sizes, outputs: Sizes) -> list[tuple[Sizes, list[Sizes], int]]:
    """As `pool_windows`, for windows [floor(o * cells / outputs), ceil((o + 1) * cells / outputs))."""
    windows = []
    for o in positions(outputs):
        ranges = [
            range(o[a] * cells[a] // outputs[a], -(-(o[a] + 1) * cells[a] // outputs[a])) for a in range(len(cells))
        ]
        inside = list(itertools.product(*ranges))
        windows.append((o, inside, len(inside)))
    return windows


def _outputs(windows: Sequence[tuple[Sizes, list[Sizes], int]]) -> Sizes:
    return tuple(last + 1 for last in windows[-1][0])


def max_pool(x: Array, windows: Sequence[tuple[Sizes, list[Sizes], int]]) -> tuple[Array, Array]:
    """(y, indices): the largest value and its flat position, the first of equals; a NaN is larger than everything."""
    y = np.full((*x.shape[:2], *_outputs(windows)), -np.inf)
    indices = np.full(y.shape, -1, np.int64)
    for n, c in positions(x.shape[:2]):
        for o, inside, _ in windows:
            for cell in inside:
                value, best = x[(n, c, *cell)], y[(n, c, *o)]
                if indices[(n, c, *o)] < 0 or value > best or (math.isnan(value) and not math.isnan(best)):
                    y[(n, c, *o)] = value
                    indices[(n, c, *o)] = np.ravel_multi_index(cell, x.shape[2:])
    return y, indices


def max_pool_backward(dy: Array, indices: Array, input_shape: Sizes) -> Array:
    """dx[index] += dy: the error goes to the winning cell."""
    dx = np.zeros(input_shape)
    for at in positions(dy.shape):
        if indices[at] >= 0:
            dx[(*at[:2], *np.unravel_index(indices[at], input_shape[2:]))] += dy[at]
    return dx


def _divisor(inside: int, padded: int, count_include_pad: bool, divisor: float | None) -> float:
    return divisor if divisor is not None else (padded if count_include_pad else inside)


def avg_pool(
    x: Array,
    windows: Sequence[tuple[Sizes, list[Sizes], int]],
    count_include_pad: bool = True,
    divisor: float | None = None,
) -> Array:
    """The mean of every window; 0 for one wholly in padding."""
    y = np.zeros((*x.shape[:2], *_outputs(windows)))
    for n, c in positions(x.shape[:2]):
        for o, inside, padded in windows:
            for cell in inside:
                y[(n, c, *o)] += float(x[(n, c, *cell)]) / _divisor(len(inside), padded, count_include_pad, divisor)
    return y


def avg_pool_backward(
    dy: Array,
    input_shape: Sizes,
    windows: Sequence[tuple[Sizes, list[Sizes], int]],
    count_include_pad: bool = True,
    divisor: float | None = None,
) -> Array:
    """The error of a window is divided equally among its cells."""
    dx = np.zeros(input_shape)
    for n, c in positions(input_shape[:2]):
        for o, inside, padded in windows:
            for cell in inside:
                dx[(n, c, *cell)] += float(dy[(n, c, *o)]) / _divisor(len(inside), padded, count_include_pad, divisor)
    return dx


def lp_pool(x: Array, windows: Sequence[tuple[Sizes, list[Sizes], int]], p: float = 2) -> Array:
    """(sum of |x|**p) ** (1/p) of every window."""
    y = np.zeros((*x.shape[:2], *_outputs(windows)))
    for n, c in positions(x.shape[:2]):
        for o, inside, _ in windows:
            y[(n, c, *o)] = sum(abs(float(x[(n, c, *cell)])) ** p for cell in inside) ** (1 / p)
    return y


def lp_pool_backward(dy: Array, x: Array, windows: Sequence[tuple[Sizes, list[Sizes], int]], p: float = 2) -> Array:
    """dx = dy * sign(x) * (|x| / y)**(p - 1), and 0 where y is 0."""
    y, dx = lp_pool(x, windows, p), np.zeros(x.shape)
    for n, c in positions(x.shape[:2]):
        for o, inside, _ in windows:
            for cell in inside:
                value, norm = float(x[(n, c, *cell)]), y[(n, c, *o)]
                if norm > 0 and value != 0:
                    share = math.copysign((abs(value) / norm) ** (p - 1), value)
                    dx[(n, c, *cell)] += float(dy[(n, c, *o)]) * share
    return dx


ACTIVATIONS = {
    None: lambda z: z,
    "relu": lambda z: max(z, 0.0),
    "leaky_relu": lambda z: z if z > 0 else 0.01 * z,
    "sigmoid": lambda z: 1 / (1 + math.exp(-z)) if z > 0 else math.exp(z) / (1 + math.exp(z)),
    "tanh": math.tanh,
    "softplus": lambda z: max(z, 0.0) + math.log1p(math.exp(-abs(z))),
    "gelu": lambda z: z * 0.5 * math.erfc(-z / math.sqrt(2)),
}


def activate(z: Array, name: str | None) -> Array:
    """An activation of each value."""
    return np.array([ACTIVATIONS[name](value) for value in z.ravel().tolist()]).reshape(z.shape)
