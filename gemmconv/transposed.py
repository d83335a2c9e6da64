"""Transposed convolution. It is the adjoint of `conv`, so that its gradients are the passes of a convolution."""

from collections.abc import Iterable, Sequence

from gemmconv import _core
from gemmconv.annotations import Array, Padding, PerAxis
from gemmconv.backends import backend_for
from gemmconv.backends.protocol import ConvOptions
from gemmconv.convolution import GRADIENTS, ConvGradients, Outputs, check_shape, wanted_gradients
from gemmconv.settings import current


def conv_transpose(
    x: Array,
    w: Array,
    bias: Array | None = None,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    output_padding: PerAxis = 0,
    output_shape: Sequence[int] | None = None,
    dilation: PerAxis = 1,
    groups: int = 1,
    flip: bool = False,
    layout: str = "NCHW",
    activation: str | None = None,
    strategy: str = "auto",
    backend: str | None = None,
    out: Array | None = None,
) -> Array:
    """Transposed convolution: the adjoint of `conv` with the same options. With a stride it enlarges images.

    Each cell of ``x`` adds the kernel, multiplied by its value, to the output. This is the input gradient of a
    convolution, with ``x`` in the place of ``dy``.

    Parameters
    ----------
    x : array, (N, C, *spatial)
        One, two or three spatial axes; float32 or float64.
    w : array, (C, K/groups, *kernel)
        Of the same dtype, with the channels in the order of PyTorch and ONNX.
    bias : array, (K,), optional
        Of the same dtype.
    stride, dilation, groups, flip, layout, activation, strategy, backend, out
        As in `conv`.
    padding : int, sequence of int, sequence of (low, high), or str
        The padding of the convolution, which is removed from the output here. ``"same"`` and ``"same_lower"`` give the
        output size ``in * stride``; ``"valid"`` removes nothing.
    output_padding : int or sequence of int
        Cells to add at the high end. With a stride, `conv` maps several input sizes to the same output size; this
        chooses among them.
    output_shape : sequence of int, optional
        The spatial sizes of the output; ``padding`` must then be 0. If cells have to be removed, half of them are
        removed at either end, an odd one at the low end as in ONNX; if cells are missing, they are added at the high
        end.

    Returns
    -------
    array, (N, K, *output)
        With ``output = (in - 1) * stride + dilation * (kernel - 1) + 1 + output_padding - padding_low - padding_high``.

    Raises
    ------
    ValueError, TypeError, UnsupportedError
        As `conv`; also if both ``padding`` and ``output_shape`` are given.

    Examples
    --------
    >>> import numpy as np
    >>> import gemmconv
    >>> x = np.array([[[1.0, 2.0]]])
    >>> gemmconv.conv_transpose(x, np.array([[[1.0, 10.0]]]), stride=2)
    array([[[ 1., 10.,  2., 20.]]])
    >>> gemmconv.conv_transpose(x, np.ones((1, 1, 3)), stride=2, padding="same").shape
    (1, 1, 4)
    >>> gemmconv.conv_transpose(x, np.ones((1, 1, 3)), stride=3, output_shape=(8,)).shape
    (1, 1, 8)
    """
    options = ConvOptions(stride, padding, dilation, groups, flip, layout, strategy, current.get())
    return backend_for(backend, x, w).conv_transpose(x, w, bias, options, output_padding, output_shape, activation, out)


def conv_transpose_backward(
    dy: Array,
    x: Array,
    w: Array,
    *,
    needs: Iterable[str] = GRADIENTS,
    stride: PerAxis = 1,
    padding: Padding = 0,
    output_padding: PerAxis = 0,
    output_shape: Sequence[int] | None = None,
    dilation: PerAxis = 1,
    groups: int = 1,
    flip: bool = False,
    layout: str = "NCHW",
    strategy: str = "auto",
    backend: str | None = None,
    out: Sequence[Array | None] | None = None,
) -> ConvGradients:
    """The gradients of `conv_transpose` with respect to ``x``, ``w`` and the bias, or those of them that are needed.

    As `conv_transpose` is the adjoint of a convolution, its input gradient is that convolution applied to ``dy``. Its
    weight gradient is the weight gradient of that convolution, with ``dy`` and ``x`` exchanged.

    Parameters
    ----------
    dy : array, (N, K, *output)
        The derivative of the loss with respect to the output of `conv_transpose`, before its activation.
    x : array, (N, C, *spatial)
        The input of `conv_transpose`.
    w : array, (C, K/groups, *kernel)
        The weights of `conv_transpose`.
    needs : iterable of {"input", "weight", "bias"}
        Which gradients to compute.
    stride, padding, output_padding, output_shape, dilation, groups, flip, layout, strategy, backend
        As in `conv_transpose`.
    out : sequence of three arrays or None, optional
        Arrays to write the three gradients to. For None a new array is made.

    Returns
    -------
    ConvGradients
        The named tuple ``(input, weight, bias)``, with None for each gradient that is not needed.

    Raises
    ------
    ValueError, TypeError, UnsupportedError
        As `conv_transpose`; also if ``dy`` does not have the shape of the output, or ``needs`` contains an unknown
        name.

    Examples
    --------
    >>> import numpy as np
    >>> import gemmconv
    >>> x, w = np.ones((1, 2, 4)), np.ones((2, 3, 3))
    >>> dy = np.ones((1, 3, 9))
    >>> dx, dw, db = gemmconv.conv_transpose_backward(dy, x, w, stride=2)
    >>> dx.shape, dw.shape, db.shape
    ((1, 2, 4), (2, 3, 3), (3,))
    """
    wanted = wanted_gradients(needs)
    chosen = backend_for(backend, dy, x, w)
    outputs = Outputs(chosen, out, dy, x, w)
    settings = current.get()
    geometry = _core.Geometry.transposed(
        x.shape,
        w.shape,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        flip=flip,
        layout=layout,
        output_padding=output_padding,
        output_shape=output_shape,
    )
    dtype = chosen.check_arrays(dy=dy, x=x, w=w)
    check_shape("dy", dy, geometry.x_shape)

    def run(pass_: str, second: Array, answer: Array | None) -> Array:
        plan = chosen.plan(pass_, geometry, dtype=dtype, activation=None, strategy=strategy, settings=settings)
        return plan(dy, second, out=answer) if pass_ == "forward" else plan(second, dy, out=answer)

    return outputs.filled(
        run("forward", w, outputs.direct[0]) if "input" in wanted else None,
        run("backward_weight", x, outputs.direct[1]) if "weight" in wanted else None,
        chosen.conv_backward_bias(dy, layout, settings) if "bias" in wanted else None,
    )
