"""Every misuse gives the promised exception with a sentence that has the numbers in it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gemmconv

X = np.ones((2, 4, 6, 5), np.float32)
W = np.ones((6, 4, 3, 3), np.float32)
Y = np.ones((2, 6, 4, 3), np.float32)
POOLED, INDICES = np.ones((2, 4, 3, 2), np.float32), np.zeros((2, 4, 3, 2), np.int64)


def conv(x: Any = X, w: Any = W, bias: Any = None, **options: Any) -> Callable[[], Any]:
    return lambda: gemmconv.conv(x, w, bias, **options)


# What is done, what it raises, and what the message must hold (a regular expression).
MISUSES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    # Shapes
    "too_few_axes": (conv(X[0, 0]), ValueError, r"\(6, 5\)"),
    "too_many_axes": (conv(np.ones((1,) * 6, np.float32), np.ones((1,) * 6, np.float32)), ValueError, "axes"),
    "kernel_of_other_rank": (conv(X, W[:, :, 0]), ValueError, r"\(6, 4, 3\).*\(2, 4, 6, 5\)"),
    "channels_differ": (conv(X, W[:, :3]), ValueError, r"\(6, 3, 3, 3\).*3.*\(2, 4, 6, 5\).*4"),
    "channels_differ_in_layout": (conv(X, W, layout="NHWC"), ValueError, "5"),
    "groups_do_not_divide": (conv(X, W, groups=3), ValueError, "3.*4"),
    "groups_do_not_divide_outputs": (conv(X, W[:5, :2], groups=2), ValueError, "2.*5"),
    "groups_of_none": (conv(X, W, groups=0), ValueError, "groups is 0"),
    "groups_below_none": (conv(X, W, groups=-1), ValueError, "groups is -1"),
    "output_below_one": (conv(X, np.ones((6, 4, 7, 3), np.float32)), ValueError, "output.*6.*7"),
    "output_below_one_dilated": (conv(X, W, dilation=3), ValueError, "output.*3"),
    "no_channels": (conv(X[:, :0], W[:, :0]), ValueError, "channels is 0"),
    "no_kernel": (conv(X, W[:, :, :0]), ValueError, "kernel.* 0"),
    "no_pixels": (conv(X[:, :, :0], W, padding=3), ValueError, "input.* 0"),
    "bias_of_wrong_length": (conv(X, W, np.ones(5, np.float32)), ValueError, r"\(5,\).*\(6,\)|\(6,\).*\(5,\)"),
    "bias_of_two_axes": (conv(X, W, np.ones((6, 1), np.float32)), ValueError, r"\(6, 1\)"),
    # Options
    "stride_zero": (conv(stride=0), ValueError, "stride.* 0"),
    "stride_negative": (conv(stride=(1, -2)), ValueError, "stride.* -2"),
    "stride_of_wrong_length": (conv(stride=(1, 2, 3)), ValueError, "stride.*3"),
    "stride_of_fraction": (conv(stride=1.5), TypeError, "stride"),
    "dilation_zero": (conv(dilation=0), ValueError, "dilation.* 0"),
    "padding_negative": (conv(padding=-1), ValueError, "padding.* -1"),
    "padding_negative_at_one_end": (conv(padding=((0, 0), (0, -3))), ValueError, "padding.* -3"),
    "padding_unknown_word": (conv(padding="sama"), ValueError, "sama.*same_lower"),
    "padding_of_wrong_length": (conv(padding=(1, 2, 3)), ValueError, "padding.*3"),
    "padding_of_fraction": (conv(padding=0.5), TypeError, "padding"),
    "layout_unknown": (conv(layout="CHWN"), ValueError, "CHWN.*NCHW"),
    "activation_unknown": (conv(activation="swosh"), ValueError, "swosh.*relu"),
    "strategy_unknown": (conv(strategy="quantum"), ValueError, "quantum.*direct.*im2col"),
    "backend_unknown": (conv(backend="abacus"), ValueError, "abacus.*reference"),
    "strategy_not_there": (conv(strategy="fft"), gemmconv.UnsupportedError, "fft"),
    "flip_positional": (lambda: gemmconv.conv(X, W, None, True), TypeError, "positional"),
    "unknown_option": (conv(strides=2), TypeError, "strides"),
    # Kinds and dtypes
    "list_for_array": (conv(X.tolist()), TypeError, "list"),
    "none_for_array": (conv(None), TypeError, "NoneType"),
    "mixed_dtypes": (conv(X, W.astype(np.float64)), TypeError, "float32.*float64|float64.*float32"),
    "mixed_bias_dtype": (conv(X, W, np.ones(6)), TypeError, "float32.*float64|float64.*float32"),
    "integers": (conv(X.astype(np.int32), W.astype(np.int32)), TypeError, "int32"),
    "half": (conv(X.astype(np.float16), W.astype(np.float16)), TypeError, "float16"),
    "complex": (conv(X.astype(np.complex64), W.astype(np.complex64)), TypeError, "complex64"),
    "objects": (conv(X.astype(object), W.astype(object)), TypeError, "object"),
    "masked": (conv(np.ma.masked_array(X)), TypeError, "asked"),
    # out
    "out_of_wrong_shape": (conv(out=np.ones((2, 6, 4, 4), np.float32)), ValueError, r"\(2, 6, 4, 4\)"),
    "out_of_wrong_dtype": (conv(out=np.ones((2, 6, 4, 3))), ValueError, "float64"),
    "out_not_an_array": (conv(out=[1]), TypeError, "out"),
    # Backward passes
    "dy_does_not_fit": (lambda: gemmconv.conv_backward_input(Y[:, :, 1:], W, X.shape), ValueError, r"\(2, 6, 3, 3\)"),
    "dy_of_other_batch": (lambda: gemmconv.conv_backward_weight(Y[:1], X, W.shape), ValueError, r"\(1, 6, 4, 3\)"),
    "x_does_not_fit_dw": (lambda: gemmconv.conv_backward_weight(Y, X, (6, 3, 3, 3)), ValueError, r"\(6, 3, 3, 3\)"),
    "needs_unknown": (lambda: gemmconv.conv_backward(Y, X, W, needs=("inputs",)), ValueError, "inputs.*weight"),
    "input_shape_of_fractions": (lambda: gemmconv.conv_backward_input(Y, W, (2, 4, 6.5, 5)), TypeError, ""),
    # Transposed
    "transposed_channels": (lambda: gemmconv.conv_transpose(X, W), ValueError, r"\(6, 4, 3, 3\).*\(2, 4, 6, 5\)"),
    "output_padding_too_large": (
        lambda: gemmconv.conv_transpose(Y, W, stride=2, output_padding=2), ValueError, "output_padding.* 2"),
    "output_padding_negative": (
        lambda: gemmconv.conv_transpose(Y, W, stride=2, output_padding=-1), ValueError, "output_padding.* -1"),
    "output_shape_with_padding": (
        lambda: gemmconv.conv_transpose(Y, W, padding=1, output_shape=(6, 5)), ValueError, "padding must then be 0"),
    "output_shape_below_one": (
        lambda: gemmconv.conv_transpose(Y, W, output_shape=(0, 5)), ValueError, "output_shape.* 0"),
    "transposed_output_below_one": (
        lambda: gemmconv.conv_transpose(Y[:, :, :1, :1], W, padding=2), ValueError, "output"),
    # Plans
    "pass_unknown": (lambda: gemmconv.plan("backwards", X.shape, W.shape), ValueError, "backwards.*backward_input"),
    "plan_dtype": (lambda: gemmconv.plan("forward", X.shape, W.shape, dtype="int8"), TypeError, "int8"),
    "plan_other_shape": (lambda: gemmconv.plan("forward", X.shape, W.shape)(X[:1], W), ValueError, r"\(1, 4, 6, 5\)"),
    "plan_other_dtype": (
        lambda: gemmconv.plan("forward", X.shape, W.shape)(X.astype(np.float64), W.astype(np.float64)),
        TypeError, "float64"),
    "plan_overflow": (
        lambda: gemmconv.plan("forward", (2**31 - 1, 2**31 - 1, 9, 9), (1, 2**31 - 1, 1, 1)), ValueError, "elements"),
    "plan_size_past_int32": (
        lambda: gemmconv.plan("forward", (1, 1, 2**31 + 5), (1, 1, 1)), ValueError, "2147483653"),
    # Settings
    "threads_zero": (lambda: gemmconv.options(threads=0), ValueError, "threads.*0"),
    "threads_negative": (lambda: gemmconv.set_options(threads=-2), ValueError, "threads.*-2"),
    "threads_fraction": (lambda: gemmconv.options(threads=1.5), TypeError, "threads"),
    "math_unknown": (lambda: gemmconv.options(math="sloppy"), ValueError, "sloppy.*strict"),
    "limit_negative": (lambda: gemmconv.options(workspace_limit=-1), (ValueError, OverflowError), "workspace_limit"),
    "option_unknown": (lambda: gemmconv.options(thread=1), TypeError, "thread"),
    "config_mode_unknown": (lambda: gemmconv.show_config(mode="loud"), ValueError, "loud.*dicts"),
    # Patches
    "im2col_window_too_large": (lambda: gemmconv.im2col(X, 7), ValueError, "7"),
    "col2im_wrong_rows": (lambda: gemmconv.col2im(np.ones((1, 7, 9)), (5, 5), 3), ValueError, "7"),
    "col2im_wrong_columns": (lambda: gemmconv.col2im(np.ones((1, 9, 8)), (5, 5), 3), ValueError, "8"),
    # Pooling
    "pool_window_too_large": (lambda: gemmconv.max_pool(X, 7), ValueError, "7"),
    "pool_stride_zero": (lambda: gemmconv.avg_pool(X, 2, stride=0), ValueError, "stride.* 0"),
    "pool_divisor_zero": (lambda: gemmconv.avg_pool(X, 2, divisor=0), ValueError, "divisor"),
    "pool_p_zero": (lambda: gemmconv.lp_pool(X, 2, p=0), ValueError, "p is 0"),
    "pool_integers": (lambda: gemmconv.max_pool(X.astype(np.int32), 2), TypeError, "int32"),
    "pool_index_outside": (lambda: gemmconv.max_pool_backward(POOLED, INDICES + 30, X.shape), ValueError, "30"),
    "pool_index_far_below": (lambda: gemmconv.max_pool_backward(POOLED, INDICES - 2, X.shape), ValueError, "-2"),
    "pool_indices_of_other_shape": (
        lambda: gemmconv.max_pool_backward(POOLED, INDICES[:1], X.shape), ValueError, r"\(1, 4, 3, 2\)"),
    "unpool_index_outside": (lambda: gemmconv.max_unpool(POOLED, INDICES + 36, (2, 4, 6, 6)), ValueError, "36"),
    "activation_name": (lambda: gemmconv.activate(X, "swosh"), ValueError, "swosh.*relu"),
}  # fmt: skip


@pytest.mark.parametrize("what", MISUSES)
def test_misuse(what: str) -> None:
    act, exception, message = MISUSES[what]
    with pytest.raises(exception, match=f"(?s){message}") as caught:
        act()
    assert len(str(caught.value).split()) >= 3, "an error is a sentence"
    assert type(caught.value) is not Exception


@pytest.mark.parametrize(
    "what", [name for name in MISUSES if name.startswith(("too", "channels", "output_below", "stride_z"))]
)
def test_misuse_of_a_plan_is_the_misuse_of_the_call(what: str) -> None:
    """Nothing half-made is kept: the same mistake gives the same message again."""
    act, exception, _ = MISUSES[what]
    messages = set()
    for _ in range(3):
        with pytest.raises(exception) as caught:
            act()
        messages.add(str(caught.value))
    assert len(messages) == 1


def test_unsupported_is_a_value_error() -> None:
    assert issubclass(gemmconv.UnsupportedError, ValueError)


def test_an_error_leaves_everything_usable() -> None:
    for act, exception, _ in MISUSES.values():
        with pytest.raises(exception):
            act()
    np.testing.assert_array_equal(gemmconv.conv(X, W), np.full((2, 6, 4, 3), 36, np.float32))
    assert (X == 1).all()
    assert (W == 1).all()
