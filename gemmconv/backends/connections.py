"""The sparsity pattern of a convolution's matrix: which input each output reads, with which weight."""

import math
from collections.abc import Sequence

import numpy as np

from gemmconv import _core
from gemmconv.annotations import Array


def connections(geometry: _core.Geometry) -> tuple[Array, Array, Array, tuple[int, int]]:
    """Rows, columns, taps and shape of the matrix of one image.

    A tap is a kernel cell, as a flat index. Rows and columns broadcast to ``(out_channels, in_channels / groups,
    connections)``, the shape of ``w.reshape(*w.shape[:2], -1)[:, :, tap]``, which are the elements of the matrix.
    """
    axes = [axis_connections(geometry, axis) for axis in range(geometry.rank)]
    outputs, taps, inputs = zip(*axes, strict=True)
    pixel_out = flat_index(outputs, geometry.output)
    tap = flat_index(taps, geometry.kernel)
    pixel_in = flat_index(inputs, geometry.input)

    out_channel = np.arange(geometry.out_channels)[:, None, None]
    group_channel = np.arange(geometry.in_channels // geometry.groups)[:, None]
    group = out_channel // (geometry.out_channels // geometry.groups)
    in_channel = group * (geometry.in_channels // geometry.groups) + group_channel
    rows = out_channel * math.prod(geometry.output) + pixel_out
    columns = in_channel * math.prod(geometry.input) + pixel_in
    shape = (geometry.out_channels * math.prod(geometry.output), geometry.in_channels * math.prod(geometry.input))
    return rows, columns, tap, shape


def axis_connections(geometry: _core.Geometry, axis: int) -> tuple[Array, Array, Array]:
    """Along one axis, every output cell, tap and input cell that belong together; taps in the padding are left out."""
    size = geometry.kernel[axis]
    output, tap = (index.ravel() for index in np.indices((geometry.output[axis], size)))
    cell = output * geometry.stride[axis] + tap * geometry.dilation[axis] - geometry.padding_low[axis]
    inside = (cell >= 0) & (cell < geometry.input[axis])
    stored_tap = size - 1 - tap if geometry.flip else tap
    return output[inside], stored_tap[inside], cell[inside]


def flat_index(indices: Sequence[Array], sizes: Sequence[int]) -> Array:
    """Flat positions in an array of these sizes, for every combination of one index from each axis."""
    return np.ravel_multi_index(np.ix_(*indices), tuple(sizes)).ravel()
