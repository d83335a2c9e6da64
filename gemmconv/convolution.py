"""Convolution and its gradients: each function calls its namesake of a backend, which checks arguments and computes."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gemmconv import _core
from gemmconv.annotations import Array, Padding, PerAxis
from gemmconv.backends import backend_for
from gemmconv.backends.protocol import Backend, ConvOptions
from gemmconv.settings import current

GRADIENTS = ("input", "weight", "bias")


class ConvGradients(NamedTuple):
    """The gradients of a convolution. Those that were not requested are None."""

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

    where ``i`` and ``m`` have one component for each spatial axis and ``low`` is the padding before the first cell.
    This is cross-correlation, which machine learning calls convolution (eq. 7 of [1]_). With ``flip=True`` the kernel
    is rotated by 180 degrees first, which gives mathematical convolution (eq. 2 and 3).

    Parameters
    ----------
    x : array, (N, C, *spatial)
        One, two or three spatial axes; float32 or float64.
    w : array, (K, C/groups, *kernel)
        Of the same dtype.
    bias : array, (K,), optional
        Of the same dtype.
    stride, dilation : int or sequence of int
        Steps between neighbouring outputs and between neighbouring kernel cells: one for all spatial axes, or one for
        each.
    padding : int, sequence of int, sequence of (low, high), or str
        How many zeros to add around ``x``: one number for all spatial axes, one for each, one pair for each, or a word.
        ``"valid"`` adds none. ``"same"`` gives the output size ``ceil(in / stride)``; if the zeros to add are odd in
        number, there is one more at the high end, with ``"same_lower"`` at the low end. ``"full"`` adds enough for
        every overlap of the kernel with ``x`` to give an output.
    groups : int
        Number of groups into which the channels are divided; each group is convolved on its own.
    flip : bool
        Whether to rotate the kernel by 180 degrees.
    layout : {"NCHW", "NHWC"}
        Whether the channels of ``x`` and of the output are the second or the last axis. ``w`` is the same in both.
    activation : {None, "relu", "leaky_relu", "sigmoid", "tanh", "softplus", "gelu"}
        Function applied after the bias, as the output is written; see `activate`.
    strategy : str
        The algorithm. ``"auto"`` chooses the one with the least estimated time. ``"measure"`` times those that can do
        the problem, once, and remembers the fastest. A name, such as ``"direct"``, ``"im2col"``, ``"implicit"`` or
        ``"depthwise"``, requests that strategy; a name with a variant, such as ``"implicit/bands"``, requests that
        variant of it. ``gemmconv.strategies()`` lists all of them.
    backend : {None, "cpu", "reference"}
        Where to compute. None chooses by the type of the arrays; ``"reference"`` is the slow, plain NumPy code.
    out : array, optional
        Array to write the output to and return. It must have the shape and dtype of the output and be C-contiguous.

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
        If the named strategy or variant cannot do this problem.

    See Also
    --------
    conv_backward : The gradients.
    conv_transpose : The adjoint.
    plan : Analyse a convolution once and run it many times.
    strategies : The strategies and variants that can be named.
    options : The number of threads, the limit on scratch memory, strict arithmetic and determinism.

    Notes
    -----
    A call runs under the current settings: those of the innermost ``with options(...)`` block, or of `set_options`.

    References
    ----------
    .. [1] Jefkine, "Backpropagation In Convolutional Neural Networks". ``docs/derivation.md`` follows its formulas.

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
    >>> with gemmconv.options(threads=1):
    ...     gemmconv.conv(x, edges, strategy="im2col/wide").shape
    (1, 1, 4, 3)
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

    ``dx[n, c, j] = sum over k, m of w[k, c, m] * dy[n, k, i]``, where ``i`` is the output that reads cell ``j`` with
    kernel cell ``m``, if there is one: ``j = i * stride + m * dilation - padding_low``. For stride 1 this is a full
    convolution of ``dy`` with the kernel.

    Parameters
    ----------
    dy : array, (N, K, *output)
        The derivative of the loss with respect to the output of `conv`, before its activation.
    w : array, (K, C/groups, *kernel)
        Of the same dtype.
    input_shape : sequence of int
        The shape of ``x``, batch and channels included, in the order of ``layout``.
    stride, padding, dilation, groups, flip, layout, strategy, backend, out
        As in `conv`.

    Returns
    -------
    array
        Of shape ``input_shape``.

    Raises
    ------
    ValueError, TypeError, UnsupportedError
        As `conv`; also if ``dy`` does not have the shape that these options give.

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

    ``dw[k, c, m] = sum over n, i of dy[n, k, i] * x[n, c, i * stride + m * dilation - padding_low]``
    (eq. 13 in ``docs/derivation.md``).

    Parameters
    ----------
    dy : array, (N, K, *output)
        The derivative of the loss with respect to the output of `conv`, before its activation.
    x : array, (N, C, *spatial)
        Of the same dtype.
    weight_shape : sequence of int
        The shape of ``w``.
    stride, padding, dilation, groups, flip, layout, strategy, backend, out
        As in `conv`.

    Returns
    -------
    array
        Of shape ``weight_shape``; zeros for an empty batch.

    Raises
    ------
    ValueError, TypeError, UnsupportedError
        As `conv`; also if ``dy`` does not have the shape that these options give.

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
        If ``dy`` does not have one to three spatial axes.
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
    """The gradients of `conv` with respect to ``x``, ``w`` and the bias, or those of them that are needed.

    Parameters
    ----------
    dy : array, (N, K, *output)
        The derivative of the loss with respect to the output of `conv`, before its activation.
    x : array, (N, C, *spatial)
        The input of `conv`.
    w : array, (K, C/groups, *kernel)
        The weights of `conv`.
    needs : iterable of {"input", "weight", "bias"}
        Which gradients to compute.
    stride, padding, dilation, groups, flip, layout, strategy, backend
        As in `conv`.
    out : sequence of three arrays or None, optional
        Arrays to write the three gradients to. For None a new array is made.

    Returns
    -------
    ConvGradients
        The named tuple ``(input, weight, bias)``, with None for each gradient that is not needed.

    Raises
    ------
    ValueError, TypeError, UnsupportedError
        As `conv_backward_input`; also if ``needs`` contains an unknown name.

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
    """The names in ``needs`` as a set; ValueError for an unknown one."""
    wanted = frozenset([needs] if isinstance(needs, str) else needs)
    unknown = sorted(repr(name) for name in wanted.difference(GRADIENTS))
    if unknown:
        raise ValueError(f"needs holds {', '.join(unknown)}: the gradients are {', '.join(map(repr, GRADIENTS))}")
    return wanted


class Outputs:
    """The arrays of ``out``, one for each of the three gradients, or None.

    ``direct`` holds the same arrays, but None for one that shares memory with an operand: a gradient computed later
    still reads the operand, so that array is written only at the end, by `filled`.
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
        """The gradients, each copied to its array of ``out`` unless it was computed there."""
        return ConvGradients(
            *(
                gradient if gradient is None or out is None or gradient is out else self._backend.write(gradient, out)
                for gradient, out in zip(gradients, self._out, strict=True)
            )
        )
