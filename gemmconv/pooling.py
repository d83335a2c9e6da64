"""Pooling by average and by p-norm, with gradients. Max pooling is in ``max_pooling.py``."""

from collections.abc import Sequence

from gemmconv.annotations import Array, Padding, PerAxis
from gemmconv.backends import backend_for
from gemmconv.backends.protocol import PoolOptions
from gemmconv.settings import current


def avg_pool(
    x: Array,
    kernel_size: PerAxis,
    *,
    stride: PerAxis | None = None,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor: float | None = None,
    layout: str = "NCHW",
    backend: str | None = None,
    out: Array | None = None,
) -> Array:
    """The average of each window.

    Parameters
    ----------
    x : array, (N, C, *spatial)
        One, two or three spatial axes; float32 or float64.
    kernel_size, stride, padding, dilation, ceil_mode, layout, backend, out
        As in `max_pool`.
    count_include_pad : bool
        Whether padded cells take part in the average, as zeros. Cells beyond the padding never do.
    divisor : float, optional
        A number other than 0 to divide each sum by, instead of the number of cells.

    Returns
    -------
    array, (N, C, *output)
        Of the dtype of ``x``; 0 for a window that lies entirely in the padding.

    Raises
    ------
    ValueError, TypeError
        As `max_pool`; also if ``divisor`` is 0.

    Examples
    --------
    >>> import numpy as np
    >>> import gemmconv
    >>> x = np.array([[[1.0, 3.0, 5.0, 7.0]]])
    >>> gemmconv.avg_pool(x, 2)
    array([[[2., 6.]]])
    >>> gemmconv.avg_pool(x, 2, padding=1, count_include_pad=False)
    array([[[1., 4., 7.]]])
    """
    options = PoolOptions(kernel_size, stride, padding, dilation, ceil_mode, layout, current.get())
    return backend_for(backend, x).avg_pool(x, options, count_include_pad, divisor, out)


def avg_pool_backward(
    dy: Array,
    input_shape: Sequence[int],
    kernel_size: PerAxis,
    *,
    stride: PerAxis | None = None,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor: float | None = None,
    layout: str = "NCHW",
    backend: str | None = None,
    out: Array | None = None,
) -> Array:
    """The gradient of `avg_pool`: each element of ``dy``, divided as the average was, goes to every cell of its window.

    Parameters
    ----------
    dy : array, (N, C, *output)
        The derivative of the loss with respect to the output of `avg_pool`.
    input_shape : sequence of int
        The shape of ``x``, batch and channels included, in the order of ``layout``.
    kernel_size, stride, padding, dilation, ceil_mode, count_include_pad, divisor, layout, backend, out
        As in `avg_pool`.

    Returns
    -------
    array
        Of shape ``input_shape``.

    Raises
    ------
    ValueError, TypeError
        As `avg_pool`; also if ``dy`` does not have the shape that these options give.

    Examples
    --------
    >>> import numpy as np
    >>> import gemmconv
    >>> gemmconv.avg_pool_backward(np.array([[[2.0, 8.0]]]), (1, 1, 4), 2)
    array([[[1., 1., 4., 4.]]])
    """
    options = PoolOptions(kernel_size, stride, padding, dilation, ceil_mode, layout, current.get())
    return backend_for(backend, dy).avg_pool_backward(dy, input_shape, options, count_include_pad, divisor, out)


def lp_pool(
    x: Array,
    kernel_size: PerAxis,
    *,
    p: float = 2,
    stride: PerAxis | None = None,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    layout: str = "NCHW",
    backend: str | None = None,
    out: Array | None = None,
) -> Array:
    """The p-norm of each window: ``y = (sum |x|**p) ** (1/p)``. For ``p=2`` it is L2 pooling.

    Parameters
    ----------
    x : array, (N, C, *spatial)
        One, two or three spatial axes; float32 or float64.
    kernel_size, stride, padding, dilation, ceil_mode, layout, backend, out
        As in `max_pool`.
    p : float
        The norm's exponent, a positive number.

    Returns
    -------
    array, (N, C, *output)
        Of the dtype of ``x``; 0 for a window that lies entirely in the padding.

    Raises
    ------
    ValueError, TypeError
        As `max_pool`; also if ``p`` is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> import gemmconv
    >>> gemmconv.lp_pool(np.array([[[3.0, -4.0, 5.0, 12.0]]]), 2)
    array([[[ 5., 13.]]])
    """
    options = PoolOptions(kernel_size, stride, padding, dilation, ceil_mode, layout, current.get())
    return backend_for(backend, x).lp_pool(x, options, p, out)


def lp_pool_backward(
    dy: Array,
    x: Array,
    y: Array,
    kernel_size: PerAxis,
    *,
    p: float = 2,
    stride: PerAxis | None = None,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    layout: str = "NCHW",
    backend: str | None = None,
    out: Array | None = None,
) -> Array:
    """The gradient of `lp_pool`: ``dx = dy * sign(x) * |x|**(p-1) / y**(p-1)``, summed over the windows of a cell.

    Parameters
    ----------
    dy : array, (N, C, *output)
        The derivative of the loss with respect to ``y``.
    x : array, (N, C, *spatial)
        The input of `lp_pool`.
    y : array, (N, C, *output)
        The output of `lp_pool` for ``x``. Where it is 0, the gradient is 0.
    kernel_size, p, stride, padding, dilation, ceil_mode, layout, backend, out
        As in `lp_pool`.

    Returns
    -------
    array
        Of the shape of ``x``.

    Raises
    ------
    ValueError, TypeError
        As `lp_pool`; also if ``dy`` or ``y`` does not have the shape that these options give.

    Examples
    --------
    >>> import numpy as np
    >>> import gemmconv
    >>> x = np.array([[[3.0, -4.0]]])
    >>> y = gemmconv.lp_pool(x, 2)
    >>> gemmconv.lp_pool_backward(np.array([[[10.0]]]), x, y, 2)
    array([[[ 6., -8.]]])
    """
    options = PoolOptions(kernel_size, stride, padding, dilation, ceil_mode, layout, current.get())
    return backend_for(backend, dy, x, y).lp_pool_backward(dy, x, y, options, p, out)


def adaptive_avg_pool(
    x: Array,
    output_size: PerAxis,
    *,
    layout: str = "NCHW",
    backend: str | None = None,
    out: Array | None = None,
) -> Array:
    """Average pooling to a given output size.

    Output ``i`` along an axis averages the cells from ``floor(i * in / out)`` up to, not including,
    ``ceil((i + 1) * in / out)``.

    Parameters
    ----------
    x : array, (N, C, *spatial)
        One, two or three spatial axes; float32 or float64.
    output_size : int or sequence of int
        The spatial sizes of the output: one for all axes, or one for each.
    layout, backend, out
        As in `max_pool`.

    Returns
    -------
    array, (N, C, *output_size)
        Of the dtype of ``x``.

    Raises
    ------
    ValueError, TypeError
        As `max_pool`.

    Examples
    --------
    >>> import numpy as np
    >>> import gemmconv
    >>> gemmconv.adaptive_avg_pool(np.arange(5.0).reshape(1, 1, 5), 2)
    array([[[1., 3.]]])
    """
    return backend_for(backend, x).adaptive_avg_pool(x, output_size, layout, current.get(), out)


def adaptive_avg_pool_backward(
    dy: Array,
    input_shape: Sequence[int],
    *,
    layout: str = "NCHW",
    backend: str | None = None,
    out: Array | None = None,
) -> Array:
    """The gradient of `adaptive_avg_pool`: each element of ``dy`` is divided equally among the cells of its window.

    Parameters
    ----------
    dy : array, (N, C, *output_size)
        The derivative of the loss with respect to the output of `adaptive_avg_pool`.
    input_shape : sequence of int
        The shape of ``x``, batch and channels included, in the order of ``layout``.
    layout, backend, out
        As in `max_pool`.

    Returns
    -------
    array
        Of shape ``input_shape``.

    Raises
    ------
    ValueError, TypeError
        As `max_pool_backward`.

    Examples
    --------
    >>> import numpy as np
    >>> import gemmconv
    >>> gemmconv.adaptive_avg_pool_backward(np.array([[[3.0, 6.0]]]), (1, 1, 5))
    array([[[1., 1., 3., 2., 2.]]])
    """
    return backend_for(backend, dy).adaptive_avg_pool_backward(dy, input_shape, layout, current.get(), out)
