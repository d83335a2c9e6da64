"""Transposed convolution: against the oracle, and as the adjoint of `conv` with the same options."""

import math
from typing import Any

import numpy as np
import oracle
import pytest
from backends import REFERENCE
from cases import CASES, LAYERS, LAYOUTS, Case, from_layout, in_layout
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from passes import STRATEGIES, TOTAL_VARIANTS, VARIANTS
from tolerance import UNIT_ROUNDOFF, activated_tolerance, assert_within

import gemmconv

Array = NDArray[Any]

CHOSEN = [case for case in CASES[::2] + LAYERS[2:] if case.batch > 0 and np.prod(case.w_shape) < 20000]


def expected_answer(
    x: Array, w: Array, sizes: tuple[int, ...], options: dict[str, Any], bias: Array | None = None
) -> tuple[Array, Array]:
    """The oracle's answer and its tolerance."""
    right = oracle.transposed(x, w, sizes, **options)
    absolute = oracle.transposed(np.abs(x), np.abs(w), sizes, **options)
    if bias is not None:
        along = (-1, *(1,) * len(sizes))
        right, absolute = right + bias.reshape(along), absolute + np.abs(bias).reshape(along)
    chain = x.shape[1] * int(np.prod(w.shape[2:])) + 1
    return right, 8 * UNIT_ROUNDOFF[x.dtype.name] * math.sqrt(chain) * absolute


def drawn(case: Case, dtype: str = "float64") -> tuple[Array, Array, Array]:
    """x, w and bias of the transposed convolution that undoes the sizes of a case."""
    generator = np.random.default_rng(len(case.name))
    shapes = case.y_shape, case.w_shape, (case.in_channels,)
    x, w, bias = (generator.standard_normal(shape).astype(dtype) for shape in shapes)
    return x, w, bias


@pytest.mark.parametrize("strategy", ["auto", *TOTAL_VARIANTS])
@pytest.mark.parametrize("case", CHOSEN, ids=str)
def test_against_the_oracle(case: Case, strategy: str) -> None:
    """`output_padding` restores the cells that a stride left unread, so that sizes come back as they were."""
    kept = oracle.transposed_sizes(case.output, case.kernel, case.stride, case.dilation, case.padding, (0,) * case.rank)
    missing = tuple(size - had for size, had in zip(case.input, kept, strict=True))
    for dtype in ("float32", "float64"):
        x, w, bias = drawn(case, dtype)
        for flip in (False, True):
            right, within = expected_answer(x, w, case.input, {**case.options, "flip": flip}, bias)
            for layout in LAYOUTS:
                got = gemmconv.conv_transpose(
                    in_layout(x, layout),
                    w,
                    bias,
                    **case.options,
                    output_padding=missing,
                    flip=flip,
                    layout=layout,
                    strategy=strategy,
                )
                assert got.dtype == dtype
                assert_within(from_layout(got, layout), right, within, f"{layout} flip={flip}")


@pytest.mark.parametrize("case", CHOSEN, ids=str)
def test_is_the_adjoint_of_conv(case: Case) -> None:
    dy, w, _ = drawn(case)
    for flip in (False, True):
        dx = gemmconv.conv_backward_input(dy, w, case.x_shape, **case.options, flip=flip)
        natural = oracle.transposed_sizes(
            case.output, case.kernel, case.stride, case.dilation, case.padding, (0,) * case.rank
        )
        missing = tuple(size - had for size, had in zip(case.input, natural, strict=True))
        y = gemmconv.conv_transpose(dy, w, **case.options, flip=flip, output_padding=missing)
        np.testing.assert_allclose(y, dx, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("word", ["valid", "same", "same_lower", "full"])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(3, 1, 1), (4, 1, 1), (3, 2, 1), (2, 3, 1), (3, 2, 2)])
def test_padding_words_are_those_of_conv(word: str, flip: bool, kernel: int, stride: int, dilation: int) -> None:
    """The adjoint of `conv` with the same word; "same" gives in * stride."""
    generator = np.random.default_rng(7)
    x, w = generator.standard_normal((2, 4, 6, 5)), generator.standard_normal((4, 3, kernel, kernel))
    options = {"stride": stride, "dilation": dilation, "padding": word, "flip": flip}
    y = gemmconv.conv_transpose(x, w, **options)
    if word.startswith("same"):
        assert y.shape == (2, 3, 6 * stride, 5 * stride)
    span = dilation * (kernel - 1) + 1
    if word == "valid":
        assert y.shape[2:] == (5 * stride + span, 4 * stride + span)
    other = generator.standard_normal(y.shape)
    forward = gemmconv.conv(other, w, **options)
    assert forward.shape == x.shape
    np.testing.assert_allclose((forward * x).sum(), (y * other).sum(), rtol=1e-10, atol=1e-10)


@given(
    cells=st.integers(1, 5),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 4),
    dilation=st.integers(1, 3),
    extra=st.integers(0, 2),
    wanted=st.integers(1, 24),
    flip=st.booleans(),
)
@settings(max_examples=200)
def test_output_shape(cells: int, kernel: int, stride: int, dilation: int, extra: int, wanted: int, flip: bool) -> None:
    """Cells beyond the size are removed, the odd one at the low end (ONNX); missing ones are added at the high end."""
    extra = min(extra, max(stride, dilation) - 1)
    natural = (cells - 1) * stride + dilation * (kernel - 1) + 1 + extra
    total = natural - wanted
    low = total - total // 2 if total >= 0 else 0
    generator = np.random.default_rng(cells)
    x, w = generator.standard_normal((2, 2, cells)), generator.standard_normal((2, 3, kernel))
    options = {"stride": (stride,), "dilation": (dilation,), "flip": flip}
    right, within = expected_answer(x, w, (wanted,), {**options, "padding": ((low, 0),)})
    got = gemmconv.conv_transpose(x, w, **options, output_padding=extra, output_shape=(wanted,))
    assert_within(got, right, within)


@pytest.mark.parametrize("strategy", ["auto", *STRATEGIES, *VARIANTS])
@pytest.mark.parametrize(
    "options",
    [{"output_shape": (6, 4)}, {"dilation": 2, "padding": [(1, 0), (1, 0)], "output_padding": 1}],
    ids=["one_axis_longer_one_shorter", "shifted"],
)
def test_as_many_pixels_in_other_places(options: dict[str, Any], strategy: str) -> None:
    """A 1x1 kernel whose input and output are equally many pixels, but not the same ones."""
    generator = np.random.default_rng(3)
    x, w = generator.standard_normal((2, 3, 4, 6)), generator.standard_normal((3, 5, 1, 1))
    right = np.zeros((2, 5, 6, 4) if "output_shape" in options else (2, 5, 4, 6))
    if "output_shape" in options:
        right[:, :, :4] = np.einsum("nchw,ck->nkhw", x[..., 1:5], w[..., 0, 0])
    else:
        right[:, :, :3, :5] = np.einsum("nchw,ck->nkhw", x[:, :, 1:, 1:], w[..., 0, 0])
    try:
        got = gemmconv.conv_transpose(x, w, strategy=strategy, **options)
    except gemmconv.UnsupportedError:
        assert strategy not in ("auto", "direct", "im2col", "implicit", *TOTAL_VARIANTS)
        return
    np.testing.assert_allclose(got, right, rtol=1e-12)


@pytest.mark.parametrize("case", CHOSEN[::2], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_backward(case: Case, layout: str) -> None:
    """y is linear in x and in w: the gradients are its adjoints."""
    x, w, _ = drawn(case)
    generator = np.random.default_rng(2)
    options = {**case.options, "layout": layout}
    y = from_layout(gemmconv.conv_transpose(in_layout(x, layout), w, **options), layout)
    dy = generator.standard_normal(y.shape)
    dx, dw, db = gemmconv.conv_transpose_backward(in_layout(dy, layout), in_layout(x, layout), w, **options)
    product = (dy * y).sum()
    np.testing.assert_allclose((from_layout(dx, layout) * x).sum(), product, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose((dw * w).sum(), product, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(db, oracle.backward_bias(dy), rtol=1e-12, atol=1e-12)
    other_x, other_w = generator.standard_normal(x.shape), generator.standard_normal(w.shape)
    moved = from_layout(gemmconv.conv_transpose(in_layout(other_x, layout), w, **options), layout)
    np.testing.assert_allclose((from_layout(dx, layout) * other_x).sum(), (dy * moved).sum(), rtol=1e-9, atol=1e-9)
    moved = from_layout(gemmconv.conv_transpose(in_layout(x, layout), other_w, **options), layout)
    np.testing.assert_allclose((dw * other_w).sum(), (dy * moved).sum(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_epilogue_and_out(activation: str) -> None:
    case = next(case for case in CASES if case.name == "groups_strided_dilated")
    x, w, bias = drawn(case, "float32")
    right, within = expected_answer(x, w, case.input, case.options, bias)
    right = np.maximum(right, 0) if activation == "relu" else np.tanh(right)
    out = np.full(case.x_shape, np.nan, np.float32)
    got = gemmconv.conv_transpose(x, w, bias, **case.options, activation=activation, output_shape=None, out=out)
    assert got is out
    assert_within(got, right, activated_tolerance(within, right, activation, "float32"))


def test_empty_batch() -> None:
    x, w = np.zeros((0, 4, 3, 3)), np.ones((4, 2, 3, 3))
    y = gemmconv.conv_transpose(x, w, stride=2)
    assert y.shape == (0, 2, 7, 7)
    gradients = gemmconv.conv_transpose_backward(y, x, w, stride=2)
    assert gradients.input.shape == x.shape
    assert (gradients.weight == 0).all()
    assert (gradients.bias == 0).all()


def test_reference_backend() -> None:
    for case in CHOSEN[::3]:
        x, w, bias = drawn(case)
        natural = oracle.transposed_sizes(
            case.output, case.kernel, case.stride, case.dilation, case.padding, (0,) * case.rank
        )
        right, within = expected_answer(x, w, natural, case.options, bias)
        got = REFERENCE.conv_transpose(x, w, bias, **case.options)
        assert_within(got, right, within, str(case))
