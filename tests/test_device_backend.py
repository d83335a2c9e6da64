"""A backend with its own array type needs one name in the tuple, and the whole package runs on it."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import device_backend
import numpy as np
import pytest
from array_functions import FUNCTIONS
from backends import On
from device_backend import DeviceArray

import gemmconv
from gemmconv import backends, nn

DEVICE = On("device")


@pytest.fixture(autouse=True)
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One name and one module, as `gemmconv/backends/device/` would be."""
    monkeypatch.setattr(backends, "BACKENDS", (*backends.BACKENDS, "device"))
    monkeypatch.setitem(sys.modules, "gemmconv.backends.device", device_backend)
    backends.loaded.cache_clear()
    yield
    backends.loaded.cache_clear()


def there(array: Any) -> DeviceArray:
    return DeviceArray(array.copy())


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if not name.startswith("plan")])
def test_an_array_is_computed_where_it_lives(name: str) -> None:
    function = FUNCTIONS[name]
    arrays = function.arrays("float64").values()
    expected = function.call(*arrays)
    answer = function.call(*map(there, arrays))
    assert type(answer) is DeviceArray
    np.testing.assert_allclose(answer.hidden, expected, rtol=1e-12, atol=1e-12)
    if function.takes_out:
        out = there(np.full_like(expected, np.nan))
        assert function.call(*map(there, arrays), out=out) is out
        np.testing.assert_array_equal(out.hidden, answer.hidden)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if not name.startswith("plan")])
def test_arrays_of_two_places_do_not_mix(name: str) -> None:
    function = FUNCTIONS[name]
    arrays = list(function.arrays().values())
    if function.takes_out:  # and any other option
        with pytest.raises(TypeError, match="expected NumPy arrays, not device"):
            function.call(*map(there, arrays), backend="cpu")
    if len(arrays) > 1:
        with pytest.raises(TypeError, match=r"mixed|mix"):
            function.call(there(arrays[0]), *arrays[1:])
        with pytest.raises(TypeError, match=r"mixed|mix"):
            function.call(arrays[0], *map(there, arrays[1:]))


def test_gradients_and_plans() -> None:
    generator = np.random.default_rng(0)
    x, w, dy = (generator.standard_normal(shape) for shape in ((2, 4, 6, 6), (3, 4, 3, 3), (2, 3, 4, 4)))
    for function, arrays in ((gemmconv.conv_backward, (dy, x, w)), (gemmconv.conv_transpose_backward, (x, dy, w))):
        expected = function(*arrays)
        out = tuple(map(np.empty_like, expected))
        for mine, right in zip(DEVICE.call(function, *arrays, out=out), expected, strict=True):
            np.testing.assert_allclose(mine, right, rtol=1e-12)
        over = [there(array) for array in arrays]  # a gradient that goes where an operand is
        gradients = function(*over, out=(over[1], over[2], None))
        assert gradients.input is over[1]
        assert gradients.weight is over[2]
        for mine, right in zip(gradients, expected, strict=True):
            np.testing.assert_allclose(mine.hidden, right, rtol=1e-12)
        with pytest.raises(ValueError, match="share memory"):
            function(*over, out=(over[1], over[1], None))
    plan = DEVICE.plan("forward", x.shape, w.shape, dtype="float64")
    np.testing.assert_allclose(plan(x, w), gemmconv.conv(x, w), rtol=1e-12)
    assert type(gemmconv.rot180(there(w))) is DeviceArray
    assert gemmconv.strategies("device") == {"direct": ("loops",)}


def network(**options: Any) -> nn.Network:
    return nn.Network(
        [
            nn.Conv(4, 3, padding="same", activation="relu"),
            nn.BatchNorm(activation="relu"),
            nn.MaxPool(2),
            nn.ConvTranspose(3, 2, stride=2),
            nn.LpPool(2),
            nn.Dropout(0.3),
            nn.AvgPool(2),
            nn.Flatten(),
            nn.Dense(3),
        ],
        dtype="float64",
        **options,
    )


def images() -> tuple[Any, Any]:
    generator = np.random.default_rng(1)
    return generator.standard_normal((24, 2, 8, 8)), generator.integers(0, 3, 24)


LOSSES: dict[str, tuple[nn.Loss, Callable[[Any], Any]]] = {
    "labels": (nn.CrossEntropy(), lambda t: t),
    "probabilities": (nn.CrossEntropy(), lambda t: np.eye(3)[t]),
    "numbers": (nn.SquaredError(), lambda t: np.eye(3)[t]),
}


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("optimizer", [nn.Adam, lambda rate: nn.SGD(rate, momentum=0.9, weight_decay=0.01)])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_network_trains_where_its_images_live(
    loss: str, optimizer: Callable[[float], nn.Optimizer], named: bool, tmp_path: Path
) -> None:
    """By the kind of its images, or with images of the host on a backend by name: the same training to the last bit."""
    x, labels = images()
    cost, targets = LOSSES[loss]
    t = targets(labels)
    settings: dict[str, Any] = {
        "epochs": 2,
        "batch_size": 8,
        "loss": cost,
        "validation": 0.25,
        "seed": 0,
        "patience": 5,
    }
    right = network(backend="reference").fit(x, t, optimizer=optimizer(0.01), **settings)
    mine = network(backend="device" if named else None)
    mine.fit(
        *((x, t) if named else map(there, (x, t))), optimizer=optimizer(0.01), **settings, checkpoint=tmp_path / "c"
    )
    for stored in (mine.parameters, mine.buffers):
        assert all(type(array) is DeviceArray for array in stored.values())
    for name, array in right.parameters.items():
        np.testing.assert_array_equal(mine.parameters[name].hidden, array)
    assert mine.history["loss"] == right.history["loss"]
    outputs = mine.predict(there(x), batch_size=10)
    np.testing.assert_array_equal(outputs.hidden, right.predict(x, batch_size=10))
    assert type(nn.softmax(outputs)) is DeviceArray
    assert mine.evaluate(there(x), there(t), loss=cost) == right.evaluate(x, t, loss=cost)

    mine.save(tmp_path / "saved")
    loaded = network(backend="device" if named else None)
    if not named:
        loaded.build(x.shape, like=there(x))
    loaded.load(tmp_path / "saved")
    assert all(type(array) is DeviceArray for array in loaded.parameters.values())
    np.testing.assert_array_equal(loaded.predict(there(x)).hidden, mine.predict(there(x)).hidden)
    on_host = nn.Network.load(tmp_path / "saved")
    np.testing.assert_allclose(on_host.predict(x), outputs.hidden, rtol=1e-9, atol=1e-12)
    resumed = network(backend="device" if named else None)
    resumed.fit(
        *((x, t) if named else map(there, (x, t))),
        optimizer=optimizer(0.01),
        **{**settings, "epochs": 3},
        checkpoint=tmp_path / "c",
        resume=True,
    )
    assert len(resumed.history) == 3


@pytest.mark.parametrize("named", [False, True])
def test_gradients_are_checked_where_they_are_computed(named: bool) -> None:
    x, t = images()
    mine = network(backend="device" if named else None)
    assert nn.check_gradients(mine, *((x, t) if named else map(there, (x, t))), max_elements=5)
    w = np.random.default_rng(2).standard_normal((3, 2, 3, 3))

    def backward(dy: Any, x: Any, w: Any) -> Any:
        assert type(dy) is DeviceArray
        return gemmconv.conv_backward(dy, x, w)[:2]

    assert nn.check_gradients(gemmconv.conv, there(x[:2]), there(w), backward=backward, max_elements=5)
