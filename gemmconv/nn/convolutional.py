"""The layers that convolve. The arithmetic is the library's: each method is one call of a public function."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from math import prod
from typing import Any

import numpy as np

from gemmconv import (
    conv,
    conv_backward_bias,
    conv_backward_input,
    conv_backward_weight,
    conv_transpose,
    conv_transpose_backward,
)
from gemmconv.annotations import Array, Padding, PerAxis
from gemmconv.nn.layer import Layer, Mode, check_activation, constant, first_weights


def channels_of(shape: tuple[int, ...], layout: str) -> int:
    """The number of channels of a batch of that shape."""
    return shape[-1 if layout == "NHWC" else 1]


def kernel_shape(kernel_size: PerAxis, input_shape: tuple[int, ...], layer: str) -> tuple[int, ...]:
    """``kernel_size`` with one entry for each spatial axis of the input."""
    axes = len(input_shape) - 2
    if axes not in (1, 2, 3):
        raise ValueError(
            f"{layer} takes a batch (N, C, *spatial) with 1 to 3 spatial axes, not one of shape {input_shape}"
        )
    sizes = (kernel_size,) if isinstance(kernel_size, int | np.integer) else tuple(kernel_size)
    if len(sizes) == 1:
        sizes *= axes
    if len(sizes) != axes or min(sizes) < 1:
        raise ValueError(
            f"{layer} has kernel_size={kernel_size}: its input of shape {input_shape} needs one positive size, "
            f"or one for each of its {axes} spatial axes"
        )
    return tuple(int(size) for size in sizes)


def check_channels(in_channels: int, out_channels: int, groups: int, layer: str) -> None:
    """ValueError unless both numbers of channels are divisible by ``groups``."""
    if in_channels % groups or out_channels % groups:
        raise ValueError(
            f"{layer} has groups={groups}, which must divide its {in_channels} input and {out_channels} output channels"
        )


@dataclass(eq=False)
class Conv(Layer):
    """Convolution: ``z = w (*) a + b`` (eq. 7 in ``docs/derivation.md``).

    Parameters
    ----------
    out_channels : int
        The number of kernels.
    kernel_size : int or sequence of int
        One for all spatial axes, or one for each.
    stride, padding, dilation, groups, flip, layout, strategy
        As in `gemmconv.conv`.
    bias : bool
        Whether ``b``, one number for each output channel, is added.
    activation : str, optional
        The name of ``sigma`` in ``a = sigma(z)``, as in `gemmconv.activate`.

    Raises
    ------
    ValueError
        For an unknown activation here; for shapes that do not fit, at the first batch.

    Notes
    -----
    Weights ``(out_channels, C / groups, *kernel)`` are drawn as in He et al. (2015) for the one-sided activations and
    as in Glorot and Bengio (2010) for the others; the bias starts at zero.

    Examples
    --------
    >>> import numpy as np
    >>> from gemmconv import nn
    >>> network = nn.Network([nn.Conv(6, 5, activation="relu")]).build((1, 3, 32, 32), seed=0)
    >>> network.predict(np.zeros((2, 3, 32, 32), np.float32)).shape
    (2, 6, 28, 28)
    """

    out_channels: int
    kernel_size: PerAxis
    _: KW_ONLY
    stride: PerAxis = 1
    padding: Padding = 0
    dilation: PerAxis = 1
    groups: int = 1
    flip: bool = False
    layout: str = "NCHW"
    bias: bool = True
    activation: str | None = None
    strategy: str = "auto"

    def __post_init__(self) -> None:
        check_activation(self.activation)
        if self.out_channels < 1 or self.groups < 1:
            raise ValueError(f"out_channels and groups must be at least 1, not {self.out_channels} and {self.groups}")

    def _geometry(self, mode: Mode) -> dict[str, Any]:
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
            "flip": self.flip,
            "layout": self.layout,
            "strategy": self.strategy,
            "backend": mode.backend,
        }

    def build(self, input_shape: tuple[int, ...], dtype: np.dtype[Any], generator: np.random.Generator) -> None:
        """Weights for the number of channels of the input."""
        kernel = kernel_shape(self.kernel_size, input_shape, "Conv")
        in_channels = channels_of(input_shape, self.layout)
        check_channels(in_channels, self.out_channels, self.groups, "Conv")
        shape = (self.out_channels, in_channels // self.groups, *kernel)
        fan_out = self.out_channels // self.groups * prod(kernel)
        weight = first_weights(shape, prod(shape[1:]), fan_out, self.activation, dtype, generator)
        self.parameters = {"weight": weight}
        if self.bias:
            self.parameters["bias"] = constant(self.out_channels, 0, dtype)

    def weighted_input(self, a: Array, mode: Mode) -> tuple[Array, Any]:
        """``z = w * a + b``."""
        return conv(a, self.parameters["weight"], self.parameters.get("bias"), **self._geometry(mode)), None

    def forward(self, a: Array, mode: Mode) -> Array:
        """``sigma(w * a + b)`` in one call."""
        w, b = self.parameters["weight"], self.parameters.get("bias")
        return conv(a, w, b, activation=self.activation, **self._geometry(mode))

    def backward_input(self, delta: Array, a: Array, kept: Any, mode: Mode) -> Array:
        """``delta * rot180(w)``: the full convolution with the rotated kernel, for any stride, padding and dilation."""
        return conv_backward_input(delta, self.parameters["weight"], a.shape, **self._geometry(mode))

    def gradients(self, delta: Array, a: Array, kept: Any, mode: Mode) -> dict[str, Array]:
        """``dC/dw`` (eq. 13 in ``docs/derivation.md``) and ``dC/db``, the sum of ``delta``."""
        weight = conv_backward_weight(delta, a, self.parameters["weight"].shape, **self._geometry(mode))
        if not self.bias:
            return {"weight": weight}
        return {"weight": weight, "bias": conv_backward_bias(delta, layout=self.layout, backend=mode.backend)}


@dataclass(eq=False)
class ConvTranspose(Layer):
    """Transposed convolution, the adjoint of `Conv`. With a stride it enlarges images.

    Parameters
    ----------
    out_channels : int
        The number of channels it makes.
    kernel_size : int or sequence of int
        One for all spatial axes, or one for each.
    stride, padding, output_padding, output_shape, dilation, groups, flip, layout, strategy
        As in `gemmconv.conv_transpose`.
    bias : bool
        Whether one number for each output channel is added.
    activation : str, optional
        As in `Conv`.

    Raises
    ------
    ValueError
        As `Conv`.

    Examples
    --------
    >>> import numpy as np
    >>> from gemmconv import nn
    >>> network = nn.Network([nn.ConvTranspose(3, 4, stride=2, padding=1)]).build((1, 8, 5, 5), seed=0)
    >>> network.predict(np.zeros((2, 8, 5, 5), np.float32)).shape
    (2, 3, 10, 10)
    """

    out_channels: int
    kernel_size: PerAxis
    _: KW_ONLY
    stride: PerAxis = 1
    padding: Padding = 0
    output_padding: PerAxis = 0
    output_shape: Sequence[int] | None = None
    dilation: PerAxis = 1
    groups: int = 1
    flip: bool = False
    layout: str = "NCHW"
    bias: bool = True
    activation: str | None = None
    strategy: str = "auto"

    def __post_init__(self) -> None:
        check_activation(self.activation)
        if self.out_channels < 1 or self.groups < 1:
            raise ValueError(f"out_channels and groups must be at least 1, not {self.out_channels} and {self.groups}")

    def _geometry(self, mode: Mode) -> dict[str, Any]:
        return {
            "stride": self.stride,
            "padding": self.padding,
            "output_padding": self.output_padding,
            "output_shape": self.output_shape,
            "dilation": self.dilation,
            "groups": self.groups,
            "flip": self.flip,
            "layout": self.layout,
            "strategy": self.strategy,
            "backend": mode.backend,
        }

    def build(self, input_shape: tuple[int, ...], dtype: np.dtype[Any], generator: np.random.Generator) -> None:
        """Weights for the number of channels of the input."""
        kernel = kernel_shape(self.kernel_size, input_shape, "ConvTranspose")
        in_channels = channels_of(input_shape, self.layout)
        check_channels(in_channels, self.out_channels, self.groups, "ConvTranspose")
        shape = (in_channels, self.out_channels // self.groups, *kernel)
        fan_in = in_channels // self.groups * prod(kernel)
        weight = first_weights(shape, fan_in, prod(shape[1:]), self.activation, dtype, generator)
        self.parameters = {"weight": weight}
        if self.bias:
            self.parameters["bias"] = constant(self.out_channels, 0, dtype)

    def weighted_input(self, a: Array, mode: Mode) -> tuple[Array, Any]:
        """``z``: each cell of ``a`` adds the kernel, multiplied by its value."""
        return conv_transpose(a, self.parameters["weight"], self.parameters.get("bias"), **self._geometry(mode)), None

    def forward(self, a: Array, mode: Mode) -> Array:
        """``sigma(z)`` in one call."""
        w, b = self.parameters["weight"], self.parameters.get("bias")
        return conv_transpose(a, w, b, activation=self.activation, **self._geometry(mode))

    def backward_input(self, delta: Array, a: Array, kept: Any, mode: Mode) -> Array:
        """The convolution that this layer is the adjoint of."""
        w = self.parameters["weight"]
        da = conv_transpose_backward(delta, a, w, needs=("input",), **self._geometry(mode)).input
        assert da is not None
        return da

    def gradients(self, delta: Array, a: Array, kept: Any, mode: Mode) -> dict[str, Array]:
        """``dC/dw``, as in `Conv` but with ``a`` and ``delta`` exchanged, and ``dC/db``."""
        needs = tuple(self.parameters)
        _, weight, bias = conv_transpose_backward(
            delta, a, self.parameters["weight"], needs=needs, **self._geometry(mode)
        )
        return {name: gradient for name, gradient in (("weight", weight), ("bias", bias)) if gradient is not None}
