"""Files of networks: what comes back, and what is refused without anything being lost."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gemmconv import nn


def layers() -> list[nn.Layer]:
    return [
        nn.Conv(4, (3, 2), stride=2, padding=((1, 0), (2, 1)), groups=2, activation="gelu"),
        nn.MaxPool(2, padding="same"),
        nn.ConvTranspose(3, 2, stride=2),
        nn.BatchNorm(activation="relu"),
        nn.AvgPool(2, count_include_pad=False),
        nn.LpPool(1, p=3.0),
        nn.Activation("tanh"),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Dense(3),
    ]


X = np.random.default_rng(0).normal(size=(4, 2, 9, 9))


@pytest.fixture
def network() -> nn.Network:
    return nn.Network(layers()).fit(X, [0, 1, 2, 0], epochs=2, seed=0, progress=False)


@pytest.fixture
def path(network: nn.Network, tmp_path: Path) -> Path:
    network.save(tmp_path / "network.npz")
    return tmp_path / "network.npz"


def test_a_new_network_from_a_file(network: nn.Network, path: Path) -> None:
    loaded = nn.Network.load(path)
    assert repr(loaded) == repr(network)
    assert loaded.dtype == np.float64
    np.testing.assert_array_equal(loaded.predict(X), network.predict(X))


@pytest.mark.parametrize("built", [False, True])
def test_filling_a_network(network: nn.Network, path: Path, built: bool) -> None:
    other = nn.Network(layers(), dtype="float64")
    if built:
        other.build(X.shape, seed=9)
    assert other.load(path) is other
    np.testing.assert_array_equal(other.predict(X), network.predict(X))


def test_float32_comes_back_as_float32(tmp_path: Path) -> None:
    network = nn.Network([nn.Flatten(), nn.Dense(2)]).build((1, 2, 2), seed=0)
    network.save(tmp_path / "small")
    assert nn.Network.load(tmp_path / "small").parameters["1.weight"].dtype == np.float32


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(array, other[name]) for name, array in one.items())


def test_a_damaged_file_is_refused_or_harmless(network: nn.Network, path: Path) -> None:
    """Every byte in turn is changed (every third, for time): a sentence, or a network that is the same."""
    whole = path.read_bytes()
    damaged = path.with_name("damaged.npz")
    refused = harmless = 0
    for place in range(0, len(whole), 3):
        damaged.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        try:
            loaded = nn.Network.load(damaged)
        except ValueError as error:
            refused += "damaged.npz" in str(error)
        else:
            assert same(loaded.parameters, network.parameters)
            assert same(loaded.buffers, network.buffers)
            harmless += 1
    assert refused + harmless == len(range(0, len(whole), 3))
    assert refused > len(whole) / 3 / 2


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(path: Path, share: float) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ValueError, match="damaged"):
        nn.Network.load(path)


def test_something_else_is_refused(tmp_path: Path) -> None:
    text, arrays, bare = tmp_path / "text.npz", tmp_path / "arrays.npz", tmp_path / "bare.npy"
    text.write_text("hello")
    np.savez(arrays, a=np.ones(3))
    np.save(bare, np.ones(3))
    for file in (text, arrays, bare):
        with pytest.raises(ValueError, match="no network that gemmconv saved"):
            nn.Network.load(file)
    with pytest.raises(FileNotFoundError):
        nn.Network.load(tmp_path / "nowhere.npz")


def test_code_in_a_file_is_never_run(tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "was_run"),)

    np.savez(tmp_path / "harmful.npz", network=np.array([Harmful()], dtype=object))
    with pytest.raises(ValueError, match="damaged"):
        nn.Network.load(tmp_path / "harmful.npz")
    assert not (tmp_path / "was_run").exists()


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: nn.Network([nn.Dense(3)]), "made of Dense"),
        (lambda: nn.Network([*layers()[:-1], nn.Dense(4)]), "units=3 there and units=4 here"),
        (lambda: nn.Network(layers(), dtype="float32"), "dtype float64; this one computes in float32"),
        (lambda: nn.Network(layers(), dtype="float64").build((1, 4, 9, 9)), "0.weight has shape"),
    ],
)
def test_a_file_of_another_network_changes_nothing(path: Path, other: Any, message: str) -> None:
    network = other()
    before = {name: array.copy() for name, array in {**network.parameters, **network.buffers}.items()}
    with pytest.raises(ValueError, match=message):
        network.load(path)
    after = {**network.parameters, **network.buffers}
    assert same(before, after)


def test_a_missing_array_is_refused(path: Path) -> None:
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    arrays.pop("parameters/0.bias")
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match="not those it describes"):
        nn.Network.load(path)


class Own(nn.Flatten):
    """A layer that no file can name."""


def test_own_layers_need_their_network(tmp_path: Path) -> None:
    network = nn.Network([Own(), nn.Dense(2)]).build((1, 3, 2), seed=0)
    network.save(tmp_path / "own.npz")
    with pytest.raises(ValueError, match=r"layer 0 is a Own.*call its load"):
        nn.Network.load(tmp_path / "own.npz")
    again = nn.Network([Own(), nn.Dense(2)]).load(tmp_path / "own.npz")
    np.testing.assert_array_equal(again.predict(np.ones((1, 3, 2), np.float32)), network.predict(np.ones((1, 3, 2))))


def test_an_unbuilt_network_has_nothing_to_save(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no weights to save"):
        nn.Network(layers()).save(tmp_path / "never.npz")
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file(network: nn.Network, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def full(file: Any, **arrays: Any) -> None:
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        network.save(path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["network.npz"]


def test_the_description_is_readable(path: Path) -> None:
    """For the day when someone must know what a file holds, without this library."""
    with np.load(path) as archive:
        description = json.loads(archive["network"].tobytes())
    assert description["format"] == "gemmconv network 1"
    assert description["layers"][0]["options"]["kernel_size"] == [3, 2]


def test_a_checkpoint_of_another_optimiser_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "state.npz"
    options: dict[str, Any] = {"seed": 0, "progress": False, "checkpoint": file, "resume": True}
    nn.Network(layers()).fit(X, [0, 1, 2, 0], epochs=1, **options)
    with pytest.raises(ValueError, match="training with Adam, not with SGD"):
        nn.Network(layers()).fit(X, [0, 1, 2, 0], epochs=2, optimizer=nn.SGD(), **options)


def test_a_plain_file_is_no_checkpoint(network: nn.Network, path: Path) -> None:
    with pytest.raises(ValueError, match="not where its training stands"):
        network.fit(X, [0, 1, 2, 0], checkpoint=path, resume=True, progress=False)


def test_numpy_numbers_as_options(tmp_path: Path) -> None:
    network = nn.Network([nn.Conv(np.int64(2), np.array([3, 2])), nn.Flatten()]).build((1, 1, 4, 4), seed=0)
    network.save(tmp_path / "numpy.npz")
    x = np.ones((1, 1, 4, 4), np.float32)
    np.testing.assert_array_equal(nn.Network.load(tmp_path / "numpy.npz").predict(x), network.predict(x))


def test_a_layer_that_cannot_be_made_is_named(path: Path) -> None:
    """A file of a later version, say, with an option that this one does not know."""
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    description = json.loads(arrays["network"].tobytes())
    description["layers"][1]["options"]["shape"] = "round"
    arrays["network"] = np.frombuffer(json.dumps(description).encode(), np.uint8)
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match="layer 1, a MaxPool, cannot be made"):
        nn.Network.load(path)
