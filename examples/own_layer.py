"""A layer of your own, and its gradients checked before they are trusted.

The layer squeezes each channel to one number and scales the channels by what a small dense layer makes of them
("squeeze and excitation", Hu et al. 2018), in a minimal form: a <- a * s, s = sigmoid(w * mean(a) + b).
"""

from typing import Any

import numpy as np

import gemmconv
from gemmconv import nn


class Gate(nn.Layer):
    """Scales each channel by a number between 0 and 1 that it computes from the channel's mean."""

    def build(self, input_shape: tuple[int, ...], dtype: Any, generator: np.random.Generator) -> None:
        channels = input_shape[1]
        self.parameters = {"weight": generator.normal(0, 1, channels).astype(dtype), "bias": np.zeros(channels, dtype)}

    def weighted_input(self, a: Any, mode: nn.Mode) -> tuple[Any, Any]:
        means = a.mean(axis=(2, 3))
        z = self.parameters["weight"] * means + self.parameters["bias"]
        s = gemmconv.activate(z, "sigmoid", backend=mode.backend)
        return a * s[:, :, None, None], (means, z, s)

    def gate_error(self, delta: Any, a: Any, z: Any, mode: nn.Mode) -> Any:
        """The error of z, through the product and the sigmoid."""
        return gemmconv.activate_backward((delta * a).sum(axis=(2, 3)), z, "sigmoid", backend=mode.backend)

    def backward_input(self, delta: Any, a: Any, kept: Any, mode: nn.Mode) -> Any:
        _, z, s = kept
        through_mean = self.gate_error(delta, a, z, mode) * self.parameters["weight"] / (a.shape[2] * a.shape[3])
        return delta * s[:, :, None, None] + through_mean[:, :, None, None]

    def gradients(self, delta: Any, a: Any, kept: Any, mode: nn.Mode) -> dict[str, Any]:
        means, z, _ = kept
        dz = self.gate_error(delta, a, z, mode)
        return {"weight": (dz * means).sum(axis=0), "bias": dz.sum(axis=0)}


class Forgetful(Gate):
    """The same, with a common mistake: the path through the mean is forgotten."""

    def backward_input(self, delta: Any, a: Any, kept: Any, mode: nn.Mode) -> Any:
        return delta * kept[2][:, :, None, None]


x = np.random.default_rng(0).normal(1, 1, (3, 4, 5, 5))
print("Gate:     ", nn.check_gradients(Gate(), x))
print("Forgetful:", nn.check_gradients(Forgetful(), x))

# In a network it is a layer as any other, and the whole network can be checked.
layers = [nn.Conv(4, 3, activation="gelu"), Gate(), nn.AvgPool(3), nn.Flatten(), nn.Dense(2)]
print("Network:  ", nn.check_gradients(nn.Network(layers), x, np.array([0, 1, 1])))
