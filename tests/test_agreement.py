"""Checks that need no oracle: adjoint identities, agreement between strategies and backends, finite differences."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from backends import REFERENCE
from cases import CASES, LAYERS, PASSES, Case, expected_answer, from_layout, in_layout, operands, random_cases
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from passes import TOTAL_VARIANTS, VARIANTS, plan_for, refusal, run_pass
from tolerance import LARGEST_CONSTANT, UNIT_ROUNDOFF, assert_within, largest_bound, tolerance

import gemmconv

Array = NDArray[Any]

ADJOINT_CASES = [case for case in CASES + LAYERS if case.batch > 0]


def assert_adjoint(case: Case, flip: bool, strategy: str, layout: str, seed: int = 0) -> None:
    """<dy, conv(x, w)> == <conv_backward_input(dy, w), x> == <conv_backward_weight(dy, x), w>."""
    generator = np.random.default_rng(seed)
    x, w, dy = (generator.standard_normal(shape) for shape in (case.x_shape, case.w_shape, case.y_shape))

    def run(pass_: str, first: Array, second: Array) -> Array:  # passes that the strategy refuses: by auto
        able = refusal(case, pass_, "float64", strategy, layout, flip) is None
        return run_pass(case, pass_, first, second, flip=flip, layout=layout, strategy=strategy if able else "auto")

    y, dx, dw = run("forward", x, w), run("backward_input", dy, w), run("backward_weight", dy, x)
    products = [float((dy * y).sum()), float((dx * x).sum()), float((dw * w).sum())]
    size = float((np.abs(dy) * run_pass(case, "forward", np.abs(x), np.abs(w), flip=flip)).sum())
    within = LARGEST_CONSTANT * UNIT_ROUNDOFF["float64"] * math.sqrt(x.size + w.size + dy.size) * size
    assert max(products) - min(products) <= within, f"{strategy}: {products}"


@pytest.mark.parametrize("case", ADJOINT_CASES, ids=str)
@pytest.mark.parametrize("strategy", VARIANTS)
def test_passes_are_adjoint(strategy: str, case: Case) -> None:
    for layout in ("NCHW", "NHWC"):
        able = [refusal(case, pass_, "float64", strategy, layout) is None for pass_ in PASSES]
        assert all(able) or strategy not in TOTAL_VARIANTS
        for flip in (False, True) if any(able) else ():
            assert_adjoint(case, flip, strategy, layout)


@given(random_cases(), st.booleans(), st.sampled_from(["NCHW", "NHWC"]), st.integers(0, 2**32 - 1))
@settings(max_examples=150)
def test_passes_are_adjoint_for_any_geometry(case: Case, flip: bool, layout: str, seed: int) -> None:
    assert_adjoint(case, flip, "auto", layout, seed)


@pytest.mark.parametrize("pass_", PASSES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_reference_backend_against_the_oracle(case: Case, pass_: str) -> None:
    for dtype in ("float32", "float64"):
        for layout, flip in (("NCHW", False), ("NCHW", True), ("NHWC", False)):
            first, second = operands(case, pass_, dtype)
            right, absolute = expected_answer(case, pass_, dtype, "normal", flip)
            got = run_pass(case, pass_, first, second, layout=layout, flip=flip, backend=REFERENCE)
            chain = case.longest_chain(pass_)
            assert got.dtype == dtype
            assert_within(got, right, tolerance(largest_bound("reference", dtype, chain), absolute, chain), layout)


@pytest.mark.parametrize("pass_", PASSES)
@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_strategies_agree_with_each_other_and_with_the_reference(case: Case, pass_: str) -> None:
    first, second = operands(case, pass_, "float64")
    _, absolute = expected_answer(case, pass_, "float64", "normal", False)
    chain = case.longest_chain(pass_)
    expected = run_pass(case, pass_, first, second, backend=REFERENCE)
    for strategy in VARIANTS:
        if refusal(case, pass_, "float64", strategy) is None:
            plan = plan_for(case, pass_, "float64", strategy=strategy)
            bound = plan.error_bound + largest_bound("reference", "float64", chain)
            within = tolerance(bound, absolute, chain, plan.strategy)
            assert_within(run_pass(case, pass_, first, second, strategy=strategy), expected, within, strategy)


DIFFERENTIATED = [
    case
    for case in CASES
    if case.name
    in {
        "stride_differs_by_axis",
        "asymmetric_padding",
        "dilation_and_stride_coprime",
        "groups_strided_dilated",
        "depthwise_multiplier",
        "one_axis_causal_dilated",
        "three_axes_all_options",
        "windows_wholly_in_padding",
    }
]


def slope_along(f: Callable[[Array], float], at: Array, direction: Array) -> float:
    """The derivative of f by a five-point difference."""
    h = 1e-3
    values = [f(at + step * h * direction) for step in (-2, -1, 1, 2)]
    return (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h)


@pytest.mark.parametrize("activation", [None, "sigmoid", "tanh", "softplus", "gelu"])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("case", DIFFERENTIATED, ids=str)
def test_gradients_by_finite_differences(case: Case, layout: str, activation: str | None) -> None:
    generator = np.random.default_rng(11)
    x, w, dy = (generator.standard_normal(shape) for shape in (case.x_shape, case.w_shape, case.y_shape))
    bias = generator.standard_normal(case.out_channels)
    options = {**case.options, "layout": layout}

    def loss(x: Array, w: Array, bias: Array) -> float:
        y = gemmconv.conv(in_layout(x, layout), w, bias, activation=activation, **options)
        return float((from_layout(y, layout) * dy).sum())

    z = gemmconv.conv(in_layout(x, layout), w, bias, **options)
    dz = gemmconv.activate_backward(in_layout(dy, layout), z, activation)
    dx, dw, db = gemmconv.conv_backward(dz, in_layout(x, layout), w, **options)
    gradients = {"x": from_layout(dx, layout), "w": dw, "bias": db}
    values = {"x": x, "w": w, "bias": bias}
    for name, gradient in gradients.items():
        for _ in range(3):
            direction = generator.standard_normal(gradient.shape)
            slope = slope_along(lambda v, name=name: loss(**{**values, name: v}), values[name], direction)
            np.testing.assert_allclose((gradient * direction).sum(), slope, rtol=1e-7, atol=1e-7)


def test_backward_gives_only_what_is_needed() -> None:
    case = DIFFERENTIATED[0]
    generator = np.random.default_rng(3)
    x, w, dy = (generator.standard_normal(shape) for shape in (case.x_shape, case.w_shape, case.y_shape))
    everything = gemmconv.conv_backward(dy, x, w, **case.options)
    for needs in (("input",), ("weight",), ("bias",), ("bias", "input"), ()):
        gradients = gemmconv.conv_backward(dy, x, w, needs=needs, **case.options)
        for name in ("input", "weight", "bias"):
            if name in needs:
                np.testing.assert_array_equal(getattr(gradients, name), getattr(everything, name))
            else:
                assert getattr(gradients, name) is None
