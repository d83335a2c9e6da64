"""Layers without spatial axes: the fully connected one, one that flattens images for it, and an activation."""

from dataclasses import KW_ONLY, dataclass
from math import prod
from typing import Any

import numpy as np

from gemmconv import conv, conv_backward_bias, conv_backward_input, conv_backward_weight
from gemmconv.annotations import Array
from gemmconv.backends import array_module
from gemmconv.nn.layer import Layer, Mode, check_activation, constant, first_weights


@dataclass(eq=False)
class Dense(Layer):
    """Fully connected: ``z_j = sum over k of w_jk a_k + b_j``.

    Parameters
    ----------
    units : int
        The number of outputs.
    bias : bool
        Whether ``b`` is added.
    activation : str, optional
        As in `Conv`.

    Raises
    ------
    ValueError
        For an unknown activation here; for an input that is no ``(N, features)``, at the first batch.

    Notes
    -----
    It is the convolution whose kernel covers the whole input, so that there is one output pixel. The product is
    therefore a convolution of the library, with the images of the batch side by side as the pixels of one.

    Examples
    --------
    >>> import numpy as np
    >>> from gemmconv import nn
    >>> network = nn.Network([nn.Flatten(), nn.Dense(10)]).build((1, 3, 8, 8), seed=0)
    >>> network.predict(np.zeros((2, 3, 8, 8), np.float32)).shape
    (2, 10)
    """

    units: int
    _: KW_ONLY
    bias: bool = True
    activation: str | None = None

    def __post_init__(self) -> None:
        check_activation(self.activation)
        if self.units < 1:
            raise ValueError(f"units must be at least 1, not {self.units}")

    def build(self, input_shape: tuple[int, ...], dtype: np.dtype[Any], generator: np.random.Generator) -> None:
        """Weights for the number of features of the input."""
        features = _features(input_shape)
        weight = first_weights((self.units, features), features, self.units, self.activation, dtype, generator)
        self.parameters = {"weight": weight}
        if self.bias:
            self.parameters["bias"] = constant(self.units, 0, dtype)

    def weighted_input(self, a: Array, mode: Mode) -> tuple[Array, Any]:
        """``z = w a + b``."""
        return self._product(a, None, mode), None

    def forward(self, a: Array, mode: Mode) -> Array:
        """``sigma(w a + b)`` in one call."""
        return self._product(a, self.activation, mode)

    def _product(self, a: Array, activation: str | None, mode: Mode) -> Array:
        w, b = self.parameters["weight"], self.parameters.get("bias")
        if _features(a.shape) != w.shape[1]:
            raise ValueError(f"this Dense layer was built for {w.shape[1]} features, not for {a.shape[1]}")
        if not len(a):
            none: Array = array_module(a).empty((0, self.units), a.dtype)
            return none
        z = conv(a[None], w[..., None], b, layout="NHWC", activation=activation, backend=mode.backend)
        return z.reshape(len(a), self.units)

    def backward_input(self, delta: Array, a: Array, kept: Any, mode: Mode) -> Array:
        """``w^T delta``."""
        if not len(a):
            return a.copy()
        w = self.parameters["weight"][..., None]
        return conv_backward_input(delta[None], w, (1, *a.shape), layout="NHWC", backend=mode.backend).reshape(a.shape)

    def gradients(self, delta: Array, a: Array, kept: Any, mode: Mode) -> dict[str, Array]:
        """``dC/dw = delta a^T`` and ``dC/db``, summed over the batch."""
        if not len(a):
            return {name: array_module(parameter).zeros_like(parameter) for name, parameter in self.parameters.items()}
        shape = (*self.parameters["weight"].shape, 1)
        weight = conv_backward_weight(delta[None], a[None], shape, layout="NHWC", backend=mode.backend)[..., 0]
        if not self.bias:
            return {"weight": weight}
        return {"weight": weight, "bias": conv_backward_bias(delta[None], layout="NHWC", backend=mode.backend)}


def _features(shape: tuple[int, ...]) -> int:
    if len(shape) != 2:
        raise ValueError(f"Dense takes a batch (N, features), not one of shape {shape}: put Flatten() before it")
    return shape[1]


@dataclass(eq=False)
class Flatten(Layer):
    """Merge all axes but the first into one, in C order: ``(N, C, *spatial)`` to ``(N, C * prod(spatial))``.

    Examples
    --------
    >>> import numpy as np
    >>> from gemmconv import nn
    >>> nn.Network([nn.Flatten()]).predict(np.zeros((2, 3, 4, 5))).shape
    (2, 60)
    """

    def weighted_input(self, a: Array, mode: Mode) -> tuple[Array, Any]:
        """The same numbers, one row for each example."""
        return a.reshape(len(a), prod(a.shape[1:])), None

    def backward_input(self, delta: Array, a: Array, kept: Any, mode: Mode) -> Array:
        """The error, in the shape of the input."""
        return delta.reshape(a.shape)


@dataclass(eq=False)
class Activation(Layer):
    """An activation function as a layer of its own: ``z`` is the input, ``a = sigma(z)``.

    Parameters
    ----------
    activation : str
        Its name, as in `gemmconv.activate`.

    Raises
    ------
    ValueError
        If there is none of that name.

    Examples
    --------
    >>> import numpy as np
    >>> from gemmconv import nn
    >>> nn.Network([nn.Activation("relu")]).predict(np.array([[-1.0, 2.0]]))
    array([[0., 2.]])
    """

    activation: str | None

    def __post_init__(self) -> None:
        check_activation(self.activation)

    def weighted_input(self, a: Array, mode: Mode) -> tuple[Array, Any]:
        """The input itself."""
        return a, None

    def backward_input(self, delta: Array, a: Array, kept: Any, mode: Mode) -> Array:
        """The error, unchanged: step 4 of the algorithm multiplies it by the derivative of sigma."""
        return delta
