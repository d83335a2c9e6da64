"""Pooling layers. They have no weights, and only pass the error back (``docs/derivation.md``, pooling)."""

from dataclasses import KW_ONLY, dataclass
from typing import Any

from gemmconv import avg_pool, avg_pool_backward, lp_pool, lp_pool_backward, max_pool, max_pool_backward
from gemmconv.annotations import Array, Padding, PerAxis
from gemmconv.nn.layer import Layer, Mode


@dataclass(eq=False)
class MaxPool(Layer):
    """The largest of each window. The error goes to the winning unit, whose index the forward pass stores.

    Parameters
    ----------
    kernel_size : int or sequence of int
        The size of the window.
    stride, padding, dilation, ceil_mode, layout
        As in `gemmconv.max_pool`.

    Examples
    --------
    >>> import numpy as np
    >>> from gemmconv import nn
    >>> x = np.array([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]], float)[None, None]
    >>> nn.Network([nn.MaxPool(2)]).predict(x)[0, 0]
    array([[6., 8.],
           [3., 4.]])
    """

    kernel_size: PerAxis
    _: KW_ONLY
    stride: PerAxis | None = None
    padding: Padding = 0
    dilation: PerAxis = 1
    ceil_mode: bool = False
    layout: str = "NCHW"

    def _windows(self, mode: Mode) -> dict[str, Any]:
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "ceil_mode": self.ceil_mode,
            "layout": self.layout,
            "backend": mode.backend,
        }

    def weighted_input(self, a: Array, mode: Mode) -> tuple[Array, Any]:
        """The largest of each window; the indices of the winning units are stored."""
        y, winners = max_pool(a, self.kernel_size, return_indices=True, **self._windows(mode))
        return y, winners

    def forward(self, a: Array, mode: Mode) -> Array:
        """The largest of each window, without the indices."""
        y: Array = max_pool(a, self.kernel_size, **self._windows(mode))
        return y

    def backward_input(self, delta: Array, a: Array, kept: Any, mode: Mode) -> Array:
        """The error at the winning unit of its window, zero at the others."""
        return max_pool_backward(delta, kept, a.shape, layout=self.layout, backend=mode.backend)


@dataclass(eq=False)
class AvgPool(Layer):
    """The mean of each window. Each of its units receives the same share of the error.

    Parameters
    ----------
    kernel_size : int or sequence of int
        The size of the window.
    stride, padding, dilation, ceil_mode, count_include_pad, divisor, layout
        As in `gemmconv.avg_pool`.

    Examples
    --------
    >>> import numpy as np
    >>> from gemmconv import nn
    >>> nn.Network([nn.AvgPool(2)]).predict(np.arange(4.0).reshape(1, 1, 2, 2))
    array([[[[1.5]]]])
    """

    kernel_size: PerAxis
    _: KW_ONLY
    stride: PerAxis | None = None
    padding: Padding = 0
    dilation: PerAxis = 1
    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor: float | None = None
    layout: str = "NCHW"

    def _windows(self, mode: Mode) -> dict[str, Any]:
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "ceil_mode": self.ceil_mode,
            "count_include_pad": self.count_include_pad,
            "divisor": self.divisor,
            "layout": self.layout,
            "backend": mode.backend,
        }

    def weighted_input(self, a: Array, mode: Mode) -> tuple[Array, Any]:
        """The mean of each window."""
        return avg_pool(a, self.kernel_size, **self._windows(mode)), None

    def backward_input(self, delta: Array, a: Array, kept: Any, mode: Mode) -> Array:
        """An equal share of the error at each unit of the window."""
        return avg_pool_backward(delta, a.shape, self.kernel_size, **self._windows(mode))


@dataclass(eq=False)
class LpPool(Layer):
    """The p-norm of each window: ``(sum |x|**p) ** (1/p)``, for p = 2 the L2 pooling of the literature.

    Parameters
    ----------
    kernel_size : int or sequence of int
        The size of the window.
    p : float
        The exponent.
    stride, padding, dilation, ceil_mode, layout
        As in `gemmconv.lp_pool`.

    Examples
    --------
    >>> import numpy as np
    >>> from gemmconv import nn
    >>> nn.Network([nn.LpPool(2)]).predict(np.array([[[[3.0, 0.0], [0.0, 4.0]]]]))
    array([[[[5.]]]])
    """

    kernel_size: PerAxis
    _: KW_ONLY
    p: float = 2.0
    stride: PerAxis | None = None
    padding: Padding = 0
    dilation: PerAxis = 1
    ceil_mode: bool = False
    layout: str = "NCHW"

    def _windows(self, mode: Mode) -> dict[str, Any]:
        return {
            "p": self.p,
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "ceil_mode": self.ceil_mode,
            "layout": self.layout,
            "backend": mode.backend,
        }

    def weighted_input(self, a: Array, mode: Mode) -> tuple[Array, Any]:
        """The norm of each window, which is also stored for the backward pass."""
        y = lp_pool(a, self.kernel_size, **self._windows(mode))
        return y, y

    def backward_input(self, delta: Array, a: Array, kept: Any, mode: Mode) -> Array:
        """A share ``(|x| / y)**(p - 1) * sign(x)`` of the error at each unit of the window."""
        return lp_pool_backward(delta, a, kept, self.kernel_size, **self._windows(mode))
