"""Every variant of every strategy of the table, every pass, dtype and layout, on every named case, against the oracle.

Answers are written into poisoned memory between canaries: what is not computed stays NaN and fails.
"""

import numpy as np
import pytest
from cases import CASES, DTYPES, LAYERS, LAYOUTS, PASSES, Case, expected_answer, operands
from passes import STRATEGIES, TOTAL_VARIANTS, VARIANTS, Guarded, answer_shape, plan_for, refusal, run_pass, run_plan
from tolerance import assert_within, stated_bound, tolerance

import gemmconv

# (kind of data, flip): each kind of data once, both orientations of the kernel
KINDS = (("normal", False), ("normal", True), ("positive", False), ("cancelling", False))

ALL_CASES = CASES + LAYERS
SOLVED = [
    pytest.param(case, pass_, strategy, id=f"{strategy}-{pass_}-{case}")
    for strategy in (*VARIANTS, "auto")
    for pass_ in PASSES
    for case in ALL_CASES
    if any(refusal(case, pass_, "float32", strategy, layout) is None for layout in LAYOUTS)
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("case", "pass_", "strategy"), SOLVED)
def test_against_the_oracle(case: Case, pass_: str, strategy: str, dtype: str) -> None:
    for layout in LAYOUTS:
        guarded = Guarded(answer_shape(case, pass_, layout), dtype)
        for kind, flip in KINDS:
            if (reason := refusal(case, pass_, dtype, strategy, layout, flip)) is not None:
                assert_refused(case, pass_, dtype, strategy, layout, flip, reason)
                continue
            first, second = operands(case, pass_, dtype, kind)
            plan = plan_for(case, pass_, dtype, layout=layout, flip=flip, strategy=strategy)
            bound = stated_bound(plan, case, pass_, dtype)
            right, absolute = expected_answer(case, pass_, dtype, kind, flip)
            guarded.out.fill(np.nan)
            got = run_pass(case, pass_, first, second, layout=layout, flip=flip, strategy=strategy, out=guarded.out)
            within = tolerance(bound, absolute, case.longest_chain(pass_), plan.strategy)
            assert got.dtype == dtype
            assert np.shares_memory(got, guarded.out) or got.size == 0
            assert_within(got, right, within, f"{plan.strategy} {layout} {kind} flip={flip}")
            guarded.check()


def assert_refused(case: Case, pass_: str, dtype: str, strategy: str, layout: str, flip: bool, reason: str) -> None:
    first, second = operands(case, pass_, dtype)
    assert strategy in reason
    assert len(reason.split()) > 3, f"a refusal must say why: {reason!r}"
    with pytest.raises(gemmconv.UnsupportedError):
        run_pass(case, pass_, first, second, layout=layout, flip=flip, strategy=strategy)


@pytest.mark.parametrize("pass_", PASSES)
@pytest.mark.parametrize("strategy", VARIANTS)
def test_refusals_say_why(strategy: str, pass_: str) -> None:
    for case in ALL_CASES:
        for dtype in DTYPES:
            if (reason := refusal(case, pass_, dtype, strategy)) is not None:
                assert strategy not in TOTAL_VARIANTS
                assert_refused(case, pass_, dtype, strategy, "NCHW", False, reason)


def test_the_names_of_the_contract() -> None:
    assert set(STRATEGIES) == {"direct", "im2col", "implicit", "winograd", "fft", "depthwise"}


@pytest.mark.parametrize("pass_", PASSES)
@pytest.mark.parametrize("case", ALL_CASES, ids=str)
def test_plan_facts(case: Case, pass_: str) -> None:
    plan = plan_for(case, pass_, "float32")
    taps = int(np.prod(case.w_shape[1:])) * case.out_channels
    assert plan.output_shape == case.shapes(pass_)[2]
    assert plan.flops == 2 * case.batch * int(np.prod(case.output)) * taps
    assert plan.strategy in STRATEGIES
    assert 0 <= plan.workspace_bytes <= 64 << 20
    text = plan.explain()
    for name in STRATEGIES:
        assert name in text
    first, second = operands(case, pass_, "float32")
    np.testing.assert_array_equal(
        run_plan(plan, pass_, first, second), run_pass(case, pass_, first, second, strategy=plan.strategy)
    )


@pytest.mark.parametrize("strategy", ["auto", *TOTAL_VARIANTS])
def test_weight_gradient_of_no_images_is_zero(strategy: str) -> None:
    guarded = Guarded((4, 3, 3, 3), "float32")
    empty = np.zeros((0, 4, 4, 4), np.float32), np.zeros((0, 3, 6, 6), np.float32)
    gemmconv.conv_backward_weight(*empty, (4, 3, 3, 3), strategy=strategy, out=guarded.out)
    assert (guarded.out == 0).all()
    guarded.check()


@pytest.mark.parametrize("limit", [0, 4096, 1 << 16])
@pytest.mark.parametrize("pass_", PASSES)
@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_under_a_small_workspace_limit(case: Case, pass_: str, limit: int) -> None:
    """Work that is split to fit the limit gives the right answer; a strategy that cannot fit refuses."""
    first, second = operands(case, pass_, "float32")
    right, absolute = expected_answer(case, pass_, "float32", "normal", False)
    with gemmconv.options(workspace_limit=limit):
        for strategy in ("auto", *VARIANTS):
            if (reason := refusal(case, pass_, "float32", strategy)) is not None:
                assert strategy not in ("auto", "direct/loops")
                if strategy in TOTAL_VARIANTS:
                    assert str(limit) in reason.replace(",", "") or "workspace" in reason
                continue
            plan = plan_for(case, pass_, "float32", strategy=strategy)
            assert plan.workspace_bytes <= limit
            got = run_pass(case, pass_, first, second, strategy=strategy)
            bound = stated_bound(plan, case, pass_, "float32")
            assert_within(got, right, tolerance(bound, absolute, case.longest_chain(pass_)), f"{strategy} in {limit}")


@pytest.mark.parametrize("pass_", PASSES)
@pytest.mark.parametrize("strategy", VARIANTS)
@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_every_number_of_threads(strategy: str, pass_: str, threads: int) -> None:
    for case in LAYERS + CASES[::9]:
        for layout in LAYOUTS:
            if refusal(case, pass_, "float32", strategy, layout) is not None:
                assert strategy not in TOTAL_VARIANTS
                continue
            first, second = operands(case, pass_, "float32")
            right, absolute = expected_answer(case, pass_, "float32", "normal", False)
            with gemmconv.options(threads=threads):
                plan = plan_for(case, pass_, "float32", strategy=strategy, layout=layout)
                got = run_pass(case, pass_, first, second, strategy=strategy, layout=layout)
            within = tolerance(stated_bound(plan, case, pass_, "float32"), absolute, case.longest_chain(pass_))
            assert_within(got, right, within, f"{case} {layout}")


@pytest.mark.parametrize("pass_", PASSES)
@pytest.mark.parametrize("strategy", TOTAL_VARIANTS)
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
