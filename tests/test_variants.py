"""Variants: the algorithms of a strategy can be listed, requested, reported and refused by name."""

import numpy as np
import pytest
from cases import CASES, PASSES, Case, operands
from passes import VARIANTS, plan_for, refusal, run_plan
from tolerance import assert_within

import gemmconv
from gemmconv import _core

PLAIN = (2, 4, 9, 8), (6, 4, 3, 3)
THERE = [name for name in VARIANTS if "/" in name]  # winograd and fft are names without variants yet


def test_the_table_names_every_strategy_in_order() -> None:
    table = gemmconv.strategies()
    assert tuple(table) == _core.strategy_names()
    assert all(isinstance(variants, tuple) for variants in table.values())
    assert table["implicit"][:2] == ("bands", "pixels")
    assert [name for name, variants in table.items() if not variants] == ["winograd", "fft"]


def accepted(case: Case, pass_: str, name: str, layout: str) -> bool:
    """Whether the variant takes the problem; a refusal says why."""
    reason = refusal(case, pass_, "float64", name, layout=layout)
    if reason is not None:
        assert reason.startswith(f'strategy "{name}" cannot do this problem: ')
        assert len(reason.split(": ", 1)[1].split()) > 3
    return reason is None


@pytest.mark.parametrize("name", THERE)
def test_each_variant_is_the_one_that_was_asked_for(name: str) -> None:
    taken = 0
    for case in CASES:
        for pass_ in PASSES:
            for layout in ("NCHW", "NHWC"):
                if not accepted(case, pass_, name, layout):
                    continue
                taken += 1
                plan = plan_for(case, pass_, "float64", strategy=name, layout=layout)
                assert f"{plan.strategy}/{plan.variant}" == name
                assert f"  {name} " in plan.explain()
                chosen = [line for line in plan.explain().splitlines() if "chosen (asked for by name)" in line]
                assert len(chosen) == 1
                assert chosen[0].split()[0] == name
    assert taken > 0, "no case of the tests reaches this variant"


@pytest.mark.parametrize("strategy", [name for name, variants in _core.strategies().items() if variants])
def test_a_strategy_takes_its_best_variant(strategy: str) -> None:
    shapes = ((2, 8, 9, 8), (8, 1, 3, 3)), 8
    plan = gemmconv.plan("forward", *shapes[0], groups=shapes[1], strategy=strategy)
    assert plan.strategy == strategy
    assert plan.variant in gemmconv.strategies()[strategy]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("implicit/none", 'strategy "implicit" has no variant "none"; its variants are bands, pixels'),
        ("implicit/", 'no variant ""'),
        ("implicit/bands/", "no variant"),
        ("none/bands", 'strategy "none/bands" is not known; it must be one of auto, measure, direct'),
        ("auto/bands", "is not known"),
        ("/bands", "is not known"),
        ("winograd/anything", 'strategy "winograd" has no variant "anything"; this version does not contain'),
        ("implicit/bands\0", r"implicit/bands\\x00"),
        ("\ud800", "strategy"),
    ],
)
def test_unknown_names(name: str, message: str) -> None:
    x, w = (np.ones(shape, np.float32) for shape in PLAIN)
    for call in (
        lambda: gemmconv.plan("forward", *PLAIN, strategy=name),
        lambda: gemmconv.conv(x, w, strategy=name),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            call()
        assert not isinstance(caught.value, gemmconv.UnsupportedError)


def test_a_strategy_that_is_not_there_yet() -> None:
    with pytest.raises(gemmconv.UnsupportedError, match="does not contain it"):
        gemmconv.plan("forward", *PLAIN, strategy="winograd")


@pytest.mark.parametrize("strategy", ["auto", "im2col", "implicit"])
def test_a_huge_stride_takes_no_time(strategy: str) -> None:
    """Nothing loops over the cells of a stride or over products that do not fit: the test's time limit would tell."""
    x, w = np.ones((1, 8, 64, 64), np.float32), np.ones((8, 8, 3, 3), np.float32)
    for _ in range(200):
        assert gemmconv.conv(x, w, stride=2**31 - 1, strategy=strategy).item(0) == 72
    assert gemmconv.im2col(x, (3, 3), stride=2**31 - 1).shape == (1, 72, 1)


def test_bands_refuse_tables_that_no_plan_should_hold() -> None:
    for name in ("implicit/bands", "implicit/pixels"):
        with pytest.raises(gemmconv.UnsupportedError, match="sum at most 524288 products"):
            gemmconv.plan("backward_input", (1, 3, 24, 24), (20000, 3, 22, 22), stride=8, strategy=name)


def test_all_reasons_are_told_where_no_variant_can() -> None:
    with pytest.raises(gemmconv.UnsupportedError) as caught:
        gemmconv.plan("forward", *PLAIN, strategy="depthwise")
    assert "single group" in str(caught.value)


@pytest.mark.parametrize("name", THERE)
def test_packed_weights_use_the_same_variant(name: str) -> None:
    """The announced workspace and error bound are those of both, plain and packed weights (see test_scratch)."""
    for case in CASES:
        for pass_ in PASSES[:2]:
            if case.batch == 0 or not accepted(case, pass_, name, "NCHW"):
                continue
            plan = plan_for(case, pass_, "float64", strategy=name)
            first, w = operands(case, pass_, "float64")
            right = run_plan(plan, pass_, first, w, "NCHW")
            absolute = run_plan(plan, pass_, np.abs(first), np.abs(w), "NCHW")
            packed = plan.pack(w)
            w.fill(np.nan)
            within = 2 * plan.error_bound * absolute
            assert_within(run_plan(plan, pass_, first, packed, "NCHW"), right, within, str(case))
            with pytest.raises(ValueError, match="packed by another plan"):
                plan_for(case, pass_, "float64", strategy="direct", flip=True)(first, packed)


def test_packing_where_the_packed_layout_does_not_fit_the_limit() -> None:
    """What runs with plain weights runs with packed ones, within the workspace that it announces."""
    generator = np.random.default_rng(0)
    x, w = generator.standard_normal((3, 33, 9, 11)), generator.standard_normal((40, 33, 3, 3))
    right = gemmconv.conv(x, w)
    for limit in (0, 1 << 12, 1 << 14, 1 << 15, 1 << 16, 1 << 17, 1 << 20):
        for name in THERE:
            with gemmconv.options(workspace_limit=limit):
                try:
                    plan = gemmconv.plan("forward", x.shape, w.shape, dtype="float64", strategy=name)
                except gemmconv.UnsupportedError:
                    continue
            assert plan.workspace_bytes <= limit
            np.testing.assert_allclose(plan(x, plan.pack(w)), right, rtol=1e-11, atol=1e-11)
