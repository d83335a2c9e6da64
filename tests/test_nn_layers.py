"""The layers compute what the library's functions do, and some are equivalent to others."""

from typing import Any

import numpy as np
import pytest

import gemmconv
from gemmconv import nn


def normal(*shape: int, dtype: Any = np.float64) -> Any:
    return np.random.default_rng(5).normal(size=shape).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dense_is_a_convolution_whose_kernel_covers_the_input(dtype: Any) -> None:
    """Two networks with the same weights: the same cost, and the same gradients in another shape."""
    x, t = normal(5, 3, 4, 6, dtype=dtype), np.array([0, 1, 2, 3, 0])
    dense = nn.Network([nn.Flatten(), nn.Dense(4, activation="tanh"), nn.Dense(4)]).build(x.shape, seed=1)
    dense = dense.astype(dtype)
    covering = nn.Network([nn.Conv(4, (4, 6), activation="tanh"), nn.Conv(4, 1), nn.Flatten()]).build(x.shape, seed=2)
    covering = covering.astype(dtype)
    for here, there in (("0", "1"), ("1", "2")):
        for name in ("weight", "bias"):
            target = covering.parameters[f"{here}.{name}"]
            target[...] = dense.parameters[f"{there}.{name}"].reshape(target.shape)
    close = {"rtol": 1e-5, "atol": 1e-6} if dtype == np.float32 else {"rtol": 1e-12, "atol": 1e-13}
    np.testing.assert_allclose(covering.predict(x), dense.predict(x), **close)
    of_dense = dense.gradients(x, t, needs_input=True)
    of_covering = covering.gradients(x, t, needs_input=True)
    assert of_dense.cost == pytest.approx(of_covering.cost, rel=1e-6)
    np.testing.assert_allclose(of_covering.input, of_dense.input, **close)
    for here, there in (("0", "1"), ("1", "2")):
        for name in ("weight", "bias"):
            found = of_covering.parameters[f"{here}.{name}"]
            np.testing.assert_allclose(found, of_dense.parameters[f"{there}.{name}"].reshape(found.shape), **close)


@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1}, {"groups": 2, "dilation": 2}, {"flip": True}])
def test_convolution_is_a_dense_layer_with_cut_connections_and_shared_weights(options: dict[str, Any]) -> None:
    """The seeds' step from the perceptron: most weights are zero, the others repeat along the rows."""
    x = normal(3, 2, 6, 5)
    conv = nn.Network([nn.Conv(4, (3, 2), bias=False, **options)]).build(x.shape, seed=1).astype(np.float64)
    w = conv.parameters["0.weight"]
    matrix = gemmconv.conv_matrix(w, x.shape[1:], **options).toarray()
    dense = nn.Network([nn.Flatten(), nn.Dense(len(matrix), bias=False)]).build(x.shape, seed=1).astype(np.float64)
    dense.parameters["1.weight"][...] = matrix

    y = conv.predict(x)
    np.testing.assert_allclose(dense.predict(x), y.reshape(3, -1), rtol=1e-12, atol=1e-13)

    t = normal(*y.shape)
    shared = conv.gradients(x, t, loss=nn.SquaredError(), needs_input=True)
    free = dense.gradients(x, t.reshape(3, -1), loss=nn.SquaredError(), needs_input=True)
    np.testing.assert_allclose(free.input, shared.input, rtol=1e-12, atol=1e-13)
    # sharing a weight adds up the gradients of its copies: dC/dw is the sum of those where the matrix holds that weight
    for place in np.ndindex(w.shape):
        one = np.zeros_like(w)
        one[place] = 1
        copies = gemmconv.conv_matrix(one, x.shape[1:], **options).toarray() != 0
        assert np.isclose(free.parameters["1.weight"][copies].sum(), shared.parameters["0.weight"][place], rtol=1e-10)


ALL_LAYERS = [
    nn.Conv(4, 3, stride=2, padding=1, groups=2, activation="gelu"),
    nn.MaxPool(2, padding=1),
    nn.BatchNorm(activation="relu"),
    nn.ConvTranspose(4, 3, stride=2, activation="tanh"),
    nn.AvgPool(2),
    nn.Dropout(0.3),
    nn.LpPool(2, ceil_mode=True),
    nn.Activation("leaky_relu"),
    nn.Flatten(),
    nn.Dense(6, activation="sigmoid"),
    nn.Dense(3),
]


def network(**options: Any) -> nn.Network:
    import copy

    return nn.Network(copy.deepcopy(ALL_LAYERS), **options)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("backend", [None, "reference"])
def test_dtype_is_kept_through_every_layer(dtype: str, backend: str | None) -> None:
    x = normal(3, 4, 13, 11, dtype=dtype)
    made = network(backend=backend)
    mode = nn.Mode(training=True, generator=np.random.default_rng(0), backend=backend)
    found = made.gradients(x, np.array([0, 1, 2]), mode=mode, needs_input=True)
    assert made.predict(x).dtype == found.output.dtype == dtype
    for array in (found.input, *found.parameters.values(), *made.parameters.values(), *made.buffers.values()):
        assert array is not None
        assert array.dtype == dtype
    assert found.input is not None
    assert found.input.shape == x.shape
    assert {name: array.shape for name, array in found.parameters.items()} == {
        name: array.shape for name, array in made.parameters.items()
    }


def test_backends_agree() -> None:
    x, t = normal(3, 4, 13, 11), np.array([0, 1, 2])
    answers = []
    for backend in (None, "reference"):
        made = network(dtype="float64", backend=backend).build(x.shape, seed=0)
        mode = nn.Mode(training=True, generator=np.random.default_rng(0), backend=backend)
        answers.append(made.gradients(x, t, mode=mode))
    assert answers[0].cost == pytest.approx(answers[1].cost, rel=1e-12)
    for name, gradient in answers[0].parameters.items():
        np.testing.assert_allclose(gradient, answers[1].parameters[name], rtol=1e-9, atol=1e-12)


def test_fused_forward_is_weighted_input_and_activation() -> None:
    """Prediction fuses the activation into the convolution; training keeps z and a apart."""
    x = normal(3, 4, 13, 11)
    made = network().build(x.shape, seed=0).astype(np.float64)
    mode, a = nn.Mode(), x
    for layer in made.layers:
        z, _ = layer.weighted_input(a, mode)
        kept_apart = z if layer.activation is None else gemmconv.activate(z, layer.activation)
        a = layer.forward(a, mode)
        np.testing.assert_allclose(a, kept_apart, rtol=1e-12, atol=1e-14)


def test_channels_last_is_the_same_network() -> None:
    x = normal(2, 3, 8, 8)
    first = nn.Network([nn.Conv(4, 3, activation="tanh"), nn.MaxPool(2), nn.LpPool(3)]).build(x.shape, seed=4)
    last = nn.Network(
        [nn.Conv(4, 3, activation="tanh", layout="NHWC"), nn.MaxPool(2, layout="NHWC"), nn.LpPool(3, layout="NHWC")]
    ).build((2, 8, 8, 3), seed=4)
    np.testing.assert_array_equal(first.parameters["0.weight"], last.parameters["0.weight"])
    np.testing.assert_allclose(
        last.predict(np.moveaxis(x, 1, -1)), np.moveaxis(first.predict(x), 1, -1), rtol=1e-5, atol=1e-6
    )


def test_dropout_drops_while_training_only() -> None:
    x = np.ones((200, 50))
    dropout = nn.Network([nn.Dropout(0.3)])
    np.testing.assert_array_equal(dropout.predict(x), x)
    mode = nn.Mode(training=True, generator=np.random.default_rng(0))
    a = dropout.gradients(x, x, mode=mode).output
    assert set(np.unique(a)) == {0.0, 1 / 0.7}
    assert abs((a == 0).mean() - 0.3) < 0.02
    assert abs(a.mean() - 1) < 0.02
    with pytest.raises(ValueError, match="generator"):
        dropout.gradients(x, x)


def test_batch_norm_normalises_the_batch_and_then_its_running_average() -> None:
    x = 3 + 2 * normal(64, 3, 5, 5)
    layer = nn.BatchNorm(momentum=1.0)
    made = nn.Network([layer]).build(x.shape).astype(np.float64)
    layer = made.layers[0]  # type: ignore[assignment]
    found = made.gradients(x, x, loss=nn.SquaredError())
    np.testing.assert_allclose(found.output.mean((0, 2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(found.output.var((0, 2, 3)), 1, rtol=1e-4)
    np.testing.assert_array_equal(layer.buffers["mean"], 0)  # the pass itself changes nothing
    layer.learn_statistics(found.kept[0])
    np.testing.assert_allclose(layer.buffers["mean"], x.mean((0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(layer.buffers["variance"], x.var((0, 2, 3), ddof=1), rtol=1e-12)
    one = x[:1]  # predicted alone: by the running statistics, not its own
    expected = (one - x.mean((0, 2, 3), keepdims=True)) / np.sqrt(x.var((0, 2, 3), ddof=1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(made.predict(one), expected, rtol=1e-10)


def test_empty_batch() -> None:
    made = network().build((1, 4, 13, 11), seed=0)
    x = np.zeros((0, 4, 13, 11), np.float32)
    assert made.predict(x).shape == (0, 3)
    mode = nn.Mode(training=True, generator=np.random.default_rng(0))
    found = made.gradients(x, np.zeros(0, np.int64), mode=mode)
    assert found.cost == 0
    assert all(not gradient.any() for gradient in found.parameters.values())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Conv(4, 3, activation="swish"), "swish"),
        (lambda: nn.Conv(0, 3), "at least 1"),
        (lambda: nn.Dense(0), "at least 1"),
        (lambda: nn.Dropout(1.0), "below 1"),
        (lambda: nn.BatchNorm(momentum=2), "momentum"),
        (lambda: nn.Activation("soft"), "soft"),
        (lambda: nn.Network([]), "at least one layer"),
        (lambda: nn.Network([nn.Dense(2)], dtype="float16"), "float32 or float64"),
        (lambda: nn.Network([nn.Conv(3, 3, groups=2)]).build((1, 4, 5, 5)), "groups=2"),
        (lambda: nn.Network([nn.Conv(3, (3, 3))]).build((1, 4, 5)), "kernel_size"),
        (lambda: nn.Network([nn.Dense(3)]).build((1, 4, 5)), "Flatten"),
        (lambda: nn.Network([nn.Conv(3, 7)]).predict(np.zeros((1, 1, 5, 5))), "5"),
        (lambda: nn.Network([nn.Dense(3)]).build((1, 4)).predict(np.zeros((1, 5))), "4 features"),
        (lambda: nn.Network([nn.Flatten()]).predict(np.zeros(3)), "shape"),
    ],
)
def test_mistakes_are_told_in_a_sentence(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_an_error_names_its_layer() -> None:
    with pytest.raises(ValueError, match=r"\d") as caught:
        nn.Network([nn.Conv(2, 3), nn.MaxPool(2), nn.Conv(2, 5)]).predict(np.zeros((1, 1, 8, 8)))
    assert any("layer 2" in note and "(1, 2, 3, 3)" in note for note in caught.value.__notes__)


def test_layers_are_layers_and_stand_once() -> None:
    with pytest.raises(TypeError, match="not of function"):
        nn.Network([lambda a: a])  # type: ignore[list-item]
    layer = nn.Dense(2)
    with pytest.raises(ValueError, match="twice"):
        nn.Network([layer, layer])


def test_a_layer_of_ones_own_must_say_what_it_does() -> None:
    class Nothing(nn.Layer):
        pass

    with pytest.raises(TypeError, match="Nothing does not define weighted_input"):
        nn.Network([Nothing()]).predict(np.zeros((1, 2)))


def test_complex_numbers_are_refused() -> None:
    with pytest.raises(TypeError, match="complex128"):
        nn.Network([nn.Dense(2)]).predict(np.zeros((1, 2), complex))
