"""Bias and activation, fused into the last write, in every strategy that there is."""

import math
from typing import Any

import numpy as np
import oracle
import pytest
from cases import CASES, LAYERS, Case, expected_answer, operands
from numpy.typing import NDArray
from passes import TOTAL_VARIANTS, VARIANTS, Guarded, answer_shape, plan_for, refusal, run_pass
from tolerance import activated_tolerance, assert_within, tolerance

import gemmconv

Array = NDArray[Any]

CHOSEN = [
    case
    for case in CASES + LAYERS
    if case.name
    in {
        "prime_sizes",
        "groups_of_odd_size",
        "depthwise_past_vector_width",
        "one_by_one",
        "one_by_one_strided",
        "many_tiny_images",
        "windows_wholly_in_padding",
        "rows_past_a_block",
        "one_axis_long",
        "three_axes",
        "empty_batch",
        "resnet_3x3",
    }
]


def biased(case: Case, dtype: str) -> tuple[Array, Array, Array, Array, Array]:
    """x, w, bias, and the oracle's pre-activation with what its tolerance is measured by."""
    x, w = operands(case, "forward", dtype)
    bias = np.random.default_rng(5).standard_normal(case.out_channels).astype(dtype)
    along = (-1, *(1,) * case.rank)
    right, absolute = expected_answer(case, "forward", dtype, "normal", False)
    return x, w, bias, right + bias.reshape(along), absolute + np.abs(bias).reshape(along)


@pytest.mark.parametrize("activation", oracle.ACTIVATIONS)
@pytest.mark.parametrize("case", CHOSEN, ids=str)
@pytest.mark.parametrize("strategy", ["auto", *VARIANTS])
def test_bias_and_activation(strategy: str, case: Case, activation: str | None) -> None:
    for dtype in ("float32", "float64"):
        x, w, bias, z, absolute = biased(case, dtype)
        right = oracle.activate(z, activation)
        for layout in ("NCHW", "NHWC"):
            if refusal(case, "forward", dtype, strategy, layout) is not None:
                assert strategy not in ("auto", *TOTAL_VARIANTS)
                continue
            plan = plan_for(case, "forward", dtype, layout=layout, strategy=strategy, activation=activation)
            within = tolerance(plan.error_bound, absolute, case.longest_chain("forward") + 1, plan.strategy)
            guarded = Guarded(answer_shape(case, "forward", layout), dtype)
            got = run_pass(
                case,
                "forward",
                x,
                w,
                layout=layout,
                strategy=strategy,
                bias=bias,
                activation=activation,
                out=guarded.out,
            )
            assert_within(got, right, activated_tolerance(within, right, activation, dtype), f"{layout} {dtype}")
            guarded.check()


@pytest.mark.parametrize("activation", oracle.ACTIVATIONS)
def test_activation_without_bias(activation: str | None) -> None:
    case = CHOSEN[0]
    x, w = operands(case, "forward", "float64")
    z, absolute = expected_answer(case, "forward", "float64", "normal", False)
    right = oracle.activate(z, activation)
    for strategy in TOTAL_VARIANTS:
        got = run_pass(case, "forward", x, w, strategy=strategy, activation=activation)
        bound = plan_for(case, "forward", "float64", strategy=strategy).error_bound
        within = tolerance(bound, absolute, case.longest_chain("forward"))
        assert_within(got, right, activated_tolerance(within, right, activation, "float64"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CHOSEN, ids=str)
def test_bias_gradient(case: Case, dtype: str) -> None:
    dy, _ = operands(case, "backward_input", dtype)
    right, absolute = oracle.backward_bias(dy), oracle.backward_bias(np.abs(dy))
    chain = max(case.longest_chain("backward_weight"), 1)
    within = tolerance(8 * {"float32": 2.0**-24, "float64": 2.0**-53}[dtype] * math.sqrt(chain), absolute, chain)
    assert_within(gemmconv.conv_backward_bias(dy), right, within)
    last = np.ascontiguousarray(np.moveaxis(dy, 1, -1))
    assert_within(gemmconv.conv_backward_bias(last, layout="NHWC"), right, within)


@pytest.mark.parametrize("activation", [name for name in oracle.ACTIVATIONS if name is not None])
def test_extreme_values_pass_through(activation: str) -> None:
    """The activation of the last write neither overflows nor hides a NaN, in every strategy that can."""
    extremes = np.array([-1e4, -200.0, -1e-30, 0.0, 1e-30, 200.0, 1e4, np.nan], np.float32)
    w = np.ones((1, 1, 1), np.float32)
    for strategy in TOTAL_VARIANTS:
        y = gemmconv.conv(extremes[np.newaxis, np.newaxis], w, strategy=strategy, activation=activation)[0, 0]
        assert np.isnan(y[-1])
        assert np.isfinite(y[:-1]).all()
        low, high = {"sigmoid": (0, 1), "tanh": (-1, 1), "leaky_relu": (-100, 1e4)}.get(activation, (0, 1e4))
        np.testing.assert_allclose(y[[0, -2]], [low, high], rtol=1e-6, atol=1e-30)
