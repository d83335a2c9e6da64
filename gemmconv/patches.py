"""Patches: what a convolution sees at each output, as columns of a matrix; and convolution as a sparse matrix."""

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
    """The patches under a sliding window, as columns: after it a convolution is one product of matrices.

    ``cols[n, (c, m), i] = x[n, c, i * stride + m * dilation - padding_low]``: what Jefkine eq. 7 multiplies with
    ``w[m]``. PyTorch calls it ``unfold``.

    Parameters
    ----------
    x : array, (N, C, *spatial)
        One, two or three spatial axes; float32 or float64.
    kernel_size : int or sequence of int
        Size of the window: one for all axes, or one for each.
    stride, padding, dilation
        As in `conv`.
    backend : {None, "cpu", "reference"}
        None: by array type.

    Returns
    -------
    array, (N, C * prod(kernel), L)
        With ``L`` the number of outputs of such a convolution.

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
    """The adjoint of `im2col`: each column goes back to where it was read, and overlaps add.

    Parameters
    ----------
    cols : array, (N, C * prod(kernel), L)
        float32 or float64.
    output_shape : sequence of int
        The spatial sizes of the answer.
    kernel_size, stride, padding, dilation, backend
        As in `im2col`.

    Returns
    -------
    array, (N, C, *output_shape)

    Raises
    ------
    ValueError, TypeError
        As `im2col`; also if ``cols`` has not the shape that `im2col` would give.

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

    A convolution is a layer of a perceptron with most connections cut and the rest sharing their weights; its input
    gradient is ``M.T``, and so is `conv_transpose`.

    Parameters
    ----------
    w : array, (K, C/groups, *kernel)
        float32 or float64.
    input_shape : sequence of int
        ``(C, *spatial)``, the shape of one image.
    stride, padding, dilation, groups, flip
        As in `conv`.
    backend : {None, "cpu", "reference"}
        None: by array type. The matrix is the same.

    Returns
    -------
    scipy.sparse.csr_array, (K * prod(output), C * prod(spatial))
        Of the dtype of ``w``. Zeros in ``w`` are stored.

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
    """The kernels rotated by 180 degrees: the spatial axes reversed (Jefkine eq. 3).

    Parameters
    ----------
    w : array, (K, C, *kernel)
        Of any dtype.
    backend : {None, "cpu", "reference"}
        None: by array type. The answer is the same.

    Returns
    -------
    array
        A view of ``w``, as `numpy.flip` gives.

    Raises
    ------
    ValueError
        If ``w`` has no spatial axis.
    TypeError
        If ``w`` is no array.

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
