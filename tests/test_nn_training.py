"""The training loop: what a seed fixes, what validation, early stopping, checkpoints and callbacks do."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gemmconv import nn


def layers() -> list[nn.Layer]:
    return [
        nn.Conv(4, 3, padding="same", activation="relu"),
        nn.MaxPool(2),
        nn.BatchNorm(),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Dense(2),
    ]


def examples(count: int = 60) -> tuple[Any, Any]:
    """Noise, in half of the images brighter at the top."""
    x = np.random.default_rng(0).normal(size=(count, 1, 6, 6)).astype(np.float32)
    x[1::2, :, :3] += 1
    return x, np.arange(count) % 2


def train(**options: Any) -> nn.Network:
    x, t = examples()
    settings: dict[str, Any] = {"epochs": 3, "batch_size": 16, "seed": 1, "validation": 0.25, "progress": False}
    return nn.Network(layers(), backend=options.pop("backend", None)).fit(x, t, **{**settings, **options})


def weights(network: nn.Network) -> dict[str, Any]:
    return {**network.parameters, **network.buffers}


def assert_same_bits(one: nn.Network, other: nn.Network) -> None:
    assert weights(one).keys() == weights(other).keys()
    for name, array in weights(one).items():
        np.testing.assert_array_equal(array, weights(other)[name], err_msg=name)


def test_a_seed_fixes_every_bit() -> None:
    np.random.seed(1)  # noqa: NPY002  (the global state must not matter)
    one = train()
    np.random.seed(2)  # noqa: NPY002
    other = train()
    assert_same_bits(one, other)
    for name in ("loss", "accuracy", "validation_loss", "validation_accuracy"):
        assert one.history[name] == other.history[name]
    different = train(seed=2)
    assert (different.parameters["0.weight"] != one.parameters["0.weight"]).any()


def test_the_global_generator_is_left_alone() -> None:
    np.random.seed(3)  # noqa: NPY002
    expected = np.random.rand()  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    train(epochs=1)
    assert np.random.rand() == expected  # noqa: NPY002


def test_the_reference_backend_gives_the_same_losses() -> None:
    fast, slow = train(), train(backend="reference")
    for name in ("loss", "validation_loss"):
        np.testing.assert_allclose(fast.history[name], slow.history[name], rtol=1e-4)


def test_it_learns() -> None:
    network = train(epochs=40, optimizer=nn.Adam(0.01))
    assert network.history["loss"][-1] < 0.5 * network.history["loss"][0]
    assert network.history["validation_accuracy"][-1] >= 0.8


def test_full_batches_with_sgd_are_gradient_descent() -> None:
    """One step an epoch, no shuffle: w - rate * dC/dw, written out."""
    x, t = examples(10)
    network = nn.Network([nn.Flatten(), nn.Dense(2)], dtype="float64").build(x.shape, seed=0)
    expected = {name: array.copy() for name, array in network.parameters.items()}
    by_hand = nn.Network([nn.Flatten(), nn.Dense(2)], dtype="float64").build(x.shape, seed=0)
    for _ in range(3):
        for name, gradient in by_hand.gradients(x, t).parameters.items():
            expected[name] = expected[name] - 0.1 * gradient
            by_hand.parameters[name][...] = expected[name]
    network.fit(x, t, epochs=3, batch_size=10, optimizer=nn.SGD(0.1), shuffle=False, progress=False)
    for name, array in network.parameters.items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-12)


def test_history_has_one_record_an_epoch() -> None:
    network = train(optimizer=nn.SGD(nn.ExponentialDecay(0.1, factor=0.5)))
    assert len(network.history) == 3
    assert set(network.history.names()) == {
        "loss", "accuracy", "learning_rate", "validation_loss", "validation_accuracy", "seconds",
    }  # fmt: skip
    assert network.history["learning_rate"][2] == pytest.approx(network.history["learning_rate"][0] / 4)
    with pytest.raises(KeyError, match="no epoch measured 'lss'"):
        network.history["lss"]
    x, t = examples()
    network.fit(x, t, epochs=2, progress=False)
    assert len(network.history) == 5


def test_early_stopping_goes_back_to_the_best() -> None:
    """A rate that ruins the network after its first epochs: the best weights are those before."""
    x, t = examples()
    measured = []

    def measure(network: nn.Network, record: nn.history.Record) -> None:
        measured.append(record["validation_loss"])

    def ruin(epoch: float) -> float:
        return 0.01 if epoch < 3 else 5.0

    network = nn.Network(layers()).fit(
        x,
        t,
        epochs=30,
        optimizer=nn.SGD(ruin),
        seed=0,
        validation=(x, t),
        patience=4,
        callbacks=[measure],
        progress=False,
    )
    best = int(np.argmin(measured))
    assert len(measured) == best + 1 + 4 < 30
    assert network.evaluate(x, t)["loss"] == pytest.approx(measured[best], rel=1e-6)


def test_a_callback_ends_the_training() -> None:
    seen = []

    def stop(network: nn.Network, record: dict[str, float]) -> bool:
        seen.append((network.history["loss"][-1], record["loss"]))
        return len(seen) == 2

    assert len(train(epochs=10, callbacks=[stop]).history) == 2
    assert all(one == other for one, other in seen)


@pytest.mark.parametrize("optimizer", [lambda: nn.Adam(), lambda: nn.SGD(0.05, momentum=0.9)], ids=["adam", "sgd"])
def test_resumed_training_has_the_bits_of_one_that_was_not_interrupted(optimizer: Any, tmp_path: Path) -> None:
    whole = train(epochs=5, optimizer=optimizer(), patience=3)

    path = tmp_path / "state.npz"

    class Interrupted(Exception):
        pass

    def interrupt(network: nn.Network, record: dict[str, float]) -> None:
        if len(network.history) == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(epochs=5, optimizer=optimizer(), patience=3, checkpoint=path, callbacks=[interrupt])
    resumed = train(epochs=5, optimizer=optimizer(), patience=3, checkpoint=path, resume=True)
    assert_same_bits(whole, resumed)
    assert whole.history["loss"] == resumed.history["loss"]
    assert not list(tmp_path.glob(".*")), "nothing is left beside the checkpoint"
    # a checkpoint is a network's file as well
    np.testing.assert_array_equal(nn.Network.load(path).predict(examples()[0]).shape, (60, 2))


def test_resume_without_a_checkpoint_yet_starts() -> None:
    with pytest.raises(ValueError, match="resume=True needs"):
        train(resume=True)


def test_resume_starts_where_there_is_no_file(tmp_path: Path) -> None:
    assert_same_bits(train(), train(checkpoint=tmp_path / "new.npz", resume=True))


def test_a_loss_that_is_not_finite_is_told() -> None:
    x, t = examples()
    x[3, 0, 2, 2] = np.nan
    with pytest.raises(FloatingPointError, match=r"the loss became nan in epoch 1.*learning rate"):
        nn.Network([nn.Flatten(), nn.Dense(2)]).fit(x, t, seed=0, progress=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": -1}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"patience": 0}, "patience"),
        ({"validation": 0.001}, "hold out 0"),
        ({"validation": 1.0}, "hold out 60"),
        ({"validation": (np.zeros((3, 1, 6, 6)), np.zeros(2, int))}, "3 examples and 2 targets"),
    ],
)
def test_mistakes(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train(**options)


def test_examples_and_targets_must_match() -> None:
    with pytest.raises(ValueError, match="60 examples, but 59 targets"):
        nn.Network(layers()).fit(examples()[0], examples()[1][:-1])
    with pytest.raises(ValueError, match="no examples"):
        nn.Network(layers()).fit(examples()[0][:0], examples()[1][:0])


def test_integers_and_odd_arrays_are_taken() -> None:
    """Bytes of an image, Fortran order, lists of labels: the same as float32 in C order."""
    x = np.random.default_rng(0).integers(0, 255, (20, 1, 6, 6), np.uint8)
    t = [0, 1] * 10
    one = nn.Network(layers()).fit(x, t, epochs=1, seed=0, progress=False)
    other = nn.Network(layers()).fit(np.asfortranarray(x.astype(np.float32)), t, epochs=1, seed=0, progress=False)
    assert one.dtype == np.float32
    assert_same_bits(one, other)


def test_regression_with_squared_error() -> None:
    x = np.random.default_rng(0).normal(size=(50, 3))
    t = x @ np.array([[1.0], [-2.0], [0.5]]) + 3
    network = nn.Network([nn.Dense(1)]).fit(x, t, epochs=60, optimizer=nn.Adam(0.1), seed=0, progress=False)
    assert network.dtype == np.float64
    np.testing.assert_allclose(network.parameters["0.weight"], [[1, -2, 0.5]], atol=0.02)
    assert "accuracy" not in network.history.names()


def test_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    train(epochs=2, progress=True)
    shown = capsys.readouterr().err
    assert "epoch 2" in shown
    assert "loss=" in shown
    assert "accuracy=" in shown
    train(epochs=1, progress=False)
    assert capsys.readouterr().err == ""
