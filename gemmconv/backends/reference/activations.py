"""Activation functions and their derivatives."""

import math
from collections.abc import Callable

import numpy as np

from gemmconv import _core
from gemmconv.annotations import Array
from gemmconv.backends.numpy_arrays import answer, check_arrays
from gemmconv.backends.reference.shapes import check_shape

LEAKY_SLOPE = 0.01


def sigmoid(z: Array) -> Array:
    """``1 / (1 + exp(-z))``."""
    e = np.exp(-np.abs(z))  # of a negative number, so that it never overflows
    return np.asarray(np.where(z >= 0, 1.0, e) / (1 + e))


def softplus(z: Array) -> Array:
    """``log(1 + exp(z))``."""
    return np.asarray(np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z))))


def normal_cdf(z: Array) -> Array:
    """The distribution function of the standard normal distribution."""
    return np.asarray(np.vectorize(lambda value: 0.5 * math.erfc(-value / math.sqrt(2)), otypes=[np.float64])(z))


def normal_density(z: Array) -> Array:
    """The density of the standard normal distribution."""
    return np.asarray(np.exp(-z * z / 2) / math.sqrt(2 * math.pi))


def times(z: Array, weight: Array) -> Array:
    """``z * weight``, and 0 where the weight is 0: also for an infinite ``z``, where that is the limit."""
    product = np.zeros_like(z)
    np.multiply(z, weight, out=product, where=weight != 0)
    return product


# name: (sigma, sigma')
FUNCTIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "relu": (lambda z: np.where(z < 0, 0, z), lambda z: np.where(np.isnan(z), z, z > 0)),
    "leaky_relu": (
        lambda z: np.where(z < 0, LEAKY_SLOPE * z, z),
        lambda z: np.where(np.isnan(z), z, np.where(z > 0, 1, LEAKY_SLOPE)),
    ),
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * sigmoid(-z)),
    "tanh": (np.tanh, lambda z: 4 * sigmoid(2 * z) * sigmoid(-2 * z)),  # 1 - tanh^2, without its cancellation
    "softplus": (softplus, sigmoid),
    "gelu": (lambda z: times(z, normal_cdf(z)), lambda z: normal_cdf(z) + times(z, normal_density(z))),
}


def activated(z: Array, name: str | None) -> Array:
    """``sigma(z)`` in float64."""
    return z if name is None else FUNCTIONS[name][0](z)


def activate(z: Array, name: str | None, settings: _core.Settings, out: Array | None) -> Array:
    """``a = sigma(z)``."""
    dtype = check_arrays(z=z)
    return answer(activated(z.astype(np.float64), _core.read_activation(name)), dtype, out)


def activate_backward(da: Array, z: Array, name: str | None, settings: _core.Settings, out: Array | None) -> Array:
    """``dz = da * sigma'(z)``."""
    dtype = check_arrays(da=da, z=z)
    name = _core.read_activation(name)
    check_shape("da", da, z.shape)
    slope = 1.0 if name is None else FUNCTIONS[name][1](z.astype(np.float64))
    return answer(da.astype(np.float64) * slope, dtype, out)
