"""The C functions on arrays: which pointer each refuses to be NULL, in which order, and in which words."""

import ctypes
from collections.abc import Callable
from typing import Any

import pytest
from c_interface import LIBRARY, Problem, Three

OK, INVALID_ARGUMENT = 0, 1
NULL = ctypes.c_void_p()


class Pool(ctypes.Structure):
    """gemmconv_pool."""

    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        *((name, ctypes.c_int32) for name in ("dtype", "layout", "rank", "ceil_mode", "count_include_pad")),
        *((name, ctypes.c_int64) for name in ("batch", "channels")),
        *((name, Three) for name in ("input", "kernel", "stride", "dilation", "padding_low", "padding_high", "output")),
        ("divisor", ctypes.c_double),
        ("p", ctypes.c_double),
    )


# The arrays of each function in the order of its arguments. The first that is NULL is the one named, except that col2im
# looks at its last one first.
POOLING = {
    "max_pool": "x y indices",
    "max_pool_backward": "dy indices dx",
    "max_unpool": "y indices x",
    "max_unpool_backward": "dx indices dy",
    "avg_pool": "x y",
    "avg_pool_backward": "dy dx",
    "lp_pool": "x y",
    "lp_pool_backward": "dy x y dx",
    "adaptive_avg_pool": "x y",
    "adaptive_avg_pool_backward": "dy dx",
    "adaptive_max_pool": "x y indices",
}
CONVOLUTION = {"im2col": "x cols", "col2im": "cols x", "bias_gradient": "dy db"}
ACTIVATIONS = {"activate": "z a", "activate_backward": "da z dz"}
FUNCTIONS = {name: words.split() for name, words in (POOLING | CONVOLUTION | ACTIVATIONS).items()}
STRUCTS = (*POOLING, *CONVOLUTION)
INDICES_ARE_OPTIONAL = ("max_pool", "adaptive_max_pool")


def checked_arrays(name: str) -> list[str]:
    """Its arrays in the order of the checks, without those that may be NULL."""
    words = [word for word in FUNCTIONS[name] if word != "indices" or name not in INDICES_ARE_OPTIONAL]
    return words[::-1] if name == "col2im" else words


def struct_of(name: str, batch: int) -> Any:
    """One window of 2 x 2 on 2 x 2 cells of one channel."""
    struct: Any = Pool() if name in POOLING else Problem()
    init = LIBRARY.gemmconv_pool_init if name in POOLING else LIBRARY.gemmconv_problem_init
    init(ctypes.byref(struct))
    struct.batch = batch
    for axis in range(2):
        struct.input[axis] = struct.kernel[axis] = 2
        struct.output[axis] = 1
    return struct


def call(name: str, batch: int = 1, null: tuple[str, ...] = (), struct: Any = None) -> tuple[int, str]:
    """The status of one call, the arrays `null` being NULL, and the message where there is one."""
    arrays = [NULL if word in null else (ctypes.c_double * 8)() for word in FUNCTIONS[name]]
    function: Callable[..., int] = getattr(LIBRARY, f"gemmconv_{name}")
    if name in ACTIVATIONS:
        status = function(1, 0, NULL, ctypes.c_int64(batch), *arrays)
    else:
        status = function(ctypes.byref(struct or struct_of(name, batch)), NULL, *arrays)
    return status, LIBRARY.gemmconv_last_error().decode() if status else ""


@pytest.mark.parametrize("name", FUNCTIONS)
def test_arrays_are_checked_in_order(name: str) -> None:
    names = checked_arrays(name)
    assert call(name) == (OK, "")
    for place, word in enumerate(names):
        assert call(name, null=(word,)) == (INVALID_ARGUMENT, f"{word} is NULL")
        assert call(name, null=tuple(names[place:])) == (INVALID_ARGUMENT, f"{word} is NULL")


@pytest.mark.parametrize("name", INDICES_ARE_OPTIONAL)
def test_indices_may_be_left_out(name: str) -> None:
    assert call(name, null=("indices",)) == (OK, "")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_arrays_of_an_empty_batch_may_be_null(name: str) -> None:
    every = tuple(FUNCTIONS[name])
    if name == "bias_gradient":  # whose answer has elements whatever the batch
        assert call(name, batch=0, null=every) == (INVALID_ARGUMENT, "db is NULL")
        every = ("dy",)
    assert call(name, batch=0, null=every) == (OK, "")


@pytest.mark.parametrize("name", STRUCTS)
def test_the_struct_is_checked_before_the_arrays(name: str) -> None:
    word = "pool" if name in POOLING else "problem"
    every = tuple(FUNCTIONS[name])
    status = getattr(LIBRARY, f"gemmconv_{name}")(NULL, NULL, *[NULL] * len(every))
    assert (status, LIBRARY.gemmconv_last_error()) == (INVALID_ARGUMENT, f"{word} is NULL".encode())
    struct = struct_of(name, 1)
    struct.struct_size = 8
    status, message = call(name, null=every, struct=struct)
    assert status == INVALID_ARGUMENT
    assert message.startswith(f"{word}->struct_size is 8; expected at least ")
    struct = struct_of(name, 1)
    struct.batch = -1
    assert call(name, null=every, struct=struct) == (INVALID_ARGUMENT, "the batch size is -1; it must be at least 0")


@pytest.mark.parametrize("name", ["im2col", "col2im"])
def test_patches_take_no_groups(name: str) -> None:
    struct = struct_of(name, 1)
    struct.groups = struct.in_channels = struct.out_channels = 2
    assert call(name, struct=struct) == (INVALID_ARGUMENT, f"{name} takes NCHW without groups")


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize(
    ("activation", "dtype", "count", "message"),
    [
        (7, 2, -1, "activation is 7; it must be from 0 to 6"),
        (1, 2, -1, "dtype is 2; it must be 0 or 1"),
        (1, 1, -1, "count is -1; it must be at least 0"),
    ],
)
def test_activations_check_their_numbers_first(
    name: str, activation: int, dtype: int, count: int, message: str
) -> None:
    function = getattr(LIBRARY, f"gemmconv_{name}")
    status = function(activation, dtype, NULL, ctypes.c_int64(count), *[NULL] * len(FUNCTIONS[name]))
    assert (status, LIBRARY.gemmconv_last_error().decode()) == (INVALID_ARGUMENT, message)
