"""Where the three gradients go: what one call writes must not be what it still reads."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from backends import On, on_every_backend
from numpy.typing import NDArray

import gemmconv

Array = NDArray[Any]
SLOTS = ("input", "weight", "bias")
OPERANDS = ("dy", "x", "w")
CALLS: dict[str, Callable[..., gemmconv.ConvGradients]] = {
    "conv": gemmconv.conv_backward,
    "conv_transpose": gemmconv.conv_transpose_backward,
}


def operands() -> list[Array]:
    """dy, x and w, all of one shape, so that each can be the output of a gradient."""
    generator = np.random.default_rng(8)
    return [generator.standard_normal((3, 3, 3, 3)) for _ in OPERANDS]


@on_every_backend
@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize("slot", SLOTS)
@pytest.mark.parametrize("call", CALLS)
def test_a_gradient_may_go_where_an_operand_is(call: str, slot: str, operand: str, backend: On) -> None:
    arrays = [backend.array(array) for array in operands()]
    expected = backend.call(CALLS[call], *operands(), padding=1, backend=backend.name)
    target = arrays[OPERANDS.index(operand)]
    if slot == "bias":
        target = target.reshape(-1)[1:4]
    out = [target if name == slot else None for name in SLOTS]
    gradients = CALLS[call](*arrays, padding=1, backend=backend.name, out=out)
    assert gradients[SLOTS.index(slot)] is target
    for name, gradient, right in zip(SLOTS, gradients, expected, strict=True):
        np.testing.assert_array_equal(backend.numpy(gradient), right, err_msg=name)


@pytest.mark.parametrize("call", CALLS)
def test_two_gradients_may_not_go_to_one_place(call: str) -> None:
    both = np.zeros((3, 3, 3, 3))
    with pytest.raises(ValueError, match="share memory"):
        CALLS[call](*operands(), padding=1, out=(both, both, None))


@pytest.mark.parametrize("needs", [("input",), ("weight",), ("bias",)])
@pytest.mark.parametrize("call", CALLS)
def test_arrays_of_gradients_that_are_not_needed_are_checked_too(call: str, needs: tuple[str, ...]) -> None:
    dy, x, w = operands()
    for mixed in ((dy.astype(np.float32), x, w), (dy, x.astype(np.float32), w), (dy, x, w.astype(np.float32))):
        with pytest.raises(TypeError, match="float32"):
            CALLS[call](*mixed, padding=1, needs=needs)
    with pytest.raises(ValueError, match="dy"):
        CALLS[call](dy[:2], x, w, padding=1, needs=needs)
