"""Convolution and its gradients: the formulas as loops over the taps of the kernel.

Channels are two axes, ``(group, channel of the group)``, so that groups are one more letter of an einsum.
"""

from collections.abc import Sequence

import numpy as np

from gemmconv import _core
from gemmconv._core import ConvOptions
from gemmconv.annotations import Array, PerAxis
from gemmconv.backends.numpy_arrays import answer, check_arrays
from gemmconv.backends.reference.activations import activated
from gemmconv.backends.reference.shapes import channels_first, check_bias, check_shape, in_layout
from gemmconv.backends.reference.strategies import chosen
from gemmconv.backends.reference.windows import inside, pad, seen, spread, taps, trailing


def forward(geometry: _core.Geometry, x: Array, w: Array) -> Array:
    """``y[k, i] = sum over c, m of w[k, c, m] x[c, i * stride + m * dilation - padding]``."""
    padded = grouped(geometry, pad(geometry, x))
    y = np.zeros((geometry.batch, geometry.groups, geometry.out_channels // geometry.groups, *geometry.output))
    for tap in taps(geometry):
        y += np.einsum("ngc...,gkc->ngk...", seen(geometry, padded, tap), kernel_at(geometry, w, tap))
    return ungrouped(y)


def backward_input(geometry: _core.Geometry, dy: Array, w: Array) -> Array:
    """The adjoint of `forward`: the derivative of each output is added to the cells that the output reads."""
    errors = grouped(geometry, dy.astype(np.float64))
    padded = spread(geometry, (geometry.batch, geometry.in_channels), 0, np.float64)
    by_group = grouped(geometry, padded)  # a view
    for tap in taps(geometry):
        cells = seen(geometry, by_group, tap)
        cells += np.einsum("ngk...,gkc->ngc...", errors, kernel_at(geometry, w, tap))
    return inside(geometry, padded)


def backward_weight(geometry: _core.Geometry, dy: Array, x: Array) -> Array:
    """``dw[k, c, m] = sum over n, i of dy[k, i] x[c, i * stride + m * dilation - padding]``."""
    padded = grouped(geometry, pad(geometry, x))
    errors = grouped(geometry, dy.astype(np.float64))
    dw = np.empty(geometry.w_shape)
    axes = "xyz"[: geometry.rank]
    for tap in taps(geometry):
        products = np.einsum(f"ngk{axes},ngc{axes}->gkc", errors, seen(geometry, padded, tap))
        dw[trailing(stored(geometry, tap))] = products.reshape(geometry.w_shape[:2])
    return dw


def finished(y: Array, bias: Array | None, activation: str | None) -> Array:
    """``activation(y + bias)``."""
    if bias is not None:
        y = y + bias.astype(np.float64).reshape(-1, *[1] * (y.ndim - 2))
    return activated(y, activation)


def grouped(geometry: _core.Geometry, array: Array) -> Array:
    """``(N, C, *spatial)`` as ``(N, group, channel of the group, *spatial)``."""
    batch, channels, *spatial = array.shape
    return array.reshape(batch, geometry.groups, channels // geometry.groups, *spatial)


def ungrouped(array: Array) -> Array:
    """The inverse of `grouped`."""
    batch, groups, channels, *spatial = array.shape
    return array.reshape(batch, groups * channels, *spatial)


def stored(geometry: _core.Geometry, tap: Sequence[int]) -> tuple[int, ...]:
    """The index of a tap's weight in ``w``: with ``flip``, ``w`` is the kernel rotated by 180 degrees."""
    return tuple(f - 1 - t for f, t in zip(geometry.kernel, tap, strict=True)) if geometry.flip else tuple(tap)


def kernel_at(geometry: _core.Geometry, w: Array, tap: Sequence[int]) -> Array:
    """The weights of one tap, as ``(group, output channel of the group, input channel of the group)``."""
    weights: Array = w[trailing(stored(geometry, tap))].astype(np.float64)
    return weights.reshape(geometry.groups, -1, weights.shape[1])


def geometry_of(x_shape: Sequence[int], w_shape: Sequence[int], options: ConvOptions) -> _core.Geometry:
    """The geometry of a convolution under these options."""
    return _core.Geometry(
        x_shape,
        w_shape,
        stride=options.stride,
        padding=options.padding,
        dilation=options.dilation,
        groups=options.groups,
        flip=options.flip,
        layout=options.layout,
    )


def conv(
    x: Array, w: Array, bias: Array | None, options: ConvOptions, activation: str | None, out: Array | None
) -> Array:
    """The forward pass."""
    dtype = check_arrays(x=x, w=w, bias=bias)
    chosen(options.strategy)
    activation = _core.read_activation(activation)
    geometry = geometry_of(x.shape, w.shape, options)
    check_bias(bias, geometry.out_channels)
    y = finished(forward(geometry, channels_first(x, geometry.layout), w), bias, activation)
    return answer(in_layout(y, geometry.layout), dtype, out)


def conv_backward_input(
    dy: Array, w: Array, input_shape: Sequence[int], options: ConvOptions, out: Array | None
) -> Array:
    """The gradient with respect to ``x``."""
    dtype = check_arrays(dy=dy, w=w)
    chosen(options.strategy)
    geometry = geometry_of(input_shape, w.shape, options)
    check_shape("dy", dy, geometry.y_shape)
    dx = backward_input(geometry, channels_first(dy, geometry.layout), w)
    return answer(in_layout(dx, geometry.layout), dtype, out)


def conv_backward_weight(
    dy: Array, x: Array, weight_shape: Sequence[int], options: ConvOptions, out: Array | None
) -> Array:
    """The gradient with respect to ``w``."""
    dtype = check_arrays(dy=dy, x=x)
    chosen(options.strategy)
    geometry = geometry_of(x.shape, weight_shape, options)
    check_shape("dy", dy, geometry.y_shape)
    dw = backward_weight(geometry, channels_first(dy, geometry.layout), channels_first(x, geometry.layout))
    return answer(dw, dtype, out)


def conv_backward_bias(dy: Array, layout: str, settings: _core.Settings) -> Array:
    """``db[k] = sum over n, i of dy[n, k, i]``."""
    dtype = check_arrays(dy=dy)
    _core.PoolGeometry(dy.shape, 1, layout=layout)  # one to three spatial axes, a known layout
    errors = channels_first(dy, layout).astype(np.float64)
    return answer(errors.sum(axis=(0, *range(2, dy.ndim))), dtype, None)


def conv_transpose(
    x: Array,
    w: Array,
    bias: Array | None,
    options: ConvOptions,
    output_padding: PerAxis,
    output_shape: Sequence[int] | None,
    activation: str | None,
    out: Array | None,
) -> Array:
    """The adjoint: the input gradient, with ``x`` as the error."""
    dtype = check_arrays(x=x, w=w, bias=bias)
    chosen(options.strategy)
    activation = _core.read_activation(activation)
    geometry = _core.Geometry.transposed(
        x.shape,
        w.shape,
        stride=options.stride,
        padding=options.padding,
        dilation=options.dilation,
        groups=options.groups,
        flip=options.flip,
        layout=options.layout,
        output_padding=output_padding,
        output_shape=output_shape,
    )
    check_bias(bias, geometry.in_channels)
    y = finished(backward_input(geometry, channels_first(x, geometry.layout), w), bias, activation)
    return answer(in_layout(y, geometry.layout), dtype, out)
