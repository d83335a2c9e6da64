"""Every backend accepts and refuses the same values of every argument: one table of odd values for all arguments."""

import inspect
import warnings
from collections.abc import Callable
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from backends import BACKENDS, CPU, On

import gemmconv

X, W, DY = (np.random.default_rng(seed).standard_normal(shape) for seed, shape in
            enumerate(((2, 4, 6, 6), (3, 4, 3, 3), (2, 3, 4, 4))))  # fmt: skip
POOLED, INDICES = gemmconv.max_pool(X, 2, return_indices=True)


class Count(int):
    """A subclass of int."""


class Index:
    """An integer by its own word."""

    def __index__(self) -> int:
        return 2


class Number:
    """A number by its own word."""

    def __float__(self) -> float:
        return 2.0


class BrokenIndex:
    """An integer that cannot be had."""

    def __index__(self) -> int:
        raise RuntimeError("not now")


class Two(IntEnum):
    """A named integer."""

    TWO = 2


# Made anew for each call: a generator can be read once.
ODD: dict[str, Callable[[], Any]] = {
    "none": lambda: None,
    "true": lambda: True,
    "numpy_bool": lambda: np.bool_(True),
    "ellipsis": lambda: ...,
    "object": object,
    "int8": lambda: np.int8(2),
    "uint64_past_int64": lambda: np.uint64(2**63 + 1),
    "subclass_of_int": lambda: Count(2),
    "enumeration": lambda: Two.TWO,
    "index": Index,
    "broken_index": BrokenIndex,
    "number": Number,
    "zero": lambda: 0,
    "negative": lambda: -2,
    "past_int32": lambda: 2**31,
    "past_int64": lambda: 2**63,
    "past_float": lambda: 10**400,
    "below_float": lambda: -(10**400),
    "float": lambda: 2.0,
    "float32": lambda: np.float32(2),
    "float_of_no_int": lambda: 1.5,
    "nan": lambda: float("nan"),
    "infinite": lambda: float("inf"),
    "complex": lambda: 2 + 0j,
    "decimal": lambda: Decimal(2),
    "fraction": lambda: Fraction(2),
    "empty_word": lambda: "",
    "digit": lambda: "2",
    "word": lambda: "same",
    "layout": lambda: "NHWC",
    "numpy_word": lambda: np.str_("NCHW"),
    "word_with_nul": lambda: "NCHW\0",
    "strategy_with_nul": lambda: "direct\0",
    "strategy_with_half_a_variant": lambda: "direct/",
    "unknown_variant": lambda: "direct/magic",
    "variant_of_another": lambda: "im2col/bands",
    "variant_of_auto": lambda: "auto/direct",
    "surrogate": lambda: "\udc80",
    "bytes": lambda: b"\x02\x02",
    "bytearray": lambda: bytearray(b"\x02\x02"),
    "memoryview": lambda: memoryview(b"\x02\x02"),
    "array_0d": lambda: np.array(2),
    "float_array_0d": lambda: np.array(2.0),
    "bool_array_0d": lambda: np.array(True),
    "array_of_one": lambda: np.array([2]),
    "array_of_two": lambda: np.array([2, 1]),
    "float_array_of_two": lambda: np.array([2.0, 1.0]),
    "array_of_one_in_two_axes": lambda: np.array([[2]]),
    "tuple_of_one": lambda: (2,),
    "list_of_one": lambda: [2],
    "empty_tuple": lambda: (),
    "two": lambda: (2, 1),
    "two_numpy_ints": lambda: [np.int64(2), np.uint8(1)],
    "two_with_float": lambda: (2.0, 2),
    "two_with_bool": lambda: (True, 2),
    "two_with_none": lambda: (2, None),
    "two_with_huge": lambda: (2, 10**400),
    "two_with_negative": lambda: (2, -1),
    "three": lambda: (1, 1, 1),
    "pair": lambda: [(1, 1)],
    "pairs": lambda: ((1, 0), (0, 1)),
    "pairs_with_float": lambda: ((1, 0), (0.0, 1)),
    "array_of_pairs": lambda: np.array([[1, 0], [0, 1]]),
    "deep": lambda: [[[1], [1]], [0, 0]],
    "range": lambda: range(1, 3),
    "set": lambda: {1, 2},
    "dictionary": lambda: {1: 1, 2: 2},
    "generator": lambda: (size for size in (2, 1)),
    "string_in_tuple": lambda: ("2", "1"),
    "whole_shape": lambda: (2, 4, 6, 6),
    "whole_shape_with_float": lambda: (2, 4, 6.0, 6),
    "whole_shape_with_bool": lambda: (2, 4, True, 6),
    "whole_shape_with_numpy_ints": lambda: np.array([2, 4, 6, 6], np.int16),
    "negative_shape": lambda: (2, 4, -6, 6),
    "function": lambda: np.tanh,
    "masked": lambda: np.ma.zeros((2, 4, 6, 6)),
    "integers": lambda: np.zeros((2, 4, 6, 6), int),
    "nothing": lambda: np.zeros((2, 0, 6, 6)),
    "list_of_lists": lambda: [[1.0]],
}


def plan_call(first: Any, second: Any, bias: Any = None, *, out: Any = None, backend: str) -> Any:
    return gemmconv.plan("forward", X.shape, W.shape, dtype="float64", backend=backend)(first, second, bias, out=out)


def plan_pack(w: Any, *, backend: str) -> bool:
    gemmconv.plan("forward", X.shape, W.shape, dtype="float64", backend=backend).pack(w)
    return True


# A good call of every public function that has a backend, by the names of its arguments; the others have defaults.
CALLS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    name: (getattr(gemmconv, name), arguments)
    for name, arguments in {
        "conv": {"x": X, "w": W},
        "conv_backward_input": {"dy": DY, "w": W, "input_shape": X.shape},
        "conv_backward_weight": {"dy": DY, "x": X, "weight_shape": W.shape},
        "conv_backward_bias": {"dy": DY},
        "conv_backward": {"dy": DY, "x": X, "w": W},
        "conv_transpose": {"x": DY, "w": W},
        "conv_transpose_backward": {"dy": X, "x": DY, "w": W},
        "im2col": {"x": X, "kernel_size": 3},
        "col2im": {"cols": np.ones((2, 36, 16)), "output_shape": (6, 6), "kernel_size": 3},
        "conv_matrix": {"w": W, "input_shape": X.shape[1:]},
        "rot180": {"w": W},
        "max_pool": {"x": X, "kernel_size": 2},
        "max_pool_backward": {"dy": POOLED, "indices": INDICES, "input_shape": X.shape},
        "max_unpool": {"y": POOLED, "indices": INDICES, "output_shape": X.shape},
        "max_unpool_backward": {"dx": X, "indices": INDICES},
        "avg_pool": {"x": X, "kernel_size": 2},
        "avg_pool_backward": {"dy": POOLED, "input_shape": X.shape, "kernel_size": 2},
        "lp_pool": {"x": X, "kernel_size": 2},
        "lp_pool_backward": {"dy": POOLED, "x": X, "y": gemmconv.lp_pool(X, 2), "kernel_size": 2},
        "adaptive_avg_pool": {"x": X, "output_size": 2},
        "adaptive_avg_pool_backward": {"dy": POOLED, "input_shape": X.shape},
        "adaptive_max_pool": {"x": X, "output_size": 2},
        "activate": {"z": X, "name": "relu"},
        "activate_backward": {"da": X, "z": X, "name": "relu"},
        "plan": {"pass_": "forward", "x_shape": X.shape, "w_shape": W.shape},
    }.items()
}
CALLS["plan.__call__"] = (plan_call, {"first": X, "second": W})
CALLS["plan.pack"] = (plan_pack, {"w": W})
ARGUMENTS = [
    (name, argument)
    for name, (function, _) in CALLS.items()
    for argument in inspect.signature(function).parameters
    if argument != "backend"
]


def test_every_function_with_a_backend_is_here() -> None:
    public = {name for name in gemmconv.__all__ if inspect.isfunction(getattr(gemmconv, name))}
    with_backend = {n for n in public if "backend" in inspect.signature(getattr(gemmconv, n)).parameters}
    assert with_backend - set(CALLS) == {"strategies"}


def outcome(name: str, argument: str, value: Any, backend: On) -> Any:
    """The type of the exception, or the answer as a list of what it holds."""
    function, good = CALLS[name]
    arguments = {**{key: backend.array(array) for key, array in good.items()}, argument: value}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            answer = backend.numpy(function(**arguments, backend=backend.name))
        except Exception as error:
            return type(error)
    if hasattr(answer, "toarray"):
        return [answer.toarray()]
    if hasattr(answer, "explain"):
        return [answer.pass_, answer.output_shape, str(answer.dtype)]
    return list(answer) if isinstance(answer, tuple) else [answer]


@pytest.mark.parametrize("backend", BACKENDS[1:], ids=str)
@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_backends_accept_and_refuse_the_same(name: str, argument: str, backend: On) -> None:
    differences = []
    for odd, make in ODD.items():
        found = outcome(name, argument, make(), CPU)
        other = outcome(name, argument, make(), backend)
        if isinstance(found, type) or isinstance(other, type):
            same = found is other
        else:
            same = len(found) == len(other) and all(map(agree, found, other))
        if not same:
            described = [value if isinstance(value, type) else "an answer" for value in (found, other)]
            differences.append(f"{odd}: cpu {described[0]}, {backend} {described[1]}")
    assert not differences, "\n".join(differences)


def agree(mine: Any, other: Any) -> bool:
    """Whether two parts of an answer are the same, arrays but for rounding."""
    if isinstance(mine, np.ndarray) and isinstance(other, np.ndarray):
        return mine.dtype == other.dtype and mine.shape == other.shape and np.allclose(mine, other, 1e-9, 1e-12, True)
    return type(mine) is type(other) and bool(mine == other)
