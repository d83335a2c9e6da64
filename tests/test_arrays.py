"""Arrays as people have them: strided, reversed, big-endian, unaligned, read-only; answers where they are asked for."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cases import CASES, LAYOUTS, PASSES, from_layout, in_layout, operands
from numpy.typing import NDArray
from passes import Guarded, answer_shape, plan_for, run_pass

import gemmconv

Array = NDArray[Any]

CASE = next(case for case in CASES if case.name == "groups_strided_dilated")


def unaligned(a: Array) -> Array:
    raw = np.zeros(a.nbytes + 1, np.uint8)
    view = raw[1:].view(a.dtype).reshape(a.shape)
    view[...] = a
    assert not view.flags.aligned
    return view


def every_other(a: Array) -> Array:
    wide = np.full((*a.shape[:-1], 2 * a.shape[-1]), np.nan, a.dtype)
    wide[..., ::2] = a
    return wide[..., ::2]


def read_only(a: Array) -> Array:
    copy = a.copy()
    copy.flags.writeable = False
    return copy


def reversed_axes(a: Array) -> Array:
    backwards = tuple(slice(None, None, -1) for _ in a.shape)
    return np.ascontiguousarray(a[backwards])[backwards]


class Subclass(np.ndarray):
    """An array by another name."""


def broadcast_images(a: Array) -> Array:
    """The first image for all, with a stride of 0."""
    return np.broadcast_to(a[:1], a.shape)


ODD: dict[str, Callable[[Array], Array]] = {
    "fortran": np.asfortranarray,
    "every_other": every_other,
    "reversed": reversed_axes,
    "big_endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "unaligned": unaligned,
    "read_only": read_only,
    "broadcast": broadcast_images,
    "moved_axes": lambda a: np.ascontiguousarray(np.moveaxis(a, 1, -1)).transpose(0, a.ndim - 1, *range(1, a.ndim - 1)),
    "subclass": lambda a: a.view(Subclass),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("oddity", ODD)
@pytest.mark.parametrize("pass_", PASSES)
def test_odd_inputs_give_the_same_bits(pass_: str, oddity: str, dtype: str) -> None:
    first, second = operands(CASE, pass_, dtype)
    odd = ODD[oddity]
    for layout in LAYOUTS:
        options = {**CASE.options, "layout": layout}
        a = in_layout(first, layout)
        b = in_layout(second, layout) if pass_ == "backward_weight" else second
        for left, right in ((odd(a), b), (a, odd(b)), (odd(a), odd(b))):
            plain = np.array(left, a.dtype, order="C"), np.array(right, b.dtype, order="C")
            before = left.copy(), right.copy()
            results = []
            for pair in (plain, (left, right)):
                if pass_ == "forward":
                    results.append(gemmconv.conv(*pair, **options))
                elif pass_ == "backward_input":
                    shape = CASE.x_shape if layout == "NCHW" else (2, 9, 9, 4)
                    results.append(gemmconv.conv_backward_input(*pair, shape, **options))
                else:
                    results.append(gemmconv.conv_backward_weight(*pair, CASE.w_shape, **options))
            assert results[1].dtype == np.dtype(dtype)
            assert results[1].dtype.isnative
            np.testing.assert_array_equal(results[1], results[0])
            np.testing.assert_array_equal(left, before[0])
            np.testing.assert_array_equal(right, before[1])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("pass_", PASSES)
def test_out_is_returned_and_wholly_written(pass_: str, layout: str) -> None:
    first, second = operands(CASE, pass_, "float32")
    expected = run_pass(CASE, pass_, first, second, layout=layout)
    guarded = Guarded(answer_shape(CASE, pass_, layout), "float32")
    got = run_pass(CASE, pass_, first, second, layout=layout, out=guarded.out)
    assert np.shares_memory(got, guarded.out)
    written = guarded.out if pass_ == "backward_weight" else from_layout(guarded.out, layout)
    np.testing.assert_array_equal(written, expected)
    guarded.check()
    plan = plan_for(CASE, pass_, "float32", layout=layout)
    again = Guarded(answer_shape(CASE, pass_, layout), "float32")
    b = in_layout(second, layout) if pass_ == "backward_weight" else second
    assert plan(in_layout(first, layout), b, out=again.out) is again.out
    np.testing.assert_array_equal(again.out, guarded.out)
    again.check()


@pytest.mark.parametrize("pass_", PASSES)
def test_wrong_out_is_refused(pass_: str) -> None:
    first, second = operands(CASE, pass_, "float32")
    shape = answer_shape(CASE, pass_, "NCHW")
    frozen = np.zeros(shape, np.float32)
    frozen.flags.writeable = False
    for out in (np.zeros(shape), np.zeros((*shape[:-1], shape[-1] + 1), np.float32), frozen):
        kept = out.copy()
        with pytest.raises((ValueError, TypeError)):
            run_pass(CASE, pass_, first, second, out=out)
        np.testing.assert_array_equal(out, kept)


def test_strided_out_is_written_or_refused() -> None:
    x, w = operands(CASE, "forward", "float32")
    expected = gemmconv.conv(x, w, **CASE.options)
    wide = np.full((*expected.shape[:-1], 2 * expected.shape[-1]), np.nan, np.float32)
    try:
        gemmconv.conv(x, w, **CASE.options, out=wide[..., ::2])
    except ValueError:
        assert np.isnan(wide).all()
    else:
        np.testing.assert_array_equal(wide[..., ::2], expected)
        assert np.isnan(wide[..., 1::2]).all()


@pytest.mark.parametrize("strategy", ["auto", "direct", "im2col"])
@pytest.mark.parametrize("offset", [0, 1, 7, 40])
@pytest.mark.parametrize("over", ["x", "w"])
def test_overlapping_out_is_right_or_refused(over: str, offset: int, strategy: str) -> None:
    """`out` over an input: never garbage."""
    generator = np.random.default_rng(8)
    memory = generator.standard_normal(600)
    x = memory[100 : 100 + 2 * 3 * 6 * 6].reshape(2, 3, 6, 6)
    w = generator.standard_normal((3, 3, 3, 3))
    if over == "w":
        x, w = generator.standard_normal((2, 3, 6, 6)), memory[100:181].reshape(3, 3, 3, 3)
    expected = gemmconv.conv(x.copy(), w.copy(), padding=1, strategy=strategy)
    out = memory[100 - offset : 100 - offset + 216].reshape(2, 3, 6, 6)
    try:
        got = gemmconv.conv(x, w, padding=1, strategy=strategy, out=out)
    except ValueError:
        return
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("pass_", PASSES)
@pytest.mark.parametrize("strategy", ["direct", "im2col"])
def test_nan_stays_where_it_is_read(strategy: str, pass_: str) -> None:
    """One NaN reaches the outputs that read it, and no other."""
    case = next(case for case in CASES if case.name == "prime_sizes")
    first, second = operands(case, pass_, "float32")
    first[1, 0, 2, 3] = np.nan
    touched = np.zeros(case.shapes(pass_)[0])
    touched[1, 0, 2, 3] = 1
    reached = run_pass(case, pass_, touched, np.ones_like(second, np.float64), strategy="direct") > 0.5
    got = run_pass(case, pass_, first, second, strategy=strategy)
    np.testing.assert_array_equal(np.isnan(got), reached)


def test_mixed_dtypes_are_refused() -> None:
    x, w = operands(CASE, "forward", "float32")
    bias = np.zeros(CASE.out_channels)
    for arguments in ((x.astype("float64"), w), (x, w.astype("float64")), (x, w, bias)):
        with pytest.raises(TypeError, match="float"):
            gemmconv.conv(*arguments, **CASE.options)
    for dtype in ("int32", "float16", "complex64", "bool"):
        with pytest.raises(TypeError, match=r"float32.*float64|dtype"):
            gemmconv.conv(x.astype(dtype), w.astype(dtype), **CASE.options)
