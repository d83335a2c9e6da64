"""The gradient check itself: it finds wrong derivatives, names the element, and accepts functions with kinks."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gemmconv
from gemmconv import nn

Array = NDArray[Any]


def normal(*shape: int) -> Array:
    return np.random.default_rng(11).normal(size=shape)


def test_finds_one_wrong_element_and_names_it() -> None:
    def backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array]:
        dx, dw, _ = gemmconv.conv_backward(dy, x, w)
        assert dx is not None
        assert dw is not None
        dw[1, 0, 2, 1] *= 1.001
        return dx, dw

    x, w = normal(1, 2, 5, 5), normal(2, 2, 3, 3)
    found = nn.check_gradients(gemmconv.conv, x, w, backward=backward, max_elements=None)
    assert not found
    assert (found.worst.array, found.worst.index) == ("array 1", (1, 0, 2, 1))
    assert found.worst.computed == pytest.approx(1.001 * found.worst.numerical, rel=1e-6)
    assert "DIFFER" in str(found)
    assert "array 1[1, 0, 2, 1]" in str(found)


@dataclasses.dataclass(eq=False)
class RotatedTwice(nn.Conv):
    """Passes the error back with the kernel rotated once too often."""

    def backward_input(self, delta: Array, a: Array, kept: Any, mode: nn.Mode) -> Array:
        w = np.ascontiguousarray(gemmconv.rot180(self.parameters["weight"]))
        return gemmconv.conv_backward_input(delta, w, a.shape)


def test_finds_a_kernel_that_is_rotated_twice() -> None:
    assert nn.check_gradients(nn.Conv(2, 3), normal(1, 2, 5, 5))
    wrong = nn.check_gradients(RotatedTwice(2, 3), normal(1, 2, 5, 5))
    assert not wrong
    assert wrong.worst.array == "input"


def test_finds_nan() -> None:
    x = np.array([1.0, -1.0, 2.0])
    found = nn.check_gradients(np.exp, x, backward=lambda dy, x: np.where(x > 0, dy * np.exp(x), np.nan))
    assert not found
    assert found.worst.index == (1,)
    assert np.isnan(found.worst.computed)


def test_steps_over_a_kink() -> None:
    """A value nearer to the kink than the step: the difference quotient over it is half of the slope."""
    x = np.array([2e-6, -2e-6, 1.0])
    found = nn.check_gradients(
        lambda x: gemmconv.activate(x, "relu"), x, backward=lambda dy, x: gemmconv.activate_backward(dy, x, "relu")
    )
    assert found, str(found)


def test_takes_either_side_at_a_kink() -> None:
    """At zero itself relu has two slopes: 0 from below, which the library takes, and 1 from above. No other will do."""
    x = np.array([0.0, 1.0])
    for slope, ok in ((0.0, True), (1.0, True), (0.5, True), (0.25, False)):
        found = nn.check_gradients(
            lambda x: gemmconv.activate(x, "relu"),
            x,
            backward=lambda dy, x, slope=slope: (
                np.where(x == 0, slope, gemmconv.activate_backward(dy, x, "relu") / dy) * dy
            ),
        )
        assert found.ok == ok, slope


def test_takes_a_function_that_gives_its_own_derivative() -> None:
    assert nn.check_gradients(lambda x: (float((x**2).sum()), 2 * x), normal(4))
    assert not nn.check_gradients(lambda x: (float((x**2).sum()), x), normal(4))


@pytest.mark.parametrize(
    ("forward", "backward"),
    [
        (
            lambda x: gemmconv.max_pool(x, 3, stride=2, padding=1),
            lambda dy, x: gemmconv.max_pool_backward(
                dy, gemmconv.max_pool(x, 3, stride=2, padding=1, return_indices=True)[1], x.shape
            ),
        ),
        (lambda x: gemmconv.im2col(x, 2), lambda dy, x: gemmconv.col2im(dy, x.shape[2:], 2)),
        (
            lambda x: gemmconv.adaptive_avg_pool(x, 3),
            lambda dy, x: gemmconv.adaptive_avg_pool_backward(dy, x.shape),
        ),
    ],
    ids=["max_pool", "im2col", "adaptive_avg_pool"],
)
def test_one_function(forward: Any, backward: Any) -> None:
    assert nn.check_gradients(forward, normal(1, 2, 7, 5), backward=backward)


def test_changes_nothing() -> None:
    network = nn.Network([nn.Conv(2, 3), nn.BatchNorm(), nn.Dropout(0.5), nn.Flatten(), nn.Dense(2)])
    x, t = normal(4, 1, 5, 5).astype(np.float32), np.array([0, 1, 1, 0])
    network.build(x.shape, seed=3)
    before = {name: array.copy() for name, array in {**network.parameters, **network.buffers}.items()}
    copy_of_x = x.copy()
    assert nn.check_gradients(network, x, t)
    assert network.dtype == np.float32
    for name, array in {**network.parameters, **network.buffers}.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, before[name])
    np.testing.assert_array_equal(x, copy_of_x)


def test_refuses_what_it_cannot_compare() -> None:
    with pytest.raises(ValueError, match="1 arrays, but 2 derivatives"):
        nn.check_gradients(np.sin, normal(3), backward=lambda dy, x: (dy, dy))
    with pytest.raises(ValueError, match="shape"):
        nn.check_gradients(np.sin, normal(3), backward=lambda dy, x: dy[:2])
    with pytest.raises(ValueError, match="no element to compare"):
        nn.check_gradients(np.sin, np.zeros(0), backward=lambda dy, x: dy)
