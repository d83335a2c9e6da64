"""Odd arrays in every function: the same bits as plain ones, inputs untouched, `out` written whole or refused in
words.
"""

import gc
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from array_functions import ARGUMENTS, FUNCTIONS, WITH_OUT, ArrayFunction
from numpy.typing import NDArray

import gemmconv
from gemmconv import _core

Array = NDArray[Any]


def unaligned(a: Array) -> Array:
    raw = np.zeros(a.nbytes + 1, np.uint8)
    view = raw[1:].view(a.dtype).reshape(a.shape)
    view[...] = a
    return view


def every_other(a: Array) -> Array:
    wide = np.repeat(a, 2, axis=-1)
    wide[..., 1::2] = 77
    return wide[..., ::2]


def reversed_axes(a: Array) -> Array:
    backwards = (slice(None, None, -1),) * a.ndim
    return np.ascontiguousarray(a[backwards])[backwards]


def read_only(a: Array) -> Array:
    copy = a.copy()
    copy.flags.writeable = False
    return copy


class Subclass(np.ndarray):
    """An array by another name."""


ODD: dict[str, Callable[[Array], Array]] = {
    "fortran": np.asfortranarray,
    "every_other": every_other,
    "reversed": reversed_axes,
    "other_byte_order": lambda a: a.astype(a.dtype.newbyteorder("S")),
    "unaligned": unaligned,
    "read_only": read_only,
    "subclass": lambda a: a.view(Subclass),
    "everything_at_once": lambda a: read_only(reversed_axes(unaligned(a.astype(a.dtype.newbyteorder("S"))))),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("oddity", ODD)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_odd_inputs_give_the_same_bits(function: str, oddity: str, dtype: str) -> None:
    call, plain = FUNCTIONS[function].made_for(dtype), FUNCTIONS[function].arrays(dtype)
    expected = call(*plain.values())
    odd = {name: ODD[oddity](array) for name, array in plain.items()}
    got = call(*odd.values())
    assert type(got) is np.ndarray
    assert got.dtype.isnative
    assert got.flags.c_contiguous
    assert got.flags.writeable
    np.testing.assert_array_equal(got, expected)
    for name, array in plain.items():
        np.testing.assert_array_equal(odd[name], array, err_msg=name)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_memory_map_is_an_array(function: str, tmp_path: Path) -> None:
    call, plain = FUNCTIONS[function].call, FUNCTIONS[function].arrays()
    mapped = []
    for name, array in plain.items():
        np.save(tmp_path / f"{name}.npy", array)
        mapped.append(np.load(tmp_path / f"{name}.npy", mmap_mode="r"))
    np.testing.assert_array_equal(call(*mapped), call(*plain.values()))


@pytest.mark.parametrize("function", WITH_OUT)
def test_out_is_the_answer(function: str) -> None:
    call, arrays = FUNCTIONS[function].call, FUNCTIONS[function].arrays().values()
    expected = call(*arrays)
    out = np.full_like(expected, np.nan)
    assert call(*arrays, out=out) is out
    np.testing.assert_array_equal(out, expected)
    view = np.full_like(expected, np.nan).view(Subclass)
    assert call(*arrays, out=view) is view
    np.testing.assert_array_equal(view, expected)


@pytest.mark.parametrize("shift", [0, 1, -3])
@pytest.mark.parametrize(("function", "argument"), [pair for pair in ARGUMENTS if pair[0] in WITH_OUT])
def test_out_over_an_input_is_right(function: str, argument: str, shift: int) -> None:
    call, arrays = FUNCTIONS[function].call, FUNCTIONS[function].arrays()
    expected = call(*arrays.values())
    memory = np.full(2 * max(expected.nbytes, arrays[argument].nbytes) // 4, np.nan, np.float32)
    count = arrays[argument].nbytes // 4
    over = memory[4 : 4 + count].view(arrays[argument].dtype).reshape(arrays[argument].shape)
    over[...] = arrays[argument]
    out = memory[4 + shift : 4 + shift + expected.size].reshape(expected.shape)
    assert np.shares_memory(over, out)
    assert call(*{**arrays, argument: over}.values(), out=out) is out
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("function", WITH_OUT)
def test_out_beside_an_input_is_written_in_place(function: str) -> None:
    """Neighbours in one block of memory do not overlap, and neither disturbs the other."""
    call, arrays = FUNCTIONS[function].made_for("float64"), FUNCTIONS[function].arrays("float64")
    expected = call(*arrays.values())
    first = next(iter(arrays))
    size = arrays[first].size
    memory = np.full(size + expected.size, np.nan)
    memory[:size] = arrays[first].ravel()
    out = memory[size:].reshape(expected.shape)
    call(*{**arrays, first: memory[:size].reshape(arrays[first].shape)}.values(), out=out)
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(memory[:size], arrays[first].ravel())


def frozen(a: Array) -> Array:
    a.flags.writeable = False
    return a


# What is wrong with `out`, from a right one, and what the message must say.
WRONG_OUT: dict[str, tuple[Callable[[Array], Array], str]] = {
    "one_axis_less": (lambda a: a[0].copy(), "out has shape .*expected"),
    "one_cell_more": (lambda a: np.zeros((*a.shape[:-1], a.shape[-1] + 1), a.dtype), "out has shape .*expected"),
    "other_dtype": (lambda a: a.astype(np.float64), "out has dtype float64; expected float32"),
    "integers": (lambda a: a.astype(np.int32), "out has dtype int32; expected float32"),
    "other_byte_order": (lambda a: a.astype(a.dtype.newbyteorder("S")), "byte order"),
    "fortran": (np.asfortranarray, "C-contiguous"),
    "every_other": (every_other, "C-contiguous"),
    "unaligned": (unaligned, "aligned"),
    "read_only": (frozen, "read-only"),
}


@pytest.mark.parametrize("wrong", WRONG_OUT)
@pytest.mark.parametrize("function", WITH_OUT)
def test_wrong_out_is_refused_and_left_alone(function: str, wrong: str) -> None:
    call, arrays = FUNCTIONS[function].call, FUNCTIONS[function].arrays().values()
    make, message = WRONG_OUT[wrong]
    out = make(np.zeros_like(call(*arrays)))
    with pytest.raises(ValueError, match=message):
        call(*arrays, out=out)
    np.testing.assert_array_equal(out, 0 if wrong != "every_other" else out)


@pytest.mark.parametrize("out", [[1.0], "out", np.float32(1), np.ma.zeros((2, 2), np.float32)], ids=type)
@pytest.mark.parametrize("function", WITH_OUT)
def test_out_of_another_kind_is_refused(function: str, out: object) -> None:
    with pytest.raises(TypeError, match=r"out .*(ndarray|mask)"):
        FUNCTIONS[function].call(*FUNCTIONS[function].arrays().values(), out=out)


@pytest.mark.parametrize("dtype", ["float16", "int8", "int64", "bool", "complex64", "longdouble", "object", "M8[s]"])
@pytest.mark.parametrize(("function", "argument"), ARGUMENTS)
def test_other_dtypes_are_refused_by_name(function: str, argument: str, dtype: str) -> None:
    if (argument, dtype) == ("indices", "int64"):
        dtype = "uint64"
    arrays = FUNCTIONS[function].arrays()
    arrays[argument] = np.zeros(arrays[argument].shape, dtype)
    given, expected = re.escape(str(arrays[argument].dtype)), "int64" if argument == "indices" else "float32"
    with pytest.raises(TypeError, match=f"{argument} has dtype {given}.*{expected}"):
        FUNCTIONS[function].call(*arrays.values())


MIXABLE = [
    (function, argument)
    for function, argument in ARGUMENTS
    if argument != "indices" and len(FUNCTIONS[function].shapes.keys() - {"indices"}) > 1
]


@pytest.mark.parametrize(("function", "argument"), MIXABLE)
def test_mixed_dtypes_are_refused_with_both_named(function: str, argument: str) -> None:
    arrays = FUNCTIONS[function].arrays()
    arrays[argument] = arrays[argument].astype(np.float64)
    with pytest.raises(TypeError, match=r"float32.*float64|float64.*float32"):
        FUNCTIONS[function].call(*arrays.values())


KINDS: dict[str, Callable[[Array], Any]] = {
    "list": lambda a: a.tolist(),
    "none": lambda a: None,
    "number": lambda a: 1.0,
    "masked": np.ma.masked_array,
    "memoryview": memoryview,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("function", "argument"), ARGUMENTS)
def test_other_kinds_are_refused(function: str, argument: str, kind: str) -> None:
    if (argument, kind) == ("bias", "none"):
        kind = "number"  # None is no bias
    arrays: dict[str, Any] = FUNCTIONS[function].arrays()
    arrays[argument] = KINDS[kind](arrays[argument])
    with pytest.raises(TypeError, match=r"(?i)array|mask"):
        FUNCTIONS[function].call(*arrays.values())


def references(arrays: list[Array]) -> list[int]:
    return [sys.getrefcount(array) for array in arrays]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_reference_is_gained_or_lost(function: str) -> None:
    """Neither by an answer, nor by an error after the arrays were read, nor for odd arrays."""
    case: ArrayFunction = FUNCTIONS[function]
    arrays = list(case.arrays().values())
    odd = [every_other(array) for array in arrays]
    out = np.zeros_like(case.call(*arrays))
    wrong, integers = np.zeros((3, 1), np.float32), np.zeros(arrays[0].shape, np.int32)
    gc.collect()
    before = references([*arrays, *odd, out, wrong, integers]), sys.getrefcount(np.dtype(np.float32))
    for _ in range(20):
        case.call(*arrays)
        case.call(*odd)
        if case.takes_out:
            case.call(*arrays, out=out)
            with pytest.raises(ValueError):
                case.call(*arrays, out=wrong)
        with pytest.raises(TypeError):
            case.call(integers, *arrays[1:])
    gc.collect()
    after = references([*arrays, *odd, out, wrong, integers]), sys.getrefcount(np.dtype(np.float32))
    assert before[0] == after[0]
    assert abs(before[1] - after[1]) < 10, "references to the dtype leak"


def test_no_option_is_gained_or_lost() -> None:
    x, w = np.ones((1, 1, 4, 4)), np.ones((1, 1, 2, 2))
    sizes = (2, x.ndim - 2)  # made here: a constant would have references of its own
    kind = type(_core.ConvOptions(1, 0, 1, 1, False, "NCHW", "auto", _core.Settings()))
    gemmconv.conv(x, w, stride=sizes)
    before = sys.getrefcount(sizes), sys.getrefcount(kind)
    for _ in range(50):
        gemmconv.conv(x, w, stride=sizes)
        gemmconv.max_pool(x, sizes, stride=sizes)
        with pytest.raises(TypeError):
            gemmconv.conv(x, w, stride=sizes, flip=3)
    assert before == (sys.getrefcount(sizes), sys.getrefcount(kind))
    with pytest.raises(TypeError, match="8 fields by position; got 2"):
        _core.ConvOptions(1, 2)
    with pytest.raises(TypeError, match="7 fields by position"):
        _core.PoolOptions(1, 0, 1, 1, False, "NCHW", settings=_core.Settings())
    with pytest.raises(TypeError, match="ConvOptions; got"):
        _core.conv(x, w, None, (1, 2), None, None)
    with pytest.raises(TypeError, match="Settings; got"):
        _core.conv(x, w, None, kind(1, 0, 1, 1, False, "NCHW", "auto", None), None, None)


def test_a_copy_of_an_odd_input_counts_as_workspace() -> None:
    """The limit is for the whole call: what a copy takes, a strategy no longer has."""
    x = np.ones((1, 8, 32, 32), np.float32)
    w = np.ones((8, 8, 3, 3), np.float32)
    need = gemmconv.plan("forward", x.shape, w.shape, strategy="im2col").workspace_bytes
    with gemmconv.options(workspace_limit=need):
        gemmconv.conv(x, w, strategy="im2col")
    with gemmconv.options(workspace_limit=x.nbytes), pytest.raises(gemmconv.UnsupportedError, match="workspace"):
        gemmconv.conv(every_other(x), w, strategy="im2col")
    with gemmconv.options(workspace_limit=0):
        np.testing.assert_array_equal(gemmconv.conv(every_other(x), w), gemmconv.conv(x, w))
