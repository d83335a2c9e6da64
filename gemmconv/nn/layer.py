"""The base class: a weighted input ``z = f(a, parameters)``, an activation of it, and the derivatives of ``f``.

A layer stores nothing of a pass inside itself. What its backward pass needs it returns beside ``z``, and the network
holds it: the same layer can therefore predict in one thread while it is checked in another.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Self

import numpy as np

from gemmconv import _core, activate
from gemmconv.annotations import Array


@dataclass(frozen=True)
class Mode:
    """The conditions of a pass through the layers.

    Parameters
    ----------
    training : bool
        Whether dropout drops and batch normalisation takes the statistics of the batch.
    generator : numpy.random.Generator, optional
        Where layers draw from while training.
    backend : str, optional
        The backend of every function that the layers call; None is the one that owns the array.
    """

    training: bool = False
    generator: np.random.Generator | None = None
    backend: str | None = None


class Layer:
    """A layer of a `Network`, the base class of those in this package and of your own.

    A subclass gives `weighted_input` and `backward_input`; one with weights also `build` and `gradients`. The
    activation of ``z`` and its derivative are the network's business: a layer names it in ``activation``.

    Attributes
    ----------
    activation : str or None
        The name of ``sigma`` in ``a = sigma(z)``, as in `gemmconv.activate`; None is the identity.
    parameters : dict of str to array
        What is trained, made by `build`.
    buffers : dict of str to array
        What is kept but not trained, such as running means.

    Examples
    --------
    >>> import numpy as np
    >>> from gemmconv import nn
    >>> class Twice(nn.Layer):
    ...     def weighted_input(self, a, mode):
    ...         return 2 * a, None
    ...     def backward_input(self, delta, a, kept, mode):
    ...         return 2 * delta
    >>> nn.Network([Twice()]).predict(np.ones((1, 3)))
    array([[2., 2., 2.]])
    """

    activation: str | None = None
    parameters: dict[str, Array]
    buffers: dict[str, Array]

    def __new__(cls, *_arguments: Any, **_options: Any) -> Self:
        """A layer without parameters. This is ``__new__``, so that a subclass need not call ``super().__init__()``."""
        layer = super().__new__(cls)
        layer.parameters = {}
        layer.buffers = {}
        return layer

    def build(self, input_shape: tuple[int, ...], dtype: np.dtype[Any], generator: np.random.Generator) -> None:
        """Make the parameters for inputs of this shape, batch included; called once, at the first batch.

        They may be NumPy arrays whatever the backend: the network copies them to where it computes.

        Parameters
        ----------
        input_shape : tuple of int
            The shape of the first batch that reaches this layer.
        dtype : numpy.dtype
            Of the parameters: float32 or float64.
        generator : numpy.random.Generator
            Where the first weights are drawn from.
        """

    def weighted_input(self, a: Array, mode: Mode) -> tuple[Array, Any]:
        """The weighted input ``z`` of this layer, before its activation.

        Parameters
        ----------
        a : array
            The activations of the layer before.
        mode : Mode
            How this pass is made.

        Returns
        -------
        z : array
        kept : object
            Whatever `backward_input` and `gradients` need beyond ``a``; None if nothing.
        """
        raise TypeError(f"{type(self).__name__} does not define weighted_input(a, mode)")

    def forward(self, a: Array, mode: Mode) -> Array:
        """``sigma(z)``, when nothing has to be stored; a layer that can compute both in one call does so here."""
        z, _ = self.weighted_input(a, mode)
        return activated(z, self.activation, mode)

    def backward_input(self, delta: Array, a: Array, kept: Any, mode: Mode) -> Array:
        """The derivative of the cost with respect to ``a``, from ``delta``, the one with respect to ``z``."""
        raise TypeError(f"{type(self).__name__} does not define backward_input(delta, a, kept, mode)")

    def gradients(self, delta: Array, a: Array, kept: Any, mode: Mode) -> dict[str, Array]:
        """The derivatives of the cost with respect to the parameters, under the same names."""
        return {}

    def learn_statistics(self, kept: Any) -> None:
        """Update the buffers after a training step, with what `weighted_input` stored."""

    def options(self) -> dict[str, Any]:
        """The arguments that make an equal layer; empty for a class that is not a dataclass."""
        return {field.name: getattr(self, field.name) for field in fields(self)} if is_dataclass(self) else {}


def activated(z: Array, name: str | None, mode: Mode) -> Array:
    """``sigma(z)``; ``z`` itself for the identity."""
    return z if name is None else activate(z, name, backend=mode.backend)


def check_activation(name: str | None) -> None:
    """ValueError with a list of the activations, unless ``name`` is one of them."""
    _core.read_activation(name)


def constant(size: int, value: float, dtype: np.dtype[Any]) -> Array:
    """Initial parameters that all have one value, as a NumPy array, as `first_weights` makes."""
    return np.full(size, value, dtype)


def first_weights(
    shape: Sequence[int],
    fan_in: int,
    fan_out: int,
    activation: str | None,
    dtype: np.dtype[Any],
    generator: np.random.Generator,
) -> Array:
    """Random weights that keep the size of activations (He et al. 2015) or also of gradients (Glorot, Bengio 2010).

    He's ``2 / fan_in`` for the activations that are zero, or nearly so, on one side; ``2 / (fan_in + fan_out)`` else.
    """
    one_sided = activation in ("relu", "leaky_relu", "softplus", "gelu")
    variance = 2.0 / fan_in if one_sided else 2.0 / (fan_in + fan_out)
    return generator.normal(0.0, math.sqrt(variance), tuple(shape)).astype(dtype)
