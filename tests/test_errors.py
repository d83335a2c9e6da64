"""A table of mistakes: each raises the promised exception, and its sentence names the argument, what was given and what
was expected.
"""

import asyncio
import pickle
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import gemmconv
from gemmconv import _core

X = np.ones((2, 4, 9, 8), np.float32)
W = np.ones((6, 2, 3, 3), np.float32)
Y = np.ones((2, 6, 7, 6), np.float32)  # of X and W in two groups
SIGNAL, TAPS = np.ones((1, 2, 9), np.float32), np.ones((3, 2, 3), np.float32)
POOLED = np.ones((2, 4, 3, 2), np.float32)
PLACES = np.zeros((2, 4, 3, 2), np.int64)
COLUMNS = np.ones((2, 36, 42), np.float32)
HUGE = 2**70

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "conv": lambda **k: gemmconv.conv(X, W, **{"groups": 2, **k}),
    "input": lambda **k: gemmconv.conv_backward_input(Y, W, X.shape, **{"groups": 2, **k}),
    "weight": lambda **k: gemmconv.conv_backward_weight(Y, X, W.shape, **{"groups": 2, **k}),
    "transpose": lambda **k: gemmconv.conv_transpose(Y, W, **{"groups": 2, **k}),
    "plan": lambda **k: gemmconv.plan("forward", X.shape, W.shape, **{"groups": 2, **k}),
    "im2col": lambda **k: gemmconv.im2col(X, **{"kernel_size": 3, **k}),
    "col2im": lambda **k: gemmconv.col2im(COLUMNS, **{"output_shape": (9, 8), "kernel_size": 3, **k}),
    "max": lambda **k: gemmconv.max_pool(X, **{"kernel_size": 3, **k}),
    "average": lambda **k: gemmconv.avg_pool(X, **{"kernel_size": 3, **k}),
    "average_back": lambda **k: gemmconv.avg_pool_backward(POOLED, X.shape, **{"kernel_size": 3, **k}),
    "lp": lambda **k: gemmconv.lp_pool(X, **{"kernel_size": 3, **k}),
    "lp_back": lambda **k: gemmconv.lp_pool_backward(POOLED, X, POOLED, **{"kernel_size": 3, **k}),
    "adaptive_average": lambda **k: gemmconv.adaptive_avg_pool(X, **{"output_size": 3, **k}),
    "adaptive_max": lambda **k: gemmconv.adaptive_max_pool(X, **{"output_size": 3, **k}),
}
CONVOLUTIONS = ("conv", "input", "weight", "transpose", "plan")
WINDOWS = ("im2col", "col2im", "max", "average", "average_back", "lp", "lp_back")
POOLS = ("max", "average", "average_back", "lp", "lp_back")

# A mistake: name, who makes it, with which option, what is raised, and what the sentence must hold.
Row = tuple[str, tuple[str, ...], dict[str, Any], type[Exception], tuple[str, ...]]
OPTIONS: list[Row] = [
    # Integers along the axes
    ("stride_zero", CONVOLUTIONS + WINDOWS, {"stride": 0}, ValueError, ("stride", "is 0", "at least 1")),
    ("stride_negative", CONVOLUTIONS + WINDOWS, {"stride": (1, -2)}, ValueError, ("stride", "is -2", "axis 1")),
    ("stride_float", CONVOLUTIONS + WINDOWS, {"stride": 2.0}, TypeError, ("stride", "int", "2.0 (float)")),
    ("stride_bool", CONVOLUTIONS + WINDOWS, {"stride": True}, TypeError, ("stride", "int", "True (bool)")),
    ("stride_word", CONVOLUTIONS + WINDOWS, {"stride": "2"}, TypeError, ("stride", "int", "'2' (str)")),
    ("stride_set", CONVOLUTIONS, {"stride": {1, 2}}, TypeError, ("stride", "sequence", "(set)")),
    ("stride_bytes", CONVOLUTIONS, {"stride": b"\x01\x02"}, TypeError, ("stride", "sequence", "(bytes)")),
    ("stride_numpy_bool", CONVOLUTIONS, {"stride": np.True_}, TypeError, ("stride", "int", "numpy.bool")),
    ("stride_float_array", CONVOLUTIONS, {"stride": np.ones(2)}, TypeError, ("stride[0]", "int", "1.0")),
    ("stride_inner_float", CONVOLUTIONS + WINDOWS, {"stride": (1, 2.5)}, TypeError, ("stride[1]", "2.5 (float)")),
    ("stride_inner_none", CONVOLUTIONS + WINDOWS, {"stride": (None, 1)}, TypeError, ("stride[0]", "None")),
    ("stride_three", CONVOLUTIONS + WINDOWS, {"stride": (1, 1, 1)}, ValueError, ("stride", "3 entries", "expected 2")),
    ("stride_empty", CONVOLUTIONS + WINDOWS, {"stride": ()}, ValueError, ("stride", "0 entries", "expected 2")),
    ("stride_huge", CONVOLUTIONS + WINDOWS, {"stride": HUGE}, ValueError, ("stride", "2**63 or more")),
    ("stride_hugely_negative", CONVOLUTIONS, {"stride": (1, -HUGE)}, ValueError, ("stride[1]", "below -2**63")),
    ("stride_past_int32", CONVOLUTIONS, {"stride": 2**31}, ValueError, ("stride", "2147483648", "at most 2147483647")),
    ("dilation_zero", CONVOLUTIONS + WINDOWS, {"dilation": (1, 0)}, ValueError, ("dilation", "axis 1", "is 0")),
    ("dilation_float", CONVOLUTIONS + WINDOWS, {"dilation": 1.5}, TypeError, ("dilation", "1.5 (float)")),
    ("dilation_three", CONVOLUTIONS + WINDOWS, {"dilation": [1, 2, 3]}, ValueError, ("dilation", "3 entries")),
    ("dilation_huge", CONVOLUTIONS + WINDOWS, {"dilation": HUGE}, ValueError, ("dilation", "2**63 or more")),
    ("kernel_zero", WINDOWS, {"kernel_size": 0}, ValueError, ("kernel", "is 0", "at least 1")),
    ("kernel_float", WINDOWS, {"kernel_size": 3.0}, TypeError, ("kernel_size", "3.0 (float)")),
    ("kernel_three", WINDOWS, {"kernel_size": (3, 3, 3)}, ValueError, ("kernel_size", "3 entries", "expected 2")),
    ("kernel_too_large", ("max", "average", "lp", "im2col"), {"kernel_size": 10}, ValueError, ("output", "9", "10")),
    # Padding
    ("padding_negative", CONVOLUTIONS + WINDOWS, {"padding": -1}, ValueError, ("padding", "is -1", "at least 0")),
    ("padding_negative_high", CONVOLUTIONS + WINDOWS, {"padding": ((0, 0), (1, -4))}, ValueError,
     ("high padding", "axis 1", "is -4")),
    ("padding_float", CONVOLUTIONS + WINDOWS, {"padding": 0.5}, TypeError, ("padding", "0.5 (float)", '"same"')),
    ("padding_none", CONVOLUTIONS + WINDOWS, {"padding": None}, TypeError, ("padding", "None", "(low, high)")),
    ("padding_unknown_word", CONVOLUTIONS + WINDOWS, {"padding": "SAME"}, ValueError,
     ("padding", "'SAME'", '"valid", "same", "same_lower", "full"')),
    ("padding_three", CONVOLUTIONS + WINDOWS, {"padding": (1, 1, 1)}, ValueError, ("padding", "3 entries")),
    ("padding_triple", CONVOLUTIONS + WINDOWS, {"padding": ((1, 1, 1), (1, 1))}, ValueError,
     ("padding[0]", "(1, 1, 1)", "(low, high)")),
    ("padding_inner_float", CONVOLUTIONS, {"padding": ((1, 1), (1, 1.5))}, TypeError, ("padding[1][1]", "1.5 (float)")),
    ("padding_inner_word", CONVOLUTIONS, {"padding": ("same", 1)}, TypeError, ("padding[0]", "'same' (str)")),
    ("padding_deep", CONVOLUTIONS, {"padding": [[[0], [1]], [0, 0]]}, TypeError, ("padding[0][0]", "[0] (list)")),
    ("padding_huge", CONVOLUTIONS + WINDOWS, {"padding": (0, HUGE)}, ValueError, ("padding[1]", "2**63 or more")),
    # Words and switches
    ("layout_unknown", CONVOLUTIONS + POOLS + ("adaptive_average", "adaptive_max"), {"layout": "nchw"}, ValueError,
     ("layout", "'nchw'", '"NCHW", "NHWC"')),
    ("layout_number", CONVOLUTIONS + POOLS, {"layout": 1}, TypeError, ("layout", "1 (int)", '"NCHW"')),
    ("layout_surrogate", ("conv", "max"), {"layout": "\udc80"}, ValueError, ("layout", '"NCHW"')),
    ("flip_number", CONVOLUTIONS, {"flip": 1}, TypeError, ("flip", "True or False", "1 (int)")),
    ("flip_none", CONVOLUTIONS, {"flip": None}, TypeError, ("flip", "True or False", "None")),
    ("activation_unknown", ("conv", "transpose", "plan"), {"activation": "swish"}, ValueError,
     ("activation", "'swish'", '"relu"', '"gelu"', "None")),
    ("activation_function", ("conv", "transpose", "plan"), {"activation": np.tanh}, TypeError, ("activation", "ufunc")),
    ("strategy_unknown", CONVOLUTIONS, {"strategy": "magic"}, ValueError, ("strategy", "magic", "im2col", "winograd")),
    ("strategy_none", CONVOLUTIONS, {"strategy": None}, TypeError, ("strategy", "None", '"auto"')),
    ("backend_unknown", (*CONVOLUTIONS, *WINDOWS), {"backend": "gpu"}, ValueError, ("backend", "'gpu'", "reference")),
    ("ceil_mode_number", POOLS, {"ceil_mode": 1}, TypeError, ("ceil_mode", "True or False", "1 (int)")),
    ("return_indices_word", ("max", "adaptive_max"), {"return_indices": "yes"}, TypeError, ("return_indices", "'yes'")),
    ("count_include_pad_none", ("average", "average_back"), {"count_include_pad": None}, TypeError,
     ("count_include_pad", "None")),
    # Groups
    ("groups_zero", CONVOLUTIONS, {"groups": 0}, ValueError, ("groups", "is 0", "at least 1")),
    ("groups_negative", CONVOLUTIONS, {"groups": -2}, ValueError, ("groups", "is -2")),
    ("groups_float", CONVOLUTIONS, {"groups": 2.0}, TypeError, ("groups", "an int", "2.0 (float)")),
    ("groups_sequence", CONVOLUTIONS, {"groups": (2,)}, TypeError, ("groups", "an int", "(2,) (tuple)")),
    ("groups_do_not_divide", ("conv", "input", "weight", "plan"), {"groups": 3}, ValueError, ("3", "4 channels")),
    ("groups_huge", CONVOLUTIONS, {"groups": HUGE}, ValueError, ("groups", "2**63 or more")),
    # Numbers of pooling
    ("divisor_zero", ("average", "average_back"), {"divisor": 0}, ValueError, ("divisor", "is 0", "other number")),
    ("divisor_bool", ("average", "average_back"), {"divisor": True}, TypeError, ("divisor", "a number", "True (bool)")),
    ("divisor_word", ("average", "average_back"), {"divisor": "2"}, TypeError, ("divisor", "a number", "'2' (str)")),
    ("divisor_complex", ("average", "average_back"), {"divisor": 2j}, TypeError, ("divisor", "a number", "(complex)")),
    ("divisor_nan", ("average", "average_back"), {"divisor": float("nan")}, ValueError, ("divisor", "NaN")),
    ("divisor_past_float", ("average", "average_back"), {"divisor": 10**400}, ValueError, ("divisor", "float")),
    ("p_zero", ("lp", "lp_back"), {"p": 0}, ValueError, ("p is 0", "above 0")),
    ("p_negative", ("lp", "lp_back"), {"p": -1.5}, ValueError, ("p is -1.5", "above 0")),
    ("p_infinite", ("lp", "lp_back"), {"p": float("inf")}, ValueError, ("p is inf", "finite")),
    ("p_nan", ("lp", "lp_back"), {"p": float("nan")}, ValueError, ("p is", "finite")),
    ("p_none", ("lp", "lp_back"), {"p": None}, TypeError, ("p must be a number", "None")),
    ("p_word", ("lp", "lp_back"), {"p": "inf"}, TypeError, ("p must be a number", "'inf' (str)")),
    # Adaptive pooling
    ("output_size_zero", ("adaptive_average", "adaptive_max"), {"output_size": 0}, ValueError,
     ("output_size", "0", "at least 1")),
    ("output_size_float", ("adaptive_average", "adaptive_max"), {"output_size": 3.0}, TypeError,
     ("output_size", "3.0 (float)")),
    ("output_size_three", ("adaptive_average", "adaptive_max"), {"output_size": (1, 1, 1)}, ValueError,
     ("output_size", "3 entries", "expected 2")),
    # Transposed convolution
    ("output_padding_negative", ("transpose",), {"output_padding": -1}, ValueError, ("output_padding", "is -1")),
    ("output_padding_of_stride", ("transpose",), {"output_padding": 2, "stride": 2}, ValueError,
     ("output_padding", "is 2", "smaller than the stride 2")),
    ("output_padding_float", ("transpose",), {"output_padding": 0.5}, TypeError, ("output_padding", "0.5 (float)")),
    ("output_shape_whole", ("transpose",), {"output_shape": (2, 4, 9, 8)}, ValueError,
     ("output_shape", "(2, 4, 9, 8)", "2 spatial sizes")),
    ("output_shape_int", ("transpose",), {"output_shape": 9}, TypeError, ("output_shape", "sequence", "9 (int)")),
    ("output_shape_empty", ("transpose",), {"output_shape": ()}, ValueError, ("output_shape", "()", "2 spatial sizes")),
    ("output_shape_zero", ("transpose",), {"output_shape": (0, 8)}, ValueError, ("output_shape", "is 0")),
    ("output_shape_and_padding", ("transpose",), {"output_shape": (9, 8), "padding": 1}, ValueError,
     ("output_shape", "padding must then be 0", "(1, 1)")),
    ("output_shape_and_same", ("transpose",), {"output_shape": (9, 8), "padding": "same"}, ValueError,
     ("output_shape", "padding must then be 0")),
    # Unknown options are the interpreter's own complaint
    ("unknown_option", tuple(FUNCTIONS), {"strides": 1}, TypeError, ("strides",)),
]  # fmt: skip
MISTAKES = [
    pytest.param(FUNCTIONS[who], option, raised, held, id=f"{name}-{who}")
    for name, whose, option, raised, held in OPTIONS
    for who in whose
]


@pytest.mark.parametrize(("function", "option", "raised", "held"), MISTAKES)
def test_a_wrong_option(
    function: Callable[..., Any], option: dict[str, Any], raised: type[Exception], held: tuple[str, ...]
) -> None:
    check(lambda: function(**option), raised, held)


def check(act: Callable[[], Any], raised: type[Exception], held: tuple[str, ...]) -> None:
    with pytest.raises(raised) as caught:
        act()
    message = str(caught.value)
    for fragment in held:
        assert fragment in message
    assert "\n" not in message
    assert len(message) < 400


def one(*shape: int) -> Any:
    return np.ones(shape, np.float32)


# Arrays and shapes that do not fit each other: name, call, exception, what the sentence must hold.
SHAPES: list[tuple[str, Callable[[], Any], type[Exception], tuple[str, ...]]] = [
    ("x_of_no_axes", lambda: gemmconv.conv(one(), one()), ValueError, ("x has shape ()", "3 to 5")),
    ("x_of_two_axes", lambda: gemmconv.conv(one(9, 8), W), ValueError, ("x has shape (9, 8)", "(N, C, *spatial)")),
    ("x_of_six_axes", lambda: gemmconv.conv(one(1, 1, 1, 1, 1, 1), W), ValueError, ("(1, 1, 1, 1, 1, 1)", "3 to 5")),
    ("w_of_other_rank", lambda: gemmconv.conv(X, TAPS), ValueError, ("w has shape (3, 2, 3)", "(2, 4, 9, 8)")),
    ("channels", lambda: gemmconv.conv(X, W), ValueError, ("(6, 2, 3, 3)", "2 channels", "(2, 4, 9, 8)", "4 channels")),
    ("channels_last", lambda: gemmconv.conv(X, W, layout="NHWC"), ValueError, ("2 channels", "8 channels")),
    ("groups_of_outputs", lambda: gemmconv.conv(X, one(5, 2, 3, 3), groups=2), ValueError, ("groups is 2", "5")),
    ("no_channels", lambda: gemmconv.conv(one(1, 0, 5), one(3, 0, 3)), ValueError, ("channels is 0",)),
    ("no_kernel", lambda: gemmconv.conv(SIGNAL, one(3, 2, 0)), ValueError, ("kernel", "is 0")),
    ("no_cells", lambda: gemmconv.conv(one(1, 2, 0), TAPS, padding=4), ValueError, ("input", "is 0")),
    ("no_outputs", lambda: gemmconv.conv(one(1, 2, 2), TAPS), ValueError, ("output", "would be 0", "kernel of 3")),
    ("no_outputs_dilated", lambda: gemmconv.conv(SIGNAL, TAPS, dilation=5), ValueError,
     ("would be -1", "dilation 5", "9 cells", "the 11")),
    ("no_outputs_same_batch_0", lambda: gemmconv.conv(one(0, 2, 2), TAPS), ValueError, ("would be 0",)),
    ("one_axis_stride", lambda: gemmconv.conv(SIGNAL, TAPS, stride=(1, 1)), ValueError, ("2 entries", "expected 1")),
    ("bias_long", lambda: gemmconv.conv(SIGNAL, TAPS, one(4)), ValueError, ("bias has shape (4,)", "expected (3,)")),
    ("bias_scalar", lambda: gemmconv.conv(SIGNAL, TAPS, one()), ValueError, ("bias has shape ()", "expected (3,)")),
    ("bias_column", lambda: gemmconv.conv(SIGNAL, TAPS, one(3, 1)), ValueError, ("bias has shape (3, 1)", "(3,)")),
    ("bias_transposed", lambda: gemmconv.conv_transpose(one(1, 3, 5), TAPS, one(3)), ValueError,
     ("bias has shape (3,)", "expected (2,)")),
    ("dy_short", lambda: gemmconv.conv_backward_input(Y[:, :, 1:], W, X.shape, groups=2), ValueError,
     ("dy has shape (2, 6, 6, 6)", "expected (2, 6, 7, 6)", "x (2, 4, 9, 8)", "w (6, 2, 3, 3)")),
    ("dy_other_batch", lambda: gemmconv.conv_backward_weight(Y[:1], X, W.shape, groups=2), ValueError,
     ("dy has shape (1, 6, 7, 6)", "expected (2, 6, 7, 6)")),
    ("dy_channels_last", lambda: gemmconv.conv_backward_input(Y, W, (2, 9, 8, 4), groups=2, layout="NHWC"), ValueError,
     ("dy has shape (2, 6, 7, 6)", "expected (2, 7, 6, 6)")),
    ("dy_of_two_axes", lambda: gemmconv.conv_backward_input(one(5, 5), W, X.shape, groups=2), ValueError, ("(5, 5)",)),
    ("input_shape_spatial", lambda: gemmconv.conv_backward_input(Y, W, (9, 8), groups=2), ValueError,
     ("(9, 8)", "3 to 5")),
    ("input_shape_int", lambda: gemmconv.conv_backward_input(Y, W, 9), TypeError,
     ("input_shape", "sequence", "9 (int)")),
    ("input_shape_floats", lambda: gemmconv.conv_backward_input(Y, W, (2, 4, 9.0, 8)), TypeError,
     ("input_shape[2]", "9.0 (float)")),
    ("input_shape_huge", lambda: gemmconv.conv_backward_input(Y, W, (2, 4, HUGE, 8)), ValueError,
     ("input_shape[2]", "2**63")),
    ("input_shape_negative", lambda: gemmconv.conv_backward_input(Y, W, (2, 4, -9, 8), groups=2), ValueError,
     ("input", "is -9")),
    ("input_shape_endless", lambda: gemmconv.conv_backward_input(Y, W, (1,) * 65), ValueError, ("input_shape", "65")),
    ("weight_shape_channels", lambda: gemmconv.conv_backward_weight(Y, X, (6, 3, 3, 3), groups=2), ValueError,
     ("(6, 3, 3, 3)", "3 channels", "expected w of (K, 2, *kernel)")),
    ("weight_shape_word", lambda: gemmconv.conv_backward_weight(Y, X, "6233"), TypeError, ("weight_shape", "'6233'")),
    ("weight_shape_outputs", lambda: gemmconv.conv_backward_weight(Y, X, (4, 2, 3, 3), groups=2), ValueError,
     ("dy has shape (2, 6, 7, 6)", "expected (2, 4, 7, 6)")),
    ("db_of_two_axes", lambda: gemmconv.conv_backward_bias(one(5, 5)), ValueError, ("dy has shape (5, 5)", "3 to 5")),
    ("db_of_six_axes", lambda: gemmconv.conv_backward_bias(one(1, 1, 1, 1, 1, 1)), ValueError, ("dy has shape",)),
    ("db_layout", lambda: gemmconv.conv_backward_bias(Y, layout="HW"), ValueError, ("layout", "'HW'")),
    ("needs_unknown", lambda: gemmconv.conv_backward(Y, X, W, needs=("x",)), ValueError, ("'x'", "weight")),
    ("transposed_channels", lambda: gemmconv.conv_transpose(X, W), ValueError, ("takes 6 channels", "has 4")),
    ("transposed_two_axes", lambda: gemmconv.conv_transpose(one(6, 5), W), ValueError,
     ("x has shape (6, 5)", "3 to 5")),
    ("transposed_no_outputs", lambda: gemmconv.conv_transpose(one(1, 3, 1), TAPS, padding=2), ValueError,
     ("would be -1", "less padding (2, 2)")),
    ("im2col_two_axes", lambda: gemmconv.im2col(one(3, 3), 2), ValueError, ("x has shape (3, 3)", "3 to 5")),
    ("col2im_two_axes", lambda: gemmconv.col2im(one(3, 3), (3, 3), 2), ValueError, ("cols has shape (3, 3)", "3 axes")),
    ("col2im_rows", lambda: gemmconv.col2im(one(1, 7, 4), (3, 3), 2), ValueError, ("(1, 7, 4)", "7", "area 4")),
    ("col2im_no_rows", lambda: gemmconv.col2im(one(1, 0, 4), (3, 3), 2), ValueError, ("(1, 0, 4)", "area 4")),
    ("col2im_columns", lambda: gemmconv.col2im(one(1, 8, 5), (3, 3), 2), ValueError,
     ("cols has shape (1, 8, 5)", "expected (1, 8, 4)", "(1, 2, 3, 3)")),
    ("col2im_whole_shape", lambda: gemmconv.col2im(one(1, 8, 4), (1, 2, 3, 3), 2), ValueError,
     ("output_shape", "(1, 2, 3, 3)", "1, 2 or 3")),
    ("col2im_int_shape", lambda: gemmconv.col2im(one(1, 8, 4), 3, 2), TypeError, ("output_shape", "3 (int)")),
    ("rot180_two_axes", lambda: gemmconv.rot180(one(3, 3)), ValueError, ("(3, 3)",)),
    ("pool_two_axes", lambda: gemmconv.max_pool(one(4, 4), 2), ValueError, ("x has shape (4, 4)", "(N, C, *spatial)")),
    ("pool_channels_last", lambda: gemmconv.avg_pool(one(4, 4), 2, layout="NHWC"), ValueError, ("(N, *spatial, C)",)),
    ("average_dy", lambda: gemmconv.avg_pool_backward(POOLED[:, :, 1:], X.shape, 3), ValueError,
     ("dy has shape (2, 4, 2, 2)", "expected (2, 4, 3, 2)", "(2, 4, 9, 8)", "(3, 3)")),
    ("average_input_shape", lambda: gemmconv.avg_pool_backward(POOLED, X.shape[2:], 3), ValueError, ("(9, 8)",)),
    ("lp_dy", lambda: gemmconv.lp_pool_backward(POOLED[:1], X, POOLED, 3), ValueError, ("dy has shape (1, 4, 3, 2)",)),
    ("lp_y", lambda: gemmconv.lp_pool_backward(POOLED, X, POOLED[:1], 3), ValueError, ("y has shape (1, 4, 3, 2)",)),
    ("indices_short", lambda: gemmconv.max_pool_backward(POOLED, PLACES[:1], X.shape), ValueError,
     ("indices has shape (1, 4, 3, 2)", "expected (2, 4, 3, 2)", "that of dy")),
    ("indices_int32", lambda: gemmconv.max_pool_backward(POOLED, PLACES.astype(np.int32), X.shape), TypeError,
     ("indices has dtype int32", "int64")),
    ("indices_beyond", lambda: gemmconv.max_pool_backward(POOLED, PLACES + 72, X.shape), ValueError, ("72",)),
    ("indices_below", lambda: gemmconv.max_pool_backward(POOLED, PLACES - 2, X.shape), ValueError, ("-2",)),
    ("indices_other_batch", lambda: gemmconv.max_pool_backward(POOLED, PLACES, (3, 4, 9, 8)), ValueError,
     ("dy has shape (2, 4, 3, 2)", "input_shape (3, 4, 9, 8)")),
    ("indices_other_rank", lambda: gemmconv.max_pool_backward(POOLED, PLACES, (2, 4, 9)), ValueError,
     ("dy has shape (2, 4, 3, 2)", "input_shape (2, 4, 9)")),
    ("unpool_spatial_shape", lambda: gemmconv.max_unpool(POOLED, PLACES, (9, 8)), ValueError,
     ("output_shape", "(9, 8)")),
    ("unpool_int_shape", lambda: gemmconv.max_unpool(POOLED, PLACES, 9), TypeError, ("output_shape", "9 (int)")),
    ("unpool_beyond", lambda: gemmconv.max_unpool(POOLED, PLACES + 100, X.shape), ValueError, ("100",)),
    ("unpool_indices", lambda: gemmconv.max_unpool(POOLED, PLACES[:, :1], X.shape), ValueError, ("that of y",)),
    ("unpool_back_indices", lambda: gemmconv.max_unpool_backward(X, PLACES[:1]), ValueError,
     ("indices has shape (1, 4, 3, 2)", "dx (2, 4, 9, 8)")),
    ("unpool_back_beyond", lambda: gemmconv.max_unpool_backward(X, PLACES + 72), ValueError, ("72",)),
    ("adaptive_dy", lambda: gemmconv.adaptive_avg_pool_backward(POOLED, (2, 5, 9, 8)), ValueError,
     ("dy has shape (2, 4, 3, 2)", "(2, 5, 9, 8)")),
    ("adaptive_two_axes", lambda: gemmconv.adaptive_max_pool(one(3, 3), 2), ValueError, ("x has shape (3, 3)",)),
    ("activate_word", lambda: gemmconv.activate(X, "swish"), ValueError, ("'swish'", '"relu"')),
    ("activate_number", lambda: gemmconv.activate(X, 1), TypeError, ("1 (int)", '"relu"')),
    ("activate_back_shape", lambda: gemmconv.activate_backward(X[:1], X, "relu"), ValueError,
     ("da has shape (1, 4, 9, 8)", "expected (2, 4, 9, 8)", "that of z")),
]  # fmt: skip


def plan(pass_: str = "forward", **options: Any) -> Any:
    return gemmconv.plan(pass_, X.shape, W.shape, **{"groups": 2, **options})


PLANS: list[tuple[str, Callable[[], Any], type[Exception], tuple[str, ...]]] = [
    ("pass_unknown", lambda: plan("backward"), ValueError, ("'backward'", '"backward_input"')),
    ("pass_number", lambda: plan(0), TypeError, ("pass", "0 (int)", '"forward"')),
    ("dtype_half", lambda: plan(dtype="float16"), TypeError, ("dtype", "float16", '"float64"')),
    ("dtype_unknown", lambda: plan(dtype="single precision"), TypeError, ("single precision",)),
    ("shape_int", lambda: gemmconv.plan("forward", 5, W.shape), TypeError, ("x_shape", "sequence", "5 (int)")),
    ("shape_bool", lambda: gemmconv.plan("forward", (True, 4, 9, 8), W.shape), TypeError,
     ("x_shape[0]", "True (bool)")),
    ("w_shape_none", lambda: gemmconv.plan("forward", X.shape, None), TypeError, ("w_shape", "None")),
    ("negative_batch", lambda: gemmconv.plan("forward", (-1, 2, 9), TAPS.shape), ValueError, ("batch", "is -1")),
    ("too_many_cells", lambda: gemmconv.plan("forward", (2**31 - 1, 2**31 - 1, 9), (1, 2**31 - 1, 1)), ValueError,
     ("elements",)),
    ("size_past_int32", lambda: gemmconv.plan("forward", (1, 1, 2**31), (1, 1, 1)), ValueError, ("2147483648",)),
    ("x_shape", lambda: plan()(X[:1], W), ValueError, ("x has shape (1, 4, 9, 8)", "expected (2, 4, 9, 8)", "plan")),
    ("w_shape", lambda: plan()(X, W[:, :1]), ValueError, ("w has shape (6, 1, 3, 3)", "expected (6, 2, 3, 3)")),
    ("dy_shape", lambda: plan("backward_input")(X, W), ValueError, ("dy has shape (2, 4, 9, 8)", "(2, 6, 7, 6)")),
    ("x_for_dw", lambda: plan("backward_weight")(Y, W), ValueError, ("x has shape (6, 2, 3, 3)", "(2, 4, 9, 8)")),
    ("dtype_of_x", lambda: plan()(X.astype(float), W), TypeError, ("x has dtype float64", "plan", "float32")),
    ("dtype_of_w", lambda: plan()(X, W.astype(float)), TypeError, ("w has dtype float64", "float32")),
    ("dtype_of_bias", lambda: plan()(X, W, np.ones(6)), TypeError, ("bias has dtype float64", "float32")),
    ("bias_shape", lambda: plan()(X, W, one(4)), ValueError, ("bias has shape (4,)", "expected (6,)")),
    ("bias_of_dx", lambda: plan("backward_input")(Y, W, one(6)), ValueError, ("bias has shape (6,)", "expected (4,)")),
    ("bias_of_dw", lambda: plan("backward_weight")(Y, X, one(6)), ValueError, ("bias", "weight gradient")),
    ("out_shape", lambda: plan()(X, W, out=X), ValueError, ("out has shape (2, 4, 9, 8)", "expected (2, 6, 7, 6)")),
    ("one_operand", lambda: plan()(X), TypeError, ("w must be a numpy.ndarray", "None")),
    ("pack_shape", lambda: plan().pack(W[:5]), ValueError, ("w has shape (5, 2, 3, 3)", "expected (6, 2, 3, 3)")),
    ("pack_dtype", lambda: plan().pack(W.astype(float)), TypeError, ("w has dtype float64", "float32")),
    ("pack_list", lambda: plan().pack([1.0]), TypeError, ("w must be a numpy.ndarray", "list")),
    ("pack_dw", lambda: plan("backward_weight").pack(W), ValueError, ("no weights to pack",)),
    ("pack_of_another", lambda: plan()(X, plan("forward", stride=2).pack(W)), ValueError, ("another plan",)),
    ("activation_of_dw", lambda: plan("backward_weight", activation="relu"), ValueError, ("activation",)),
]  # fmt: skip

SETTINGS: list[tuple[str, dict[str, Any], type[Exception], tuple[str, ...]]] = [
    ("threads_zero", {"threads": 0}, ValueError, ("threads is 0", "at least 1", "None")),
    ("threads_negative", {"threads": -4}, ValueError, ("threads is -4",)),
    ("threads_float", {"threads": 2.0}, TypeError, ("threads", "2.0 (float)")),
    ("threads_bool", {"threads": True}, TypeError, ("threads", "True (bool)")),
    ("threads_word", {"threads": "all"}, TypeError, ("threads", "'all' (str)")),
    ("threads_past_int32", {"threads": 2**31}, ValueError, ("threads is 2147483648", "at most")),
    ("threads_huge", {"threads": HUGE}, ValueError, ("threads", "2**63")),
    ("math_unknown", {"math": "exact"}, ValueError, ("'exact'", '"fast", "strict"')),
    ("math_none", {"math": None}, TypeError, ("math", "None")),
    ("deterministic_number", {"deterministic": 1}, TypeError, ("deterministic", "1 (int)")),
    ("limit_negative", {"workspace_limit": -1}, ValueError, ("workspace_limit is -1", "at least 0")),
    ("limit_float", {"workspace_limit": 1e6}, TypeError, ("workspace_limit", "1000000.0 (float)")),
    ("limit_none", {"workspace_limit": None}, TypeError, ("workspace_limit", "None")),
    ("limit_huge", {"workspace_limit": HUGE}, ValueError, ("workspace_limit", "2**63")),
]


@pytest.mark.parametrize(("act", "raised", "held"), [pytest.param(*row[1:], id=row[0]) for row in SHAPES + PLANS])
def test_arrays_and_shapes_that_do_not_fit(
    act: Callable[[], Any], raised: type[Exception], held: tuple[str, ...]
) -> None:
    check(act, raised, held)


@pytest.mark.parametrize("how", ["options", "set_options", "Settings"])
@pytest.mark.parametrize(("setting", "raised", "held"), [pytest.param(*row[1:], id=row[0]) for row in SETTINGS])
def test_a_wrong_setting(how: str, setting: dict[str, Any], raised: type[Exception], held: tuple[str, ...]) -> None:
    before = gemmconv.get_options()
    act = {"options": gemmconv.options, "set_options": gemmconv.set_options, "Settings": _core.Settings}[how]
    check(lambda: act(**setting), raised, held)
    assert gemmconv.get_options() == before


@pytest.mark.parametrize("strategy", [name for name in _core.strategy_names() if name not in ("direct", "im2col")])
def test_a_strategy_that_cannot_says_why(strategy: str) -> None:
    """Either it does the problem, or it is an UnsupportedError with a reason, in every pass."""
    for act in (lambda: FUNCTIONS["conv"](strategy=strategy), lambda: FUNCTIONS["weight"](strategy=strategy)):
        reasons = []
        try:
            act()
        except gemmconv.UnsupportedError as error:
            reasons.append(error)
        for reason in reasons:
            assert strategy in str(reason)
            assert len(str(reason).split()) > 4
            assert pickle.loads(pickle.dumps(reason)).args == reason.args


def test_errors_of_concurrent_tasks_do_not_mix() -> None:
    """The last error is a thread's own: many threads that fail at once each get their own sentence."""

    def fail(stride: int) -> str:
        with pytest.raises(ValueError) as caught:
            gemmconv.conv(X, W, groups=2, stride=-stride)
        return str(caught.value)

    async def all_at_once() -> list[str]:
        return await asyncio.gather(*(asyncio.to_thread(fail, stride) for stride in range(1, 60)))

    for stride, message in enumerate(asyncio.run(all_at_once()), 1):
        assert f"is -{stride};" in message


# What looks unusual and is right.
ACCEPTED: dict[str, dict[str, Any]] = {
    "numpy_int": {"stride": np.int32(2)},
    "array": {"stride": np.array([2, 2], np.uint8)},
    "scalar_array": {"stride": np.array(2)},
    "array_of_one": {"stride": np.array([2])},
    "list": {"stride": [2, 2]},
    "range": {"stride": range(2, 3)},
    "one_for_all": {"stride": (2,)},
    "pairs": {"stride": 2, "padding": [(0, 0), (0, 0)]},
    "pair_for_all": {"stride": 2, "padding": [(0, 0)]},
    "array_of_pairs": {"stride": 2, "padding": np.zeros((2, 2), int)},
    "ints_and_pairs": {"stride": 2, "padding": (0, (0, 0))},
    "word": {"stride": 2, "padding": "valid"},
    "numpy_bool": {"stride": 2, "flip": np.bool_(False)},
    "numpy_word": {"stride": 2, "layout": np.str_("NCHW")},
}


@pytest.mark.parametrize("form", ACCEPTED)
def test_every_form_of_an_option_is_the_same(form: str) -> None:
    x = np.random.default_rng(3).standard_normal(X.shape)
    w = np.random.default_rng(4).standard_normal(W.shape)
    expected = gemmconv.conv(x, w, groups=2, stride=2)
    np.testing.assert_array_equal(gemmconv.conv(x, w, groups=2, **ACCEPTED[form]), expected)


def test_numbers_of_every_kind_divide() -> None:
    expected = gemmconv.avg_pool(X, 3, divisor=0.5)
    for divisor in (np.float32(0.5), Fraction(1, 2), np.array(0.5)):
        np.testing.assert_array_equal(gemmconv.avg_pool(X, 3, divisor=divisor), expected)
    np.testing.assert_array_equal(gemmconv.avg_pool(X, 3, divisor=-0.5), -expected)


def test_an_empty_batch_is_no_mistake() -> None:
    nothing = X[:0]
    assert gemmconv.conv(nothing, W, groups=2).shape == (0, 6, 7, 6)
    assert gemmconv.conv_transpose(Y[:0], W, groups=2).shape == (0, 4, 9, 8)
    assert (gemmconv.conv_backward_weight(Y[:0], nothing, W.shape, groups=2) == np.zeros(W.shape)).all()
    assert (gemmconv.conv_backward_bias(Y[:0]) == np.zeros(6)).all()
    y, indices = gemmconv.max_pool(nothing, 3, return_indices=True)
    assert y.shape == indices.shape == (0, 4, 3, 2)
    assert gemmconv.max_pool_backward(y, indices, nothing.shape).shape == nothing.shape
    assert gemmconv.im2col(nothing, 3).shape == (0, 36, 42)
    assert gemmconv.col2im(COLUMNS[:0], (9, 8), 3).shape == nothing.shape
    assert gemmconv.activate(nothing, "relu").shape == nothing.shape
