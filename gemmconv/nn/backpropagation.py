"""The five steps that give the gradient of a network's cost.

They are those at the end of "Convolutional Neural Networks backpropagation: from intuition to derivation", after
Nielsen. With the error ``delta^l = dC/dz^l`` of layer ``l``, ``*`` for its convolution and ``.`` for the product
element by element:

1. Input: ``a^1 = x``.
2. Feedforward: ``z^l = w^l * a^{l-1} + b^l`` and ``a^l = sigma(z^l)``, all kept.
3. Output error: ``delta^L = grad_a C . sigma'(z^L)``.
4. Backpropagate the error: ``delta^l = (delta^{l+1} * rot180(w^{l+1})) . sigma'(z^l)``.
5. Output: ``dC/dw^l`` from ``delta^l`` and ``a^{l-1}``, and ``dC/db^l``, the sum of ``delta^l``.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from gemmconv import activate_backward
from gemmconv.annotations import Array
from gemmconv.nn.layer import Layer, Mode, activated
from gemmconv.nn.losses import Loss


class Gradients(NamedTuple):
    """The result of one training pass."""

    cost: float
    parameters: dict[str, Array]
    """The derivatives of the cost, under the names of `Network.parameters`."""
    input: Array | None
    """The derivative with respect to the input, if it was requested."""
    output: Array
    """The activations of the last layer."""
    targets: Array
    """The targets, in the form that the loss uses."""
    kept: list[Any]
    """For each layer, what its forward pass stored for the backward pass."""


class Step(NamedTuple):
    """One layer's part of the feedforward: from ``a``, the activations before it, to its weighted input ``z``."""

    layer: Layer
    a: Array
    z: Array
    kept: Any


def backpropagate(
    layers: Sequence[Layer], x: Array, t: Array, loss: Loss, mode: Mode, *, needs_input: bool = False
) -> Gradients:
    """The cost of a batch and its derivatives: see `Network.gradients`."""
    # 1. Input
    a = x

    # 2. Feedforward: step l goes from the activations before layer l, over z^l, to a^l = sigma(z^l)
    steps: list[Step] = []
    for number, layer in enumerate(layers):
        try:
            z, kept = layer.weighted_input(a, mode)
        except Exception as error:
            blame(error, number, layer, a)
            raise
        steps.append(Step(layer, a, z, kept))
        a = activated(z, layer.activation, mode)

    # 3. Output error: grad_a C . sigma'(z^L)
    cost, delta = loss.output_error(steps[-1].z, a, t, layers[-1].activation, mode.backend)
    deltas = [delta]

    # 4. Backpropagate the error: delta^l from delta^{l+1}, for l = L-1, L-2, ...
    for before, after in zip(steps[-2::-1], steps[:0:-1]):
        delta = after.layer.backward_input(delta, after.a, after.kept, mode)
        if before.layer.activation is not None:
            delta = activate_backward(delta, before.z, before.layer.activation, backend=mode.backend)
        deltas.append(delta)

    # 5. Output: dC/dw^l from delta^l and the activations before layer l
    gradients: dict[str, Array] = {}
    for number, (step, delta) in enumerate(zip(steps, reversed(deltas))):
        for name, gradient in step.layer.gradients(delta, step.a, step.kept, mode).items():
            gradients[f"{number}.{name}"] = gradient

    first = steps[0]
    dx = first.layer.backward_input(deltas[-1], x, first.kept, mode) if needs_input else None
    return Gradients(cost, gradients, dx, a, t, [step.kept for step in steps])


def blame(error: Exception, number: int, layer: Layer, a: Array) -> None:
    """Add to an exception the layer in which it was raised."""
    error.add_note(f"in layer {number} of the network, {layer!r}, whose input has shape {a.shape}")
