"""Layers that behave differently in training and in prediction: dropout and batch normalisation."""

from dataclasses import KW_ONLY, dataclass
from typing import Any, NamedTuple

import numpy as np

from gemmconv.annotations import Array
from gemmconv.backends import array_module
from gemmconv.nn.layer import Layer, Mode, check_activation, constant


@dataclass(eq=False)
class Dropout(Layer):
    """While training, each activation becomes zero with probability ``rate``, or is multiplied by ``1 / (1 - rate)``.

    When predicting it changes nothing (Srivastava et al. 2014, in the inverted form).

    Parameters
    ----------
    rate : float
        At least 0 and below 1.

    Raises
    ------
    ValueError
        If ``rate`` is outside its range.

    Examples
    --------
    >>> import numpy as np
    >>> from gemmconv import nn
    >>> nn.Network([nn.Dropout(0.5)]).predict(np.ones((1, 4)))
    array([[1., 1., 1., 1.]])
    """

    rate: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.rate < 1:
            raise ValueError(f"the rate of Dropout must be at least 0 and below 1, not {self.rate}")

    def weighted_input(self, a: Array, mode: Mode) -> tuple[Array, Any]:
        """The units that are not dropped, scaled; the mask is stored."""
        if not mode.training or self.rate == 0:
            return a, None
        if mode.generator is None:
            raise ValueError("Dropout cannot train without a generator to draw from: Mode(generator=...)")
        # drawn on the host in float32, whatever the dtype and backend, so that all networks drop the same units
        survives = array_module(a).asarray(mode.generator.random(a.shape, np.float32) >= self.rate)
        scale = survives.astype(a.dtype) / a.dtype.type(1 - self.rate)
        return a * scale, scale

    def backward_input(self, delta: Array, a: Array, kept: Any, mode: Mode) -> Array:
        """The error at the units that were not dropped, scaled by the same factor."""
        return delta if kept is None else delta * kept


class Normalised(NamedTuple):
    """What `BatchNorm` stores in a training pass: the normalised input, and the statistics of the batch."""

    x: Array
    mean: Array
    variance: Array
    scale: Array
    size: int


@dataclass(eq=False)
class BatchNorm(Layer):
    """Batch normalisation: ``z = gamma * (a - mean) / sqrt(variance + epsilon) + beta``, channel by channel.

    While training, mean and variance are those of the batch; when predicting, their running averages
    (Ioffe and Szegedy 2015).

    Parameters
    ----------
    axis : int
        Where the channels stand; 1 for ``(N, C, *spatial)`` and ``(N, features)``, -1 for the layout NHWC.
    momentum : float
        The weight of a new batch in the running averages, as in PyTorch.
    epsilon : float
        Added to the variance.
    activation : str, optional
        As in `Conv`.

    Raises
    ------
    ValueError
        For an unknown activation, or a number outside its range.

    Examples
    --------
    >>> import numpy as np
    >>> from gemmconv import nn
    >>> network = nn.Network([nn.BatchNorm()]).build((4, 3, 8, 8))
    >>> sorted(network.parameters)
    ['0.beta', '0.gamma']
    """

    _: KW_ONLY
    axis: int = 1
    momentum: float = 0.1
    epsilon: float = 1e-5
    activation: str | None = None

    def __post_init__(self) -> None:
        check_activation(self.activation)
        if not 0 <= self.momentum <= 1 or self.epsilon <= 0:
            raise ValueError(
                f"BatchNorm needs a momentum from 0 to 1 and a positive epsilon, not {self.momentum} and {self.epsilon}"
            )

    def build(self, input_shape: tuple[int, ...], dtype: np.dtype[Any], generator: np.random.Generator) -> None:
        """One gamma, beta, mean and variance for each channel."""
        channels = input_shape[self.axis]
        self.parameters = {"gamma": constant(channels, 1, dtype), "beta": constant(channels, 0, dtype)}
        self.buffers = {"mean": constant(channels, 0, dtype), "variance": constant(channels, 1, dtype)}

    def weighted_input(self, a: Array, mode: Mode) -> tuple[Array, Any]:
        """``z = gamma * x + beta`` with the normalised ``x``."""
        others, spread = self._axes(a)
        batch = mode.training and a.size > 0
        mean = a.mean(others) if batch else self.buffers["mean"]
        centred = a - mean.reshape(spread)
        variance = (centred * centred).mean(others) if batch else self.buffers["variance"]
        scale = 1 / array_module(a).sqrt(variance + a.dtype.type(self.epsilon))
        x = centred * scale.reshape(spread)
        z = self.parameters["gamma"].reshape(spread) * x + self.parameters["beta"].reshape(spread)
        return z, Normalised(x, mean, variance, scale, a.size // mean.size if batch else 0)

    def backward_input(self, delta: Array, a: Array, kept: Normalised, mode: Mode) -> Array:
        """The error through the normalisation, mean and variance included."""
        others, spread = self._axes(a)
        dx: Array = delta * (self.parameters["gamma"] * kept.scale).reshape(spread)
        if not kept.size:
            return dx
        # mean and variance depend on a too: their derivatives subtract the components of dx along 1 and along x
        dx -= dx.mean(others).reshape(spread) + kept.x * (dx * kept.x).mean(others).reshape(spread)
        return dx

    def gradients(self, delta: Array, a: Array, kept: Normalised, mode: Mode) -> dict[str, Array]:
        """``dC/dgamma = sum delta x`` and ``dC/dbeta = sum delta``."""
        others, _ = self._axes(a)
        return {"gamma": (delta * kept.x).sum(others), "beta": delta.sum(others)}

    def learn_statistics(self, kept: Normalised) -> None:
        """Move the running averages towards the batch."""
        if not kept.size:
            return
        unbiased = kept.variance * (kept.size / max(kept.size - 1, 1))
        for name, latest in (("mean", kept.mean), ("variance", unbiased)):
            running = self.buffers[name]
            running += running.dtype.type(self.momentum) * (latest.astype(running.dtype) - running)

    def _axes(self, a: Array) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """All axes but that of the channels, and the shape in which one number per channel broadcasts over ``a``."""
        channels = self.axis % a.ndim
        others = tuple(axis for axis in range(a.ndim) if axis != channels)
        return others, tuple(size if axis == channels else 1 for axis, size in enumerate(a.shape))
