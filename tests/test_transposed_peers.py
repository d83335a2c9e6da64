"""Transposed convolution against PyTorch and ONNX Runtime where they are installed, and its errors."""

from typing import Any

import numpy as np
import pytest
from backends import On, on_every_backend
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

Array = NDArray[Any]


@st.composite
def problems(draw: st.DrawFn) -> tuple[Array, Array, Array, dict[str, Any]]:
    """x, w, bias and options of a transposed convolution that PyTorch accepts."""
    rank = draw(st.integers(1, 3))

    def per_axis(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(rank))

    stride, dilation, kernel, size = per_axis(1, 3), per_axis(1, 3), per_axis(1, 4), per_axis(1, 5)
    groups = draw(st.integers(1, 3))
    channels_in, channels_out = groups * draw(st.integers(1, 3)), draw(st.integers(1, 3))
    output_padding = tuple(draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True))
    spans = [d * (f - 1) for d, f in zip(dilation, kernel, strict=True)]
    natural = [(i - 1) * s + span + 1 + o for i, s, span, o in zip(size, stride, spans, output_padding, strict=True)]
    padding = tuple(draw(st.integers(0, min(3, (n - 1) // 2))) for n in natural)
    generator = np.random.default_rng(draw(st.integers(0, 1000)))
    options = {"stride": stride, "padding": padding, "output_padding": output_padding, "dilation": dilation}
    return (
        generator.standard_normal((draw(st.integers(1, 3)), channels_in, *size)),
        generator.standard_normal((channels_in, channels_out, *kernel)),
        generator.standard_normal(groups * channels_out),
        {**options, "groups": groups},
    )


@given(problem=problems(), flip=st.booleans(), layout=st.sampled_from(["NCHW", "NHWC"]))
@settings(max_examples=60)
@on_every_backend
def test_agrees_with_pytorch(
    problem: tuple[Array, Array, Array, dict[str, Any]], flip: bool, layout: str, backend: On
) -> None:
    torch = pytest.importorskip("torch")
    x, w, bias, options = problem
    rank = x.ndim - 2
    spatial = tuple(range(2, rank + 2))
    tx, tw, tb = (torch.tensor(array, requires_grad=True) for array in (x, w, bias))
    function = getattr(torch.nn.functional, f"conv_transpose{rank}d")
    right = function(tx, torch.flip(tw, spatial) if flip else tw, tb, **options)
    dy = np.random.default_rng(0).standard_normal(tuple(right.shape))
    right.backward(torch.tensor(dy))

    def laid_out(array: Array) -> Array:
        return np.moveaxis(array, 1, -1) if layout == "NHWC" else array

    options = {**options, "flip": flip, "layout": layout}
    y = backend.conv_transpose(laid_out(x), w, bias, **options)
    np.testing.assert_allclose(y, laid_out(right.detach().numpy()), rtol=1e-10, atol=1e-10)
    dx, dw, db = backend.conv_transpose_backward(laid_out(dy), laid_out(x), w, **options)
    np.testing.assert_allclose(dx, laid_out(tx.grad.numpy()), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(dw, tw.grad.numpy(), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(db, tb.grad.numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "dilation", "wanted"),
    [(3, 3, 2, 1, 7), (3, 3, 2, 1, 6), (3, 3, 2, 1, 5), (4, 4, 2, 1, 7), (4, 2, 3, 2, 9), (5, 4, 1, 1, 3)],
)
@on_every_backend
def test_output_shape_agrees_with_onnx(
    size: int, kernel: int, stride: int, dilation: int, wanted: int, backend: On
) -> None:
    """ONNX ConvTranspose with ``output_shape``, whose split of the padding is the one of ``auto_pad`` NOTSET."""
    onnxruntime = pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    generator = np.random.default_rng(size)
    x = generator.standard_normal((1, 2, size, size)).astype(np.float32)
    w = generator.standard_normal((2, 3, kernel, kernel)).astype(np.float32)
    node = helper.make_node(
        "ConvTranspose",
        ["x", "w"],
        ["y"],
        strides=[stride, stride],
        dilations=[dilation, dilation],
        output_shape=[wanted, wanted],
    )
    graph = helper.make_graph(
        [node],
        "transposed",
        [helper.make_tensor_value_info("x", kind, x.shape), helper.make_tensor_value_info("w", kind, w.shape)],
        [helper.make_tensor_value_info("y", kind, (1, 3, wanted, wanted))],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (right,) = session.run(None, {"x": x, "w": w})
    got = backend.conv_transpose(x, w, stride=stride, dilation=dilation, output_shape=(wanted, wanted))
    np.testing.assert_allclose(got, right, rtol=1e-4, atol=1e-4)


X, W = np.ones((2, 4, 5, 5)), np.ones((4, 3, 3, 3))
WRONG = [
    ({"output_padding": 1}, "output_padding .* is 1; it must be smaller than the stride 1"),
    ({"output_padding": 3, "stride": 2, "dilation": 3}, "output_padding .* is 3"),
    ({"output_padding": -1}, "output_padding .* is -1"),
    ({"output_padding": (0, 0, 0)}, "output_padding has 3 entries"),
    ({"output_shape": (7, 7), "padding": 1}, "padding must then be 0"),
    ({"output_shape": (7, 7), "padding": "same"}, "padding must then be 0"),
    ({"output_shape": (7,)}, r"output_shape is \(7,\)"),
    ({"output_shape": (2, 3, 7, 7)}, "output_shape is .* expected the 2 spatial"),
    ({"output_shape": (0, 7)}, "output_shape .* is 0"),
    ({"padding": 4}, "output's size .* would be -1"),
    ({"padding": -1}, "padding .* is -1"),
    ({"groups": 3}, "groups is 3"),
    ({"stride": 0}, "stride .* is 0"),
    ({"padding": "half"}, "valid.*same"),
]


@pytest.mark.parametrize(("options", "message"), WRONG, ids=lambda value: str(value))
@on_every_backend
def test_wrong_options(options: dict[str, Any], message: str, backend: On) -> None:
    with pytest.raises(ValueError, match=message):
        backend.conv_transpose(X, W, **options)
    with pytest.raises(ValueError, match=message):
        backend.conv_transpose_backward(X, X, W, **options)


@on_every_backend
def test_wrong_arrays(backend: On) -> None:
    with pytest.raises(ValueError, match=r"w of shape .* takes 3 channels"):
        backend.conv_transpose(X, W.swapaxes(0, 1))
    with pytest.raises(ValueError, match="bias has shape"):
        backend.conv_transpose(X, W, np.ones(4))
    with pytest.raises(TypeError, match="float32"):
        backend.conv_transpose(X.astype(np.float32), W)
    with pytest.raises(TypeError, match="int64"):
        backend.conv_transpose(X.astype(int), W)
    with pytest.raises(ValueError, match=r"dy has shape .* make it \(2, 3, 7, 7\)"):
        backend.conv_transpose_backward(X, X, W, needs=("bias",))
    with pytest.raises(TypeError, match="dy"):
        backend.conv_transpose_backward(np.ones((2, 3, 7, 7), int), X, W)
    with pytest.raises(ValueError, match=r"'weights'.*'input', 'weight', 'bias'"):
        backend.conv_transpose_backward(np.ones((2, 3, 7, 7)), X, W, needs=("weights",))


@on_every_backend
def test_only_what_is_needed_is_computed(backend: On) -> None:
    dy = np.ones((2, 3, 7, 7))
    everything = backend.conv_transpose_backward(dy, X, W)
    for position, name in enumerate(("input", "weight", "bias")):
        some = backend.conv_transpose_backward(dy, X, W, needs=(name,))
        for other, value in enumerate(some):
            assert (value is None) == (other != position)
        np.testing.assert_array_equal(some[position], everything[position])
    assert backend.conv_transpose_backward(dy, X, W, needs=()) == (None, None, None)


@on_every_backend
def test_gradients_are_written_where_they_are_wanted(backend: On) -> None:
    dy = np.ones((2, 3, 7, 7))
    right = backend.conv_transpose_backward(dy, X, W)
    out = (np.empty_like(X), None, np.empty(3))
    got = backend.conv_transpose_backward(dy, X, W, out=out)
    assert got.input is out[0]
    assert got.bias is out[2]
    for mine, other in zip(got, right, strict=True):
        np.testing.assert_array_equal(mine, other)
    with pytest.raises(ValueError, match="three arrays"):
        backend.conv_transpose_backward(dy, X, W, out=np.empty_like(X))
    with pytest.raises(ValueError, match="out"):
        backend.conv_transpose_backward(dy, X, W, out=(None, None, np.empty(4)))
