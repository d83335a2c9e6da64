"""Convolution and its gradients: each function calls that of a backend, which checks, plans and runs."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gemmconv import _core
from gemmconv.annotations import Array, Padding, PerAxis
from gemmconv.backends import backend_for
from gemmconv.backends.protocol import Backend, ConvOptions
from gemmconv.settings import current

GRADIENTS = ("input", "weight", "bias")


class ConvGradients(NamedTuple):
    """The gradients of a convolution; None where one was not asked for."""

    input: Array | None
    weight: Array | None
    bias: Array | None


def conv(
    x: Array,
    w: Array,
    bias: Array | None = None,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    flip: bool = False,
    layout: str = "NCHW",
    activation: str | None = None,
    strategy: str = "auto",
    backend: str | None = None,
    out: Array | None = None,
) -> Array:
    """Convolve a batch of images, signals or volumes with a bank of kernels.

    ``y[n, k, i] = activation(bias[k] + sum over c, m of w[k, c, m] * x[n, c, i * stride + m * dilation - low])``
    with ``low`` the padding in front, and one such index for each spatial axis: cross-correlation, which machine
    learning calls convolution (Jefkine eq. 7). With ``flip=True`` the kernel is rotated by 180 degrees first:
    mathematical convolution (eq. 2, 3).

    Parameters
    ----------
    x : array, (N, C, *spatial)
        One, two or three spatial axes; float32 or float64.
    w : array, (K, C/groups, *kernel)
        Of the same dtype.
    bias : array, (K,), optional
        Of the same dtype.
    stride, dilation : int or sequence of int
        One for all spatial axes, or one for each.
    padding : int, sequence of int, sequence of (low, high), or str
        Zeros around ``x``: one number for all axes, one for each, one pair for each, or a word: ``"valid"`` (none),
        ``"same"`` (output ``ceil(in / stride)``, the odd cell at the high end), ``"same_lower"`` (at the low end),
        ``"full"`` (every overlap).
    groups : int
        Into how many independent convolutions the channels are split.
    flip : bool
        Whether the kernel is rotated by 180 degrees.
    layout : {"NCHW", "NHWC"}
        Where the channels of ``x`` and of the answer stand: second or last. ``w`` stays as it is.
    activation : {None, "relu", "leaky_relu", "sigmoid", "tanh", "softplus", "gelu"}
        Applied after the bias, as the answer is written.
    strategy : str
        ``"auto"``, ``"measure"`` (time the candidates once and remember), or a name: ``"direct"``, ``"im2col"``,
        ``"implicit"``, ``"winograd"``, ``"fft"``, ``"depthwise"``, or one with a variant, ``"implicit/bands"``:
        `strategies` lists them.
    backend : {None, "cpu", "reference"}
        None: by array type. ``"reference"`` is the plain NumPy one.
    out : array, optional
        Where to write the answer, of its shape and dtype.

    Returns
    -------
    array, (N, K, *output)
        With ``output = floor((in - dilation * (kernel - 1) - 1 + padding_low + padding_high) / stride) + 1``.

    Raises
    ------
    ValueError
        If shapes and options do not fit each other, or an output would have a size below 1.
    TypeError
        If dtypes or kinds of arrays are mixed or not supported.
    UnsupportedError
        If the named strategy cannot do this problem.

    Examples
    --------
    >>> import numpy as np
    >>> import gemmconv
    >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> edges = np.array([[[[-1.0, 1.0]]]])
    >>> gemmconv.conv(x, edges)[0, 0, 0]
    array([1., 1., 1.])
    >>> gemmconv.conv(x, edges, flip=True)[0, 0, 0]
    array([-1., -1., -1.])
    >>> gemmconv.conv(x, edges, padding="same", stride=2).shape
    (1, 1, 2, 2)
    """
    options = ConvOptions(stride, padding, dilation, groups, flip, layout, strategy, current.get())
    return backend_for(backend, x, w).conv(x, w, bias, options, activation, out)


def conv_backward_input(
    dy: Array,
    w: Array,
    input_shape: Sequence[int],
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    flip: bool = False,
    layout: str = "NCHW",
    strategy: str = "auto",
    backend: str | None = None,
    out: Array | None = None,
) -> Array:
    """The gradient of `conv` with respect to ``x``.

    ``dx[n, c, j] = sum over k, m of w[k, c, m] * dy[n, k, i]`` over the outputs ``i`` whose tap ``m`` falls on the
    cell ``j``: for stride 1 a full convolution of ``dy`` with the kernel (Jefkine, the sum over
    ``delta[i' - m, j' - n] * w[m, n]``).

    Parameters
    ----------
    dy : array, (N, K, *output)
        The derivative of the loss with respect to the output of `conv`, before its activation.
    w : array, (K, C/groups, *kernel)
        Of the same dtype.
    input_shape : sequence of int
        The whole shape of ``x``, in the layout.
    stride, padding, dilation, groups, flip, layout, strategy, backend, out
        As in `conv`.

    Returns
    -------
    array
        Of shape ``input_shape``.

    Raises
    ------
    ValueError, TypeError, UnsupportedError
        As `conv`; also if ``dy`` has not the shape that these options give.

    Examples
    --------
    >>> import numpy as np
    >>> import gemmconv
    >>> w = np.array([[[1.0, 2.0, 3.0]]])
    >>> gemmconv.conv_backward_input(np.array([[[1.0, 0.0]]]), w, (1, 1, 4))
    array([[[1., 2., 3., 0.]]])
    """
    options = ConvOptions(stride, padding, dilation, groups, flip, layout, strategy, current.get())
    return backend_for(backend, dy, w).conv_backward_input(dy, w, input_shape, options, out)


def conv_backward_weight(
    dy: Array,
    x: Array,
    weight_shape: Sequence[int],
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    flip: bool = False,
    layout: str = "NCHW",
    strategy: str = "auto",
    backend: str | None = None,
    out: Array | None = None,
) -> Array:
    """The gradient of `conv` with respect to ``w``.

    ``dw[k, c, m] = sum over n, i of dy[n, k, i] * x[n, c, i * stride + m * dilation - padding_low]`` (Jefkine eq. 13).

    Parameters
    ----------
    dy : array, (N, K, *output)
        The derivative of the loss with respect to the output of `conv`, before its activation.
    x : array, (N, C, *spatial)
        Of the same dtype.
    weight_shape : sequence of int
        The whole shape of ``w``.
    stride, padding, dilation, groups, flip, layout, strategy, backend, out
        As in `conv`.

    Returns
    -------
    array
        Of shape ``weight_shape``; zeros for an empty batch.

    Raises
    ------
    ValueError, TypeError, UnsupportedError
        As `conv`; also if ``dy`` has not the shape that these options give.

    Examples
    --------
    >>> import numpy as np
    >>> import gemmconv
    >>> x = np.array([[[1.0, 2.0, 3.0, 4.0]]])
    >>> gemmconv.conv_backward_weight(np.array([[[1.0, 1.0]]]), x, (1, 1, 3))
    array([[[3., 5., 7.]]])
    """
    options = ConvOptions(stride, padding, dilation, groups, flip, layout, strategy, current.get())
    return backend_for(backend, dy, x).conv_backward_weight(dy, x, weight_shape, options, out)


def conv_backward_bias(dy: Array, *, layout: str = "NCHW", backend: str | None = None) -> Array:
    """The gradient of `conv` with respect to its bias: ``db[k] = sum over n, i of dy[n, k, i]``.

    Parameters
    ----------
    dy : array, (N, K, *output)
        The derivative of the loss with respect to the output of `conv`, before its activation.
    layout, backend
        As in `conv`.

    Returns
    -------
    array, (K,)
        Zeros for an empty batch.

    Raises
    ------
    ValueError
        If ``dy`` has not one to three spatial axes.
    TypeError
        If its dtype or kind is not supported.

    Examples
    --------
    >>> import numpy as np
    >>> import gemmconv
    >>> gemmconv.conv_backward_bias(np.ones((2, 3, 4, 4)))
    array([32., 32., 32.])
    """
    return backend_for(backend, dy).conv_backward_bias(dy, layout, current.get())


def conv_backward(
    dy: Array,
    x: Array,
    w: Array,
    *,
    needs: Iterable[str] = GRADIENTS,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    flip: bool = False,
    layout: str = "NCHW",
    strategy: str = "auto",
    backend: str | None = None,
    out: Sequence[Array | None] | None = None,
) -> ConvGradients:
    """All the gradients of `conv` that are needed, and no other.

    Parameters
    ----------
    dy : array, (N, K, *output)
        The derivative of the loss with respect to the output of `conv`, before its activation.
    x : array, (N, C, *spatial)
        What was convolved.
    w : array, (K, C/groups, *kernel)
        With what.
    needs : iterable of {"input", "weight", "bias"}
        Which gradients to compute.
    stride, padding, dilation, groups, flip, layout, strategy, backend
        As in `conv`.
    out : sequence of three arrays or None, optional
        Where to write the three gradients; None makes a new array.

    Returns
    -------
    ConvGradients
        ``(input, weight, bias)``, None where not needed.

    Raises
    ------
    ValueError, TypeError, UnsupportedError
        As `conv_backward_input`; also if ``needs`` holds an unknown name.

    Examples
    --------
    >>> import numpy as np
    >>> import gemmconv
    >>> x, w = np.ones((2, 3, 8, 8)), np.ones((4, 3, 3, 3))
    >>> dy = np.ones((2, 4, 6, 6))
    >>> dx, dw, db = gemmconv.conv_backward(dy, x, w)
    >>> dx.shape, dw.shape, db.shape
    ((2, 3, 8, 8), (4, 3, 3, 3), (4,))
    >>> gemmconv.conv_backward(dy, x, w, needs=("weight",)).input is None
    True
    """
    wanted = wanted_gradients(needs)
    chosen = backend_for(backend, dy, x, w)
    outputs = Outputs(chosen, out, dy, x, w)
    chosen.check_arrays(dy=dy, x=x, w=w)
    if not wanted & {"input", "weight"}:  # otherwise the backend's functions check the shapes
        geometry = _core.Geometry(
            x.shape, w.shape, stride=stride, padding=padding, dilation=dilation, groups=groups, flip=flip, layout=layout
        )
        check_shape("dy", dy, geometry.y_shape)
    settings = current.get()
    options = ConvOptions(stride, padding, dilation, groups, flip, layout, strategy, settings)
    dx, dw, _ = outputs.direct
    return outputs.filled(
        chosen.conv_backward_input(dy, w, x.shape, options, dx) if "input" in wanted else None,
        chosen.conv_backward_weight(dy, x, w.shape, options, dw) if "weight" in wanted else None,
        chosen.conv_backward_bias(dy, layout, settings) if "bias" in wanted else None,
    )


def check_shape(name: str, array: Array, expected: Sequence[int]) -> None:
    """ValueError unless the array has that shape."""
    if array.shape != tuple(expected):
        raise ValueError(f"{name} has shape {array.shape}, but the other arguments make it {tuple(expected)}")


def wanted_gradients(needs: Iterable[str]) -> frozenset[str]:
    """``needs`` as a set, checked."""
    wanted = frozenset([needs] if isinstance(needs, str) else needs)
    unknown = sorted(repr(name) for name in wanted.difference(GRADIENTS))
    if unknown:
        raise ValueError(f"needs holds {', '.join(unknown)}: the gradients are {', '.join(map(repr, GRADIENTS))}")
    return wanted


class Outputs:
    """Where three gradients go.

    ``direct`` holds the arrays that may be written as each gradient is made. One that shares memory with an operand may
    not: a later gradient still reads the operand.
    """

    def __init__(self, backend: Backend, out: Sequence[Array | None] | None, *operands: Array) -> None:
        if out is None:
            out = (None, None, None)
        if not isinstance(out, tuple | list) or len(out) != 3:
            raise ValueError("out must be three arrays or Nones: for the gradients of input, weight and bias")
        self._backend = backend
        self._out = out
        arrays = [array for array in out if backend.owns(array)]
        for i, array in enumerate(arrays):
            if self._shares(array, arrays[:i]):
                raise ValueError("two arrays of out share memory; each gradient needs its own")
        self.direct = [None if backend.owns(array) and self._shares(array, operands) else array for array in out]

    def _shares(self, array: Array | None, others: Sequence[Array | None]) -> bool:
        return any(self._backend.xp.may_share_memory(array, other) for other in others)

    def filled(self, *gradients: Array | None) -> ConvGradients:
        """The gradients, copied to where they were wanted unless they are there."""
        return ConvGradients(
            *(
                gradient if gradient is None or out is None or gradient is out else self._backend.write(gradient, out)
                for gradient, out in zip(gradients, self._out, strict=True)
            )
        )
