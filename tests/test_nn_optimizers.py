"""The optimisers step as PyTorch's do, and the schedules start, pass and end where they say."""

from typing import Any

import numpy as np
import pytest

from gemmconv import nn

CASES = {
    "sgd": (lambda: nn.SGD(0.1), "SGD", {"lr": 0.1}),
    "momentum": (lambda: nn.SGD(0.1, momentum=0.9), "SGD", {"lr": 0.1, "momentum": 0.9}),
    "nesterov": (
        lambda: nn.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
        "SGD",
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    ),
    "adam": (lambda: nn.Adam(0.01), "Adam", {"lr": 0.01}),
    "adam_decay": (
        lambda: nn.Adam(0.01, beta1=0.8, beta2=0.99, weight_decay=0.1),
        "Adam",
        {"lr": 0.01, "betas": (0.8, 0.99), "weight_decay": 0.1},
    ),
    "adam_decoupled": (
        lambda: nn.Adam(0.01, weight_decay=0.1, decoupled=True),
        "AdamW",
        {"lr": 0.01, "weight_decay": 0.1},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_steps_are_those_of_pytorch(case: str) -> None:
    torch = pytest.importorskip("torch")
    make, name, options = CASES[case]
    first = np.random.default_rng(0).normal(size=(3, 4))
    ours, theirs = {"w": first.copy()}, torch.tensor(first, requires_grad=True)
    optimizer, peer = make(), getattr(torch.optim, name)([theirs], **options)
    for step in range(20):
        gradient = np.random.default_rng(step + 1).normal(size=first.shape) + ours["w"]
        optimizer.step(ours, {"w": gradient})
        theirs.grad = torch.tensor(gradient)
        peer.step()
        np.testing.assert_allclose(ours["w"], theirs.detach().numpy(), rtol=1e-10, atol=1e-12)


def test_adam_written_out() -> None:
    """Kingma and Ba, algorithm 1, on one number."""
    w = {"w": np.array([1.0])}
    optimizer = nn.Adam(0.1, beta1=0.9, beta2=0.99, epsilon=1e-8)
    m = v = 0.0
    theta = 1.0
    for t, g in enumerate((2.0, -1.0, 0.5), start=1):
        m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g
        theta -= 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.99**t)) + 1e-8)
        optimizer.step(w, {"w": np.array([g])})
        assert w["w"][0] == pytest.approx(theta, rel=1e-12)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept_and_steps_are_in_place(case: str, dtype: Any) -> None:
    array = np.ones(3, dtype)
    optimizer = CASES[case][0]()
    for _ in range(2):
        optimizer.step({"w": array}, {"w": np.full(3, 0.5, dtype)})
    assert array.dtype == dtype
    assert (array < 1).all()
    assert all(memory.dtype == dtype for memory in optimizer.state.values())


def test_schedule_sets_the_rate() -> None:
    w = {"w": np.array([0.0])}
    optimizer = nn.SGD(nn.StepDecay(1.0, every=2, factor=0.5))
    for epoch in (0.0, 1.9, 2.0, 4.5):
        optimizer.step(w, {"w": np.array([-1.0])}, epoch)
    assert w["w"][0] == 1 + 1 + 0.5 + 0.25


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.SGD(0), "positive"),
        (lambda: nn.SGD(momentum=1), "momentum"),
        (lambda: nn.SGD(nesterov=True), "nesterov"),
        (lambda: nn.SGD(weight_decay=-1), "weight_decay"),
        (lambda: nn.Adam(beta1=1), "beta1"),
        (lambda: nn.Adam(epsilon=0), "epsilon"),
        (lambda: nn.CosineDecay(0.1, epochs=5, warm_up=5), "warm_up"),
        (lambda: nn.StepDecay(0.1, every=0), "every"),
        (lambda: nn.ExponentialDecay(-1), "initial"),
    ],
)
def test_mistakes(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_an_optimiser_belongs_to_one_network() -> None:
    optimizer = nn.Adam()
    optimizer.step({"w": np.ones(3)}, {"w": np.ones(3)})
    with pytest.raises(ValueError, match="new optimiser"):
        optimizer.step({"w": np.ones(4)}, {"w": np.ones(4)})
