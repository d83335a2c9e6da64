"""Max pooling, its gradient, and unpooling. The winning unit of a window is the one with the largest value."""

from collections.abc import Sequence
from typing import Literal, overload

from gemmconv.annotations import Array, Padding, PerAxis
from gemmconv.backends import backend_for
from gemmconv.backends.protocol import PoolOptions
from gemmconv.settings import current


@overload
def max_pool(
    x: Array,
    kernel_size: PerAxis,
    *,
    stride: PerAxis | None = None,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
    layout: str = "NCHW",
    backend: str | None = None,
    out: Array | None = None,
) -> Array: ...
@overload
def max_pool(
    x: Array,
    kernel_size: PerAxis,
    *,
    stride: PerAxis | None = None,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    return_indices: Literal[True],
    layout: str = "NCHW",
    backend: str | None = None,
    out: Array | None = None,
) -> tuple[Array, Array]: ...
@overload
def max_pool(
    x: Array,
    kernel_size: PerAxis,
    *,
    stride: PerAxis | None = None,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    return_indices: bool,
    layout: str = "NCHW",
    backend: str | None = None,
    out: Array | None = None,
) -> Array | tuple[Array, Array]: ...
def max_pool(
    x: Array,
    kernel_size: PerAxis,
    *,
    stride: PerAxis | None = None,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    layout: str = "NCHW",
    backend: str | None = None,
    out: Array | None = None,
) -> Array | tuple[Array, Array]:
    """The largest value of each window, and on request where it was.

    Parameters
    ----------
    x : array, (N, C, *spatial)
        One, two or three spatial axes; float32 or float64.
    kernel_size : int or sequence of int
        Size of the window: one for all spatial axes, or one for each.
    stride : int or sequence of int, optional
        Steps between neighbouring windows. None is ``kernel_size``: windows side by side.
    padding, dilation
        As in `conv`. Padded cells do not count; a window that lies entirely in the padding gives -inf and index -1.
    ceil_mode : bool
        Whether to round output sizes up, so that the last window may extend beyond the padded input. A window that
        would start in the padding at the high end is left out in any case.
    return_indices : bool
        Whether to return the indices of the largest values as well.
    layout : {"NCHW", "NHWC"}
        Whether the channels are the second or the last axis.
    backend : {None, "cpu", "reference"}
        Where to compute. None chooses by the type of the arrays.
    out : array, optional
        Array to write ``y`` to and return.

    Returns
    -------
    y : array, (N, C, *output)
        Of the dtype of ``x``. A window that contains NaN gives NaN.
    indices : array of int64, of the same shape
        Only with ``return_indices``: the flat position of each largest value among the spatial cells of its channel, as
        in PyTorch. If several cells are equal, it is the first of them in C order; a NaN counts as the largest value.

    Raises
    ------
    ValueError
        If shapes and options do not fit each other, or an output would have a size below 1.
    TypeError
        If the dtype or kind of an array is not supported.

    Examples
    --------
    The example of [B] in ``docs/derivation.md``, four windows of four cells:

    >>> import numpy as np
    >>> import gemmconv
    >>> x = np.array([[1.0, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])
    >>> y, indices = gemmconv.max_pool(x[None, None], 2, return_indices=True)
    >>> y[0, 0]
    array([[6., 8.],
           [3., 4.]])
    >>> indices[0, 0]
    array([[ 5,  7],
           [ 8, 15]])
    """
    options = PoolOptions(kernel_size, stride, padding, dilation, ceil_mode, layout, current.get())
    return backend_for(backend, x).max_pool(x, options, return_indices, out)


def max_pool_backward(
    dy: Array,
    indices: Array,
    input_shape: Sequence[int],
    *,
    layout: str = "NCHW",
    backend: str | None = None,
    out: Array | None = None,
) -> Array:
    """The gradient of `max_pool` and `adaptive_max_pool`: ``dy`` at the winning units, zeros elsewhere.

    Parameters
    ----------
    dy : array, (N, C, *output)
        The derivative of the loss with respect to the output of the pooling.
    indices : array of int64
        As the pooling returned them. Where one is -1, the element of ``dy`` is dropped.
    input_shape : sequence of int
        The shape of ``x``, batch and channels included, in the order of ``layout``.
    layout, backend, out
        As in `max_pool`.

    Returns
    -------
    array
        Of shape ``input_shape``. If a unit won several windows, their elements of ``dy`` are added.

    Raises
    ------
    ValueError
        If the shapes do not fit each other, or an index lies outside the plane.
    TypeError
        If dtypes or kinds of arrays are mixed or not supported.

    Examples
    --------
    >>> import numpy as np
    >>> import gemmconv
    >>> gemmconv.max_pool_backward(np.array([[[10.0, 20.0]]]), np.array([[[1, 2]]]), (1, 1, 4))
    array([[[ 0., 10., 20.,  0.]]])
    """
    return backend_for(backend, dy, indices).max_pool_backward(dy, indices, input_shape, layout, current.get(), out)


def max_unpool(
    y: Array,
    indices: Array,
    output_shape: Sequence[int],
    *,
    layout: str = "NCHW",
    backend: str | None = None,
    out: Array | None = None,
) -> Array:
    """The partial inverse of `max_pool`: each value at the position that its index tells, zeros elsewhere.

    Parameters
    ----------
    y : array, (N, C, *output)
        The values, float32 or float64.
    indices : array of int64
        As `max_pool` returned them. A value with index -1 is dropped; of several with the same index the last in C
        order is written.
    output_shape : sequence of int
        The shape of the output, batch and channels included, in the order of ``layout``.
    layout, backend, out
        As in `max_pool`.

    Returns
    -------
    array
        Of shape ``output_shape``.

    Raises
    ------
    ValueError, TypeError
        As `max_pool_backward`.

    Examples
    --------
    >>> import numpy as np
    >>> import gemmconv
    >>> gemmconv.max_unpool(np.array([[[6.0, 8.0]]]), np.array([[[1, 2]]]), (1, 1, 4))
    array([[[0., 6., 8., 0.]]])
    """
    return backend_for(backend, y, indices).max_unpool(y, indices, output_shape, layout, current.get(), out)


def max_unpool_backward(
    dx: Array, indices: Array, *, layout: str = "NCHW", backend: str | None = None, out: Array | None = None
) -> Array:
    """The gradient of `max_unpool`: the elements of ``dx`` at the positions that the indices tell.

    Parameters
    ----------
    dx : array, (N, C, *spatial)
        The derivative of the loss with respect to the output of `max_unpool`.
    indices : array of int64, (N, C, *output)
        As for `max_unpool`. Where one is -1, the output is 0.
    layout, backend, out
        As in `max_pool`.

    Returns
    -------
    array
        Of the shape of ``indices``.

    Raises
    ------
    ValueError, TypeError
        As `max_pool_backward`.

    Examples
    --------
    >>> import numpy as np
    >>> import gemmconv
    >>> gemmconv.max_unpool_backward(np.array([[[1.0, 2.0, 3.0, 4.0]]]), np.array([[[1, 2]]]))
    array([[[2., 3.]]])
    """
    return backend_for(backend, dx, indices).max_unpool_backward(dx, indices, layout, current.get(), out)


@overload
def adaptive_max_pool(
    x: Array,
    output_size: PerAxis,
    *,
    return_indices: Literal[False] = False,
    layout: str = "NCHW",
    backend: str | None = None,
    out: Array | None = None,
) -> Array: ...
@overload
def adaptive_max_pool(
    x: Array,
    output_size: PerAxis,
    *,
    return_indices: Literal[True],
    layout: str = "NCHW",
    backend: str | None = None,
    out: Array | None = None,
) -> tuple[Array, Array]: ...
@overload
def adaptive_max_pool(
    x: Array,
    output_size: PerAxis,
    *,
    return_indices: bool,
    layout: str = "NCHW",
    backend: str | None = None,
    out: Array | None = None,
) -> Array | tuple[Array, Array]: ...
def adaptive_max_pool(
    x: Array,
    output_size: PerAxis,
    *,
    return_indices: bool = False,
    layout: str = "NCHW",
    backend: str | None = None,
    out: Array | None = None,
) -> Array | tuple[Array, Array]:
    """Max pooling to a given output size: the largest value of each window, and on request where it was.

    The windows are those of `adaptive_avg_pool`. The gradient is `max_pool_backward`.

    Parameters
    ----------
    x : array, (N, C, *spatial)
        One, two or three spatial axes; float32 or float64.
    output_size : int or sequence of int
        The spatial sizes of the output: one for all axes, or one for each.
    return_indices, layout, backend, out
        As in `max_pool`.

    Returns
    -------
    y : array, (N, C, *output_size)
        Of the dtype of ``x``.
    indices : array of int64, of the same shape
        Only with ``return_indices``, as in `max_pool`.

    Raises
    ------
    ValueError, TypeError
        As `max_pool`.

    Examples
    --------
    >>> import numpy as np
    >>> import gemmconv
    >>> gemmconv.adaptive_max_pool(np.arange(5.0).reshape(1, 1, 5), 2)
    array([[[2., 4.]]])
    """
    return backend_for(backend, x).adaptive_max_pool(x, output_size, return_indices, layout, current.get(), out)
