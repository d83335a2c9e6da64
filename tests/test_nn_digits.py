"""The network of the demonstration: it reaches what it promises, by every backend and with any number of threads."""

import statistics

import numpy as np
import pytest

import gemmconv
from gemmconv import nn

pytest.importorskip("sklearn")

from gemmconv.nn.digits import check_digits, digits_network, load_digits, train_digits


def test_held_out_digits_are_a_fifth_of_each() -> None:
    digits = load_digits(seed=3)
    assert digits.x_train.shape == (1437, 1, 8, 8)
    assert digits.x_test.shape == (360, 1, 8, 8)
    assert (digits.x_train.min(), digits.x_train.max()) == (0, 1)
    counts = np.bincount(digits.t_test)
    assert counts.min() >= 34
    seen = {image.tobytes() for image in digits.x_train}
    repeated = sum(image.tobytes() in seen for image in digits.x_test)
    assert repeated == 0, "no scan stands on both sides"


def test_a_short_training_already_reads() -> None:
    run = train_digits(seed=0, epochs=8, progress=False)
    assert run.figures["accuracy"] >= 0.97
    assert run.figures["mistakes"] == np.count_nonzero(run.predicted != run.digits.t_test)
    assert run.figures["accuracy"] == run.history["validation_accuracy"][-1]
    assert run.history["loss"][-1] < run.history["loss"][0] / 5
    assert all(isinstance(figure, int | float) for figure in run.figures.values())


@pytest.mark.slow
def test_five_seeds_reach_98_percent() -> None:
    runs = [train_digits(seed=seed, progress=False) for seed in range(5)]
    accuracies = [run.figures["accuracy"] for run in runs]
    assert statistics.mean(accuracies) >= 0.98
    assert min(accuracies) >= 0.97


def test_its_gradients() -> None:
    digits = load_digits()
    network = digits_network().build((1, 1, 8, 8), seed=0)
    before = check_digits(network, digits, max_elements=20)
    assert before, str(before)
    network.fit(digits.x_train[:320], digits.t_train[:320], epochs=2, seed=0, progress=False)
    after = check_digits(network, digits, max_elements=20)
    assert after, str(after)


def first_losses(backend: str | None, dtype: str) -> list[float]:
    """The losses of twelve steps."""
    digits = load_digits(dtype=dtype)
    network = digits_network(dtype, backend).build((1, 1, 8, 8), seed=0)
    optimizer, generator = nn.Adam(3e-3), np.random.default_rng(0)
    losses = []
    for step in range(12):
        batch = slice(32 * step, 32 * step + 32)
        mode = nn.Mode(training=True, generator=generator, backend=backend)
        found = network.gradients(digits.x_train[batch], digits.t_train[batch], mode=mode)
        optimizer.step(network.parameters, found.parameters)
        losses.append(found.cost)
    return losses


@pytest.mark.parametrize(("dtype", "close"), [("float32", 1e-4), ("float64", 1e-10)])
def test_the_reference_backend_gives_the_same_losses(dtype: str, close: float) -> None:
    np.testing.assert_allclose(first_losses(None, dtype), first_losses("reference", dtype), rtol=close)


def test_deterministic_training_has_the_same_bits_with_any_number_of_threads() -> None:
    losses = []
    for threads in (1, 2, 3):
        with gemmconv.options(deterministic=True, threads=threads):
            losses.append(first_losses(None, "float32"))
    assert losses[0] == losses[1] == losses[2]


def test_agrees_with_pytorch() -> None:
    """The same weights and batches: the same gradients and the same losses after steps of the same optimiser."""
    torch = pytest.importorskip("torch")
    digits = load_digits(dtype="float64")
    layers = [layer for layer in digits_network().layers if not isinstance(layer, nn.Dropout)]
    network = nn.Network(layers, dtype="float64").build((1, 1, 8, 8), seed=0)
    peer = torch.nn.Sequential(
        torch.nn.Conv2d(1, 32, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(32, 64, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.LPPool2d(2, 2),
        torch.nn.Flatten(),
        torch.nn.Linear(256, 10),
    ).double()
    with torch.no_grad():
        for own, theirs in zip(network.parameters.values(), peer.parameters(), strict=True):
            theirs.copy_(torch.from_numpy(own))
    optimizer, their_optimizer = nn.SGD(0.1, momentum=0.9), torch.optim.SGD(peer.parameters(), lr=0.1, momentum=0.9)
    for step in range(5):
        x, t = digits.x_train[32 * step : 32 * step + 32], digits.t_train[32 * step : 32 * step + 32]
        found = network.gradients(x, t)
        their_optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(peer(torch.from_numpy(x)), torch.from_numpy(t))
        loss.backward()
        assert found.cost == pytest.approx(loss.item(), rel=1e-9)
        for gradient, theirs in zip(found.parameters.values(), peer.parameters(), strict=True):
            # PyTorch's L2 pooling gives NaN where a window is zero; such units have no error in either
            np.testing.assert_allclose(gradient, torch.nan_to_num(theirs.grad).numpy(), rtol=1e-6, atol=1e-10)
        optimizer.step(network.parameters, found.parameters)
        their_optimizer.step()
