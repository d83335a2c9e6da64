"""Patches as columns, and their adjoint."""

from collections.abc import Sequence

import numpy as np

from gemmconv import _core
from gemmconv.annotations import Array, Padding, PerAxis
from gemmconv.backends.numpy_arrays import answer, check_arrays
from gemmconv.backends.reference.shapes import check_shape
from gemmconv.backends.reference.windows import inside, pad, seen, spread, taps


def im2col(
    x: Array, kernel_size: PerAxis, stride: PerAxis, padding: Padding, dilation: PerAxis, settings: _core.Settings
) -> Array:
    """One row of the matrix for each channel and tap: the cells that this tap reads, one for each output."""
    dtype = check_arrays(x=x)
    stride = _core.read_axes(stride, "stride", x.ndim - 2)  # here, unlike in pooling, None is not a stride
    window = _core.PoolGeometry(x.shape, kernel_size, stride=stride, padding=padding, dilation=dilation)
    padded = pad(window, x)
    columns = [seen(window, padded, tap) for tap in taps(window)]
    return answer(np.stack(columns, axis=2).reshape(columns_shape(window)), dtype, None)


def col2im(
    cols: Array,
    output_shape: Sequence[int],
    kernel_size: PerAxis,
    stride: PerAxis,
    padding: Padding,
    dilation: PerAxis,
    settings: _core.Settings,
) -> Array:
    """Each row of the matrix is added to the cells that its tap reads."""
    dtype = check_arrays(cols=cols)
    output_shape = _core.read_shape(output_shape, "output_shape", "the spatial sizes of the answer")
    if cols.ndim != 3:
        raise ValueError(f"cols must be (N, C * prod(kernel), L), not an array of shape {cols.shape}")
    batch, rows, _ = cols.shape
    stride = _core.read_axes(stride, "stride", len(output_shape))
    # The number of channels follows from the number of taps, which a geometry with one channel gives.
    area = np.prod(
        _core.PoolGeometry(
            (batch, 1, *output_shape), kernel_size, stride=stride, padding=padding, dilation=dilation
        ).kernel,
        dtype=int,
    )
    if rows % area or rows == 0:
        raise ValueError(f"cols has {rows} rows, not a multiple of the {area} taps of the kernel")
    window = _core.PoolGeometry(
        (batch, rows // area, *output_shape), kernel_size, stride=stride, padding=padding, dilation=dilation
    )
    check_shape("cols", cols, columns_shape(window))
    by_tap = cols.astype(np.float64).reshape(batch, window.channels, area, *window.output)
    padded = spread(window, (batch, window.channels), 0, np.float64)
    for position, tap in enumerate(taps(window)):
        cells = seen(window, padded, tap)
        cells += by_tap[:, :, position]
    return answer(inside(window, padded), dtype, None)


def columns_shape(window: _core.PoolGeometry) -> tuple[int, int, int]:
    """``(N, C * prod(kernel), L)``."""
    area, length = (int(np.prod(sizes)) for sizes in (window.kernel, window.output))
    return window.batch, window.channels * area, length
