"""Patches of an array as the columns of a matrix, and a convolution as a sparse matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gemmconv import _core
from gemmconv.annotations import Array, Padding, PerAxis
from gemmconv.backends import backend_for
from gemmconv.settings import current

if TYPE_CHECKING:
    import scipy.sparse


def im2col(
    x: Array,
    kernel_size: PerAxis,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    backend: str | None = None,
) -> Array:
    """The patches under a sliding window, as the columns of a matrix.

    ``cols[n, (c, m), i] = x[n, c, i * stride + m * dilation - padding_low]``. With the patches as columns, a
    convolution is a matrix product: ``w.reshape(K, -1) @ cols``. PyTorch calls this function ``unfold``.

    Parameters
    ----------
    x : array, (N, C, *spatial)
        One, two or three spatial axes; float32 or float64.
    kernel_size : int or sequence of int
        Size of the window: one for all spatial axes, or one for each.
    stride, padding, dilation
        As in `conv`.
    backend : {None, "cpu", "reference"}
        Where to compute. None chooses by the type of the arrays.

    Returns
    -------
    array, (N, C * prod(kernel), L)
        ``L`` is the number of positions of the window.

    Raises
    ------
    ValueError, TypeError
        As `conv`.

    Examples
    --------
    >>> import numpy as np
    >>> import gemmconv
    >>> gemmconv.im2col(np.arange(5.0).reshape(1, 1, 5), 3)
    array([[[0., 1., 2.],
            [1., 2., 3.],
            [2., 3., 4.]]])
    """
    return backend_for(backend, x).im2col(x, kernel_size, stride, padding, dilation, current.get())


def col2im(
    cols: Array,
    output_shape: Sequence[int],
    kernel_size: PerAxis,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    backend: str | None = None,
) -> Array:
    """The adjoint of `im2col`: each column is added to the cells that it was read from.

    Parameters
    ----------
    cols : array, (N, C * prod(kernel), L)
        Columns as `im2col` makes them, float32 or float64.
    output_shape : sequence of int
        The spatial sizes of the output.
    kernel_size, stride, padding, dilation, backend
        As in `im2col`.

    Returns
    -------
    array, (N, C, *output_shape)

    Raises
    ------
    ValueError, TypeError
        As `im2col`; also if ``cols`` does not have the shape that `im2col` would give.

    Examples
    --------
    >>> import numpy as np
    >>> import gemmconv
    >>> gemmconv.col2im(np.ones((1, 3, 3)), (5,), 3)
    array([[[1., 2., 3., 2., 1.]]])
    """
    return backend_for(backend, cols).col2im(cols, output_shape, kernel_size, stride, padding, dilation, current.get())


def conv_matrix(
    w: Array,
    input_shape: Sequence[int],
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    flip: bool = False,
    backend: str | None = None,
) -> scipy.sparse.csr_array:
    """The matrix ``M`` of a convolution: ``vec(conv(x, w)) = M @ vec(x)`` for one image.

    A convolution is a fully connected layer in which most connections are missing and the others share weights. The
    input gradient, and `conv_transpose`, multiply by ``M.T``.

    Parameters
    ----------
    w : array, (K, C/groups, *kernel)
        float32 or float64.
    input_shape : sequence of int
        ``(C, *spatial)``, the shape of one image.
    stride, padding, dilation, groups, flip
        As in `conv`.
    backend : {None, "cpu", "reference"}
        None chooses by the type of the arrays. The matrix does not depend on it.

    Returns
    -------
    scipy.sparse.csr_array, (K * prod(output), C * prod(spatial))
        Of the dtype of ``w``. Zeros in ``w`` are stored explicitly.

    Raises
    ------
    ValueError, TypeError
        As `conv`.
    ImportError
        If SciPy is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> import gemmconv
    >>> gemmconv.conv_matrix(np.array([[[1.0, 2.0]]]), (1, 4)).toarray()
    array([[1., 2., 0., 0.],
           [0., 1., 2., 0.],
           [0., 0., 1., 2.]])
    """
    chosen = backend_for(backend, w)
    chosen.check_arrays(w=w)
    geometry = _core.Geometry(
        (1, *input_shape), w.shape, stride=stride, padding=padding, dilation=dilation, groups=groups, flip=flip
    )
    return chosen.conv_matrix(w, geometry)


def rot180(w: Array, *, backend: str | None = None) -> Array:
    """The kernels rotated by 180 degrees: the spatial axes reversed.

    Parameters
    ----------
    w : array, (K, C, *kernel)
        Of any dtype.
    backend : {None, "cpu", "reference"}
        None chooses by the type of the arrays. The result does not depend on it.

    Returns
    -------
    array
        A view of ``w``, as `numpy.flip` gives.

    Raises
    ------
    ValueError
        If ``w`` has no spatial axis.
    TypeError
        If ``w`` is not an array.

    Examples
    --------
    >>> import numpy as np
    >>> import gemmconv
    >>> gemmconv.rot180(np.array([[[[1, 2], [3, 4]]]]))
    array([[[[4, 3],
             [2, 1]]]])
    """
    chosen = backend_for(backend, w)
    if w.ndim < 3:
        raise ValueError(
            f"rot180 takes (K, C, *kernel) with at least one spatial axis, not an array of shape {w.shape}"
        )
    rotated: Array = chosen.xp.flip(w, tuple(range(2, w.ndim)))
    return rotated
