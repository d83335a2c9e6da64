"""Every layer's derivatives against central differences, over activations, strides, paddings, dilations and groups."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

import gemmconv
from gemmconv import _core, nn

ACTIVATIONS = (None, *(name for name in _core.activation_names() if name not in ("none", "identity")))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Thousands of tiny passes: waking a second thread would take longer than its work."""
    with gemmconv.options(threads=1):
        yield


def generator() -> np.random.Generator:
    return np.random.default_rng(7)


Make = Callable[[], nn.Layer]

CONVOLUTIONS: dict[str, tuple[Make, tuple[int, ...]]] = {
    "plain": (lambda: nn.Conv(3, 3), (2, 2, 6, 5)),
    "no_bias": (lambda: nn.Conv(3, 3, bias=False), (2, 2, 6, 5)),
    "stride_does_not_divide": (lambda: nn.Conv(3, 3, stride=(2, 3)), (2, 2, 8, 9)),
    "same": (lambda: nn.Conv(3, (4, 3), padding="same"), (2, 2, 6, 5)),
    "same_lower_strided": (lambda: nn.Conv(2, 4, stride=2, padding="same_lower"), (2, 2, 7, 6)),
    "full": (lambda: nn.Conv(2, 3, padding="full"), (2, 2, 4, 5)),
    "asymmetric_padding": (lambda: nn.Conv(2, 3, padding=((2, 0), (1, 3))), (2, 2, 4, 5)),
    "padding_larger_than_kernel": (lambda: nn.Conv(2, 2, padding=3, stride=2), (2, 2, 3, 4)),
    "dilation": (lambda: nn.Conv(3, 3, dilation=(2, 1)), (2, 2, 7, 5)),
    "groups": (lambda: nn.Conv(6, 3, groups=2), (2, 4, 5, 5)),
    "depthwise": (lambda: nn.Conv(6, 3, groups=3, padding=1), (2, 3, 5, 5)),
    "flip": (lambda: nn.Conv(3, (2, 3), flip=True, stride=2, padding=1), (2, 2, 6, 5)),
    "everything": (
        lambda: nn.Conv(4, (3, 2), stride=(2, 1), padding=((1, 2), (0, 1)), dilation=2, groups=2, flip=True),
        (2, 4, 8, 7),
    ),
    "one_axis": (lambda: nn.Conv(3, 3, stride=2, padding="same"), (2, 2, 9)),
    "three_axes": (lambda: nn.Conv(2, (2, 1, 3), padding=1), (1, 2, 3, 4, 3)),
    "channels_last": (lambda: nn.Conv(4, 3, layout="NHWC", groups=2, stride=2, padding=1), (2, 6, 5, 2)),
}

TRANSPOSED: dict[str, tuple[Make, tuple[int, ...]]] = {
    "plain": (lambda: nn.ConvTranspose(3, 3), (2, 2, 4, 3)),
    "no_bias": (lambda: nn.ConvTranspose(3, 3, bias=False), (2, 2, 4, 3)),
    "stride": (lambda: nn.ConvTranspose(3, 3, stride=2, padding=1, output_padding=1), (2, 2, 4, 3)),
    "output_shape": (lambda: nn.ConvTranspose(2, 3, stride=2, output_shape=(8, 5)), (2, 2, 4, 3)),
    "groups": (lambda: nn.ConvTranspose(4, 3, groups=2, dilation=2), (2, 4, 3, 3)),
    "flip": (lambda: nn.ConvTranspose(2, 3, flip=True, stride=2, padding="same"), (2, 2, 3, 3)),
    "one_axis": (lambda: nn.ConvTranspose(2, 4, stride=3), (2, 3, 4)),
    "channels_last": (lambda: nn.ConvTranspose(3, 3, layout="NHWC", stride=2), (2, 4, 3, 2)),
}

POOLINGS: dict[str, tuple[Make, tuple[int, ...]]] = {
    f"{kind.__name__}-{name}": (lambda kind=kind, options=options: kind(**options), shape)
    for kind in (nn.MaxPool, nn.AvgPool, nn.LpPool)
    for name, (options, shape) in {
        "plain": ({"kernel_size": 2}, (2, 3, 6, 4)),
        "windows_overlap": ({"kernel_size": 3, "stride": 1}, (2, 2, 5, 5)),
        "gaps_between_windows": ({"kernel_size": 2, "stride": 3}, (2, 2, 8, 7)),
        "padding": ({"kernel_size": 3, "stride": 2, "padding": 1}, (2, 2, 5, 6)),
        "same": ({"kernel_size": 3, "stride": 2, "padding": "same"}, (2, 2, 6, 6)),
        "dilation": ({"kernel_size": 2, "stride": 1, "dilation": (2, 3)}, (2, 2, 6, 6)),
        "ceil_mode": ({"kernel_size": 2, "ceil_mode": True}, (2, 2, 5, 7)),
        "one_axis": ({"kernel_size": 3}, (2, 2, 9)),
        "three_axes": ({"kernel_size": (2, 1, 2)}, (1, 2, 4, 3, 2)),
        "channels_last": ({"kernel_size": 2, "layout": "NHWC"}, (2, 4, 4, 3)),
    }.items()
} | {
    "AvgPool-padding_not_counted": (lambda: nn.AvgPool(3, padding=1, count_include_pad=False), (2, 2, 5, 5)),
    "AvgPool-divisor": (lambda: nn.AvgPool(2, divisor=3.0), (2, 2, 4, 4)),
    "LpPool-p3": (lambda: nn.LpPool(2, p=3.0), (2, 2, 4, 4)),
    "LpPool-p1": (lambda: nn.LpPool(2, p=1.0), (2, 2, 4, 4)),
}

OTHERS: dict[str, tuple[Make, tuple[int, ...]]] = {
    "dense": (lambda: nn.Dense(4), (3, 5)),
    "dense_no_bias": (lambda: nn.Dense(4, bias=False), (3, 5)),
    "flatten": (nn.Flatten, (3, 2, 4)),
    "dropout": (lambda: nn.Dropout(0.4), (3, 2, 4)),
    "batch_norm": (nn.BatchNorm, (4, 3, 3, 2)),
    "batch_norm_of_rows": (nn.BatchNorm, (6, 5)),
    "batch_norm_channels_last": (lambda: nn.BatchNorm(axis=-1), (3, 4, 2)),
}


def check(layer: nn.Layer, shape: tuple[int, ...]) -> None:
    found = nn.check_gradients(layer, generator().normal(size=shape), max_elements=60)
    assert found, str(found)
    assert found.compared["input"] > 0
    assert set(found.compared) == {"input", *(f"0.{name}" for name in layer.parameters)} or not layer.parameters


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolution(case: str) -> None:
    make, shape = CONVOLUTIONS[case]
    check(make(), shape)


@pytest.mark.parametrize("case", TRANSPOSED)
def test_transposed_convolution(case: str) -> None:
    make, shape = TRANSPOSED[case]
    check(make(), shape)


@pytest.mark.parametrize("case", POOLINGS)
def test_pooling(case: str) -> None:
    make, shape = POOLINGS[case]
    check(make(), shape)


@pytest.mark.parametrize("case", OTHERS)
def test_other_layer(case: str) -> None:
    make, shape = OTHERS[case]
    check(make(), shape)


@pytest.mark.parametrize("backend", [None, "reference"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("kind", ["Conv", "ConvTranspose", "Dense", "BatchNorm", "Activation"])
def test_activation(kind: str, activation: str | None, backend: str | None) -> None:
    layer, shape = {
        "Conv": (lambda: nn.Conv(2, 3, activation=activation), (2, 2, 4, 4)),
        "ConvTranspose": (lambda: nn.ConvTranspose(2, 2, activation=activation), (2, 2, 3, 3)),
        "Dense": (lambda: nn.Dense(3, activation=activation), (3, 4)),
        "BatchNorm": (lambda: nn.BatchNorm(activation=activation), (4, 2, 3)),
        "Activation": (lambda: nn.Activation(activation), (3, 4)),
    }[kind]
    x = generator().normal(size=shape)
    found = nn.check_gradients(nn.Network([layer()], backend=backend), x, max_elements=30)
    assert found, str(found)


@pytest.mark.parametrize("pool", [nn.MaxPool(2), nn.AvgPool(2), nn.LpPool(2)], ids=lambda pool: type(pool).__name__)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("loss", [nn.CrossEntropy(), nn.SquaredError()], ids=repr)
def test_whole_network(loss: nn.Loss, activation: str | None, pool: nn.Layer) -> None:
    network = nn.Network(
        [
            nn.Conv(4, 3, padding="same", activation=activation),
            pool,
            nn.BatchNorm(activation=activation),
            nn.Conv(4, 3, stride=2, padding=1, groups=2, activation=activation),
            nn.Dropout(0.2),
            nn.Flatten(),
            nn.Dense(3, activation=None if isinstance(loss, nn.CrossEntropy) else "sigmoid"),
        ]
    )
    x = generator().normal(size=(4, 2, 8, 8))
    t = generator().integers(0, 3, 4) if isinstance(loss, nn.CrossEntropy) else generator().normal(size=(4, 3))
    found = nn.check_gradients(network, x, t, loss=loss, max_elements=25)
    assert found, str(found)
    assert "input" in found.compared
    assert "0.weight" in found.compared


def test_layers_of_this_test_are_all_layers() -> None:
    """A new layer must come into one of the tables above."""
    covered = {"Activation"}
    for table in (CONVOLUTIONS, TRANSPOSED, POOLINGS, OTHERS):
        covered |= {type(make()).__name__ for make, _ in table.values()}
    public = {getattr(nn, name) for name in nn.__all__}
    layers = {item.__name__ for item in public if isinstance(item, type) and issubclass(item, nn.Layer)} - {"Layer"}
    assert covered == layers
