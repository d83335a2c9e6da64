"""The losses: their values written out, their derivatives, and no overflow."""

from typing import Any

import numpy as np
import pytest

from gemmconv import nn


def normal(*shape: int) -> Any:
    return np.random.default_rng(2).normal(size=shape)


def test_squared_error_written_out() -> None:
    a, t = normal(3, 4), normal(3, 4)[::-1]
    cost, gradient = nn.SquaredError().evaluate(a, t)
    assert cost == pytest.approx(sum((a[n, j] - t[n, j]) ** 2 for n in range(3) for j in range(4)) / 6)
    np.testing.assert_allclose(gradient, (a - t) / 3)


@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 2, 5)])
def test_cross_entropy_written_out(shape: tuple[int, ...]) -> None:
    a = normal(*shape)
    labels = np.random.default_rng(3).integers(0, 3, (shape[0], *shape[2:]))
    cost, gradient = nn.CrossEntropy().evaluate(a, labels)
    rows, wanted = np.moveaxis(a, 1, -1).reshape(-1, 3), labels.reshape(-1)
    expected = -np.mean([np.log(np.exp(row[j]) / np.exp(row).sum()) for row, j in zip(rows, wanted)])
    assert cost == pytest.approx(expected)
    ones = np.moveaxis(np.eye(3)[labels], -1, 1)
    np.testing.assert_allclose(gradient, (nn.softmax(a) - ones) / len(rows))
    assert nn.CrossEntropy().evaluate(a, ones)[0] == pytest.approx(expected)
    assert nn.CrossEntropy().correct(a, labels) == int((rows.argmax(1) == wanted).sum())


@pytest.mark.parametrize("loss", [nn.SquaredError(), nn.CrossEntropy()], ids=repr)
def test_derivative(loss: nn.Loss) -> None:
    t = np.abs(normal(5, 4))  # cross-entropy's need not sum to one
    assert nn.check_gradients(lambda a: loss.evaluate(a, t), normal(5, 4)[::-1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cross_entropy_of_huge_scores(dtype: Any) -> None:
    a = np.array([[1e30, -1e30, 0], [-1e30, -1e30, -1e30]], dtype)
    with np.errstate(all="raise", under="ignore"):
        cost, gradient = nn.CrossEntropy().evaluate(a, np.array([0, 1]))
    assert cost == pytest.approx(np.log(3) / 2)
    np.testing.assert_allclose(gradient, np.array([[0, 0, 0], [1 / 3, -2 / 3, 1 / 3]]) / 2, rtol=1e-6)
    assert gradient.dtype == dtype
    np.testing.assert_allclose(nn.softmax(a).sum(axis=1), 1)


def test_output_error_is_fused_where_the_last_activation_is_the_identity() -> None:
    """delta^L = softmax(z) - t; with another activation sigma' stands beside it."""
    z = normal(3, 4)
    labels = np.array([0, 3, 1])
    _, fused = nn.CrossEntropy().output_error(z, z, labels, None)
    np.testing.assert_allclose(fused, (nn.softmax(z) - np.eye(4)[labels]) / 3)
    a = np.tanh(z)
    _, delta = nn.CrossEntropy().output_error(z, a, labels, "tanh")
    np.testing.assert_allclose(delta, (nn.softmax(a) - np.eye(4)[labels]) / 3 * (1 - a**2), rtol=1e-12)


@pytest.mark.parametrize(
    ("loss", "output", "t", "message"),
    [
        (nn.CrossEntropy(), (3, 4), np.array([0, 1]), r"labels of shape \(3,\)"),
        (nn.CrossEntropy(), (3, 4), np.array([0, 1, 4]), "outputs 0 to 3"),
        (nn.CrossEntropy(), (3, 4), np.array([0, -1, 2]), "from -1 to 2"),
        (nn.CrossEntropy(), (3, 4), np.array(["a", "b", "c"]), "integer labels or probabilities"),
        (nn.CrossEntropy(), (3,), np.array([0, 1, 2]), "classes"),
        (nn.SquaredError(), (3, 4), np.zeros((3, 5)), r"\(3, 4\).*\(3, 5\)"),
    ],
)
def test_targets_that_do_not_fit(loss: nn.Loss, output: tuple[int, ...], t: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        loss.evaluate(np.zeros(output), loss.targets(t, np.dtype(np.float64)))
