"""Plans: their properties, the settings that they freeze, their results, and the plan cache."""

import math
import threading
from typing import Any

import numpy as np
import oracle
import pytest
from backends import BACKENDS, CPU, On, on_every_backend
from cases import CASES, LAYOUTS, Case, named
from numpy.typing import NDArray
from passes import STRATEGIES, TOTAL, VARIANTS, answer_shape, plan_for, refusal, run_pass, run_plan
from tolerance import UNIT_ROUNDOFF

import gemmconv
from gemmconv import _core

Array = NDArray[Any]

PASSES = ("forward", "backward_input", "backward_weight")
SOME = [case for case in CASES if case.batch > 0][::4]
# Weights that pack in panels of channels: with stride phases that have no tap, and for more than the cache holds.
PANELS = (
    named("one_by_one_strided", (1, 64, 14, 14), 128, 1, stride=2),
    named("one_by_one_strided_groups", (1, 66, 12, 12), 128, 1, stride=2, groups=2),
    named("seven_by_seven", (1, 256, 7, 7), 192, 3, padding=1),
)
PLAIN = ((2, 4, 9, 8), (6, 4, 3, 3))


def drawn(case: Case, pass_: str, dtype: str = "float64") -> tuple[Array, Array]:
    """The two operands of a pass, channels second."""
    generator = np.random.default_rng(3)
    first, second, _ = case.shapes(pass_)
    return generator.standard_normal(first).astype(dtype), generator.standard_normal(second).astype(dtype)


@on_every_backend
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("pass_", PASSES)
@pytest.mark.parametrize("case", SOME, ids=str)
def test_a_plan_is_the_call(case: Case, pass_: str, layout: str, backend: On) -> None:
    first, second = drawn(case, pass_)
    plan = plan_for(case, pass_, "float64", layout=layout, backend=backend)
    assert plan.output_shape == answer_shape(case, pass_, layout)
    called = run_pass(case, pass_, first, second, layout=layout, backend=backend)
    np.testing.assert_array_equal(run_plan(plan, pass_, first, second, layout), called)


@on_every_backend
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("pass_", PASSES)
def test_attributes(pass_: str, dtype: str, backend: On) -> None:
    plan = backend.plan(pass_, *PLAIN, dtype=dtype)
    assert plan.pass_ == pass_
    assert plan.dtype == np.dtype(dtype)
    assert plan.strategy in STRATEGIES
    assert plan.geometry.y_shape == (2, 6, 7, 6)
    assert plan.flops == 2 * (2 * 6 * 7 * 6) * (4 * 3 * 3)
    assert plan.workspace_bytes >= 0
    assert UNIT_ROUNDOFF[dtype] <= plan.error_bound < 100 * UNIT_ROUNDOFF[dtype] * math.sqrt(2 * 7 * 6)


@pytest.mark.parametrize("wanted", [np.float32, np.dtype("float32"), "f4", "float32"])
def test_dtype_may_be_said_in_numpys_ways(wanted: Any) -> None:
    assert gemmconv.plan("forward", *PLAIN, dtype=wanted).dtype == np.float32


@on_every_backend
def test_plans_are_frozen(backend: On) -> None:
    plan: Any = backend.plan("forward", *PLAIN)
    for name in ("strategy", "dtype", "geometry", "flops"):
        with pytest.raises(AttributeError):
            setattr(plan, name, None)


@on_every_backend
@pytest.mark.parametrize("pass_", PASSES)
def test_explain_has_a_line_for_every_variant(pass_: str, backend: On) -> None:
    plan = backend.plan(pass_, *PLAIN)
    lines = plan.explain().rstrip("\n").splitlines()
    assert pass_ in lines[0]
    table = {name: gemmconv.strategies(backend.name).get(name, ()) for name in STRATEGIES}
    rows = [f"{name}/{variant}" for name in table for variant in table[name]] + [n for n in table if not table[n]]
    assert sorted(line.split()[0] for line in lines[1:]) == sorted(rows)
    chosen = f"{plan.strategy}/{plan.variant}"
    for line in lines[1:]:
        name, what = line.split(maxsplit=1)
        assert what.startswith("chosen") == (name == chosen)
        if what.startswith("refused: "):
            assert len(what.split()) > 3, "a refusal says why"
            with pytest.raises(gemmconv.UnsupportedError, match=name):
                backend.plan(pass_, *PLAIN, strategy=name)
        else:
            assert "workspace" in what
            assert "error bound" in what
            forced = backend.plan(pass_, *PLAIN, strategy=name)
            assert name == f"{forced.strategy}/{forced.variant}"


def test_strategies_are_listed_with_their_variants() -> None:
    assert tuple(gemmconv.strategies()) == _core.strategy_names()
    assert gemmconv.strategies(backend="reference") == {"direct": ("loops",)}
    for name in ("tpu", "cupy"):
        with pytest.raises(ValueError, match="backends are cpu, reference"):
            gemmconv.strategies(name)


@on_every_backend
def test_a_variant_is_asked_for_by_name(backend: On) -> None:
    x, w = map(np.ones, PLAIN)
    for strategy, variants in gemmconv.strategies(backend.name).items():
        for name in (f"{strategy}/magic", f"{strategy}/", f"{strategy}/{'/'.join((*variants, ''))}"):
            with pytest.raises(ValueError, match=", ".join(variants) or strategy) as raised:
                backend.plan("forward", *PLAIN, strategy=name)
            assert raised.type is ValueError or not variants
        for variant in variants:
            name = f"{strategy}/{variant}"
            try:
                plan = backend.plan("forward", *PLAIN, dtype="float64", strategy=name)
            except gemmconv.UnsupportedError:
                with pytest.raises(gemmconv.UnsupportedError):
                    backend.conv(x, w, strategy=name)
                continue
            assert (plan.strategy, plan.variant) == (strategy, variant)
            np.testing.assert_array_equal(plan(x, w), 36)
            np.testing.assert_array_equal(backend.conv(x, w, strategy=name), 36)
    for name in ("magic/magic", "auto/magic", "/magic", "/", "", "Direct/", "direct\0"):
        with pytest.raises(ValueError, match="direct") as raised:
            backend.plan("forward", *PLAIN, strategy=name)
        assert raised.type is ValueError


@on_every_backend
def test_measure_chooses_a_strategy(backend: On) -> None:
    x, w = np.ones(PLAIN[0], np.float32), np.ones(PLAIN[1], np.float32)
    plan = backend.plan("forward", *PLAIN, strategy="measure")
    assert plan.strategy in STRATEGIES
    assert (plan(x, w) == 36).all()


@pytest.mark.parametrize(
    ("strategy", "backend"),
    [(name, CPU) for name in (*TOTAL, "implicit", *VARIANTS)] + [("auto", backend) for backend in BACKENDS],
    ids=str,
)
@pytest.mark.parametrize("pass_", PASSES[:2])
def test_packed_weights(pass_: str, strategy: str, backend: On) -> None:
    for case in (*SOME, *PANELS):
        size = 10 if case in PANELS else 1  # of sums of up to 2304 products
        first, w = drawn(case, pass_, "float32")
        if strategy in VARIANTS and refusal(case, pass_, "float32", strategy):
            continue
        plan = plan_for(case, pass_, "float32", strategy=strategy, backend=backend)
        right = plan(first, w)
        packed = plan.pack(w)
        w.fill(np.nan)  # later changes do not show
        np.testing.assert_allclose(plan(first, packed), right, rtol=1e-5, atol=size * 1e-5)


@on_every_backend
def test_packed_weights_belong_to_their_plan(backend: On) -> None:
    plan = backend.plan("forward", *PLAIN)
    other = backend.plan("forward", PLAIN[0], (6, 4, 1, 1))
    with pytest.raises(ValueError, match="plan"):
        plan(np.ones(PLAIN[0], np.float32), other.pack(np.ones((6, 4, 1, 1), np.float32)))
    with pytest.raises(ValueError, match="weight"):
        backend.plan("backward_weight", *PLAIN).pack(np.ones(PLAIN[1], np.float32))


@on_every_backend
@pytest.mark.parametrize("pass_", PASSES)
def test_out(pass_: str, backend: On) -> None:
    case = next(case for case in SOME if min(case.output) > 1)
    first, second = drawn(case, pass_)
    plan = plan_for(case, pass_, "float64", backend=backend)
    out = np.full(plan.output_shape, np.nan)
    assert plan(first, second, out=out) is out
    np.testing.assert_array_equal(out, plan(first, second))
    for wrong in (out[..., :0], out.astype(np.float32), np.asfortranarray(out)[..., ::-1]):
        with pytest.raises(ValueError, match="out"):
            plan(first, second, out=wrong)


@on_every_backend
def test_bias_and_activation(backend: On) -> None:
    generator = np.random.default_rng(0)
    x, w, bias = generator.standard_normal(PLAIN[0]), generator.standard_normal(PLAIN[1]), generator.standard_normal(6)
    plan = backend.plan("forward", *PLAIN, dtype="float64", activation="relu")
    z = oracle.forward(x, w, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1)) + bias[:, None, None]
    np.testing.assert_allclose(plan(x, w, bias), np.maximum(z, 0), rtol=1e-12, atol=1e-12)


WRONG_CALLS = [
    (lambda plan, x, w: plan(x[:1], w), ValueError, "x has shape"),
    (lambda plan, x, w: plan(x, w[:, :1]), ValueError, "w has shape"),
    (lambda plan, x, w: plan(x, w, np.ones(5, np.float32)), ValueError, "bias has shape"),
    (lambda plan, x, w: plan(x.astype(np.float64), w), TypeError, "float64"),
    (lambda plan, x, w: plan(x, w.astype(np.float64)), TypeError, "float64"),
    (lambda plan, x, w: plan(x.tolist(), w), TypeError, "x"),
    (lambda plan, x, w: plan(x, None), TypeError, "w"),
    (lambda plan, x, w: plan(x), TypeError, None),
]


@on_every_backend
@pytest.mark.parametrize(("call", "error", "message"), WRONG_CALLS)
def test_wrong_calls(call: Any, error: type[Exception], message: str | None, backend: On) -> None:
    plan = backend.plan("forward", *PLAIN)
    with pytest.raises(error, match=message):
        call(plan, np.ones(PLAIN[0], np.float32), np.ones(PLAIN[1], np.float32))


WRONG_PLANS = [
    (("sideways", *PLAIN), {}, ValueError, "forward.*backward_input.*backward_weight"),
    (("forward", *PLAIN), {"dtype": "int8"}, TypeError, "float32"),
    (("forward", *PLAIN), {"dtype": None}, TypeError, "float32"),
    (("forward", *PLAIN), {"dtype": "a number"}, TypeError, None),
    (("forward", *PLAIN), {"strategy": "magic"}, ValueError, "direct.*im2col"),
    (("forward", *PLAIN), {"activation": "step"}, ValueError, "relu"),
    (("backward_weight", *PLAIN), {"activation": "relu"}, ValueError, "activation"),
    (("forward", *PLAIN), {"layout": "CHW"}, ValueError, "NCHW.*NHWC"),
    (("forward", (2, 4, 2, 2), PLAIN[1]), {}, ValueError, "output"),
    (("forward", (2, 3, 9, 9), PLAIN[1]), {}, ValueError, "channels"),
]


@on_every_backend
@pytest.mark.parametrize(("arguments", "options", "error", "message"), WRONG_PLANS)
def test_wrong_plans(
    arguments: tuple[Any, ...], options: dict[str, Any], error: type[Exception], message: str | None, backend: On
) -> None:
    with pytest.raises(error, match=message):
        backend.plan(*arguments, **options)


def test_unknown_backend() -> None:
    with pytest.raises(ValueError, match="cpu, reference"):
        gemmconv.plan("forward", *PLAIN, backend="tpu")
    with pytest.raises(gemmconv.UnsupportedError, match="not part of this version"):
        gemmconv.plan("forward", *PLAIN, backend="cupy")


def test_a_plan_keeps_the_settings_it_was_made_under() -> None:
    with gemmconv.options(threads=3, math="strict", deterministic=True, workspace_limit=1 << 20):
        plan = gemmconv.plan("forward", *PLAIN)
        told = plan.explain()
    with gemmconv.options(threads=1, math="fast"):
        assert plan.explain() == told
    for fact in ("3 threads", "math strict", "deterministic", "1.0 MiB"):
        assert fact in told


def test_the_workspace_limit_binds() -> None:
    limit = 64 << 10
    shapes = (1, 32, 40, 40), (32, 32, 3, 3)
    with gemmconv.options(workspace_limit=limit):
        for pass_ in PASSES:
            assert gemmconv.plan(pass_, *shapes).workspace_bytes <= limit
    with gemmconv.options(workspace_limit=0):
        plan = gemmconv.plan("forward", *shapes)
        assert plan.workspace_bytes == 0
        assert (plan(np.ones(shapes[0], np.float32), np.ones(shapes[1], np.float32)) == 288).all()
        with pytest.raises(gemmconv.UnsupportedError, match="limit"):
            gemmconv.plan("forward", *shapes, strategy="im2col")


def test_one_plan_in_many_threads() -> None:
    generator = np.random.default_rng(1)
    w = generator.standard_normal(PLAIN[1])
    plan = gemmconv.plan("forward", *PLAIN, dtype="float64")
    inputs = [generator.standard_normal(PLAIN[0]) for _ in range(8)]
    rights = [plan(x, w) for x in inputs]
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(50):
            if not np.array_equal(plan(inputs[number], w), rights[number]):
                wrong.append(number)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(len(inputs))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_the_cache_is_bounded_and_can_be_cleared() -> None:
    _core.clear_caches()
    assert _core.cached_plans() == 0
    w = np.ones((1, 1, 1), np.float32)
    gemmconv.conv(np.ones((1, 1, 5), np.float32), w)
    assert _core.cached_plans() == 1
    gemmconv.conv(np.zeros((1, 1, 5), np.float32), w)
    assert _core.cached_plans() == 1, "the same problem again"
    with gemmconv.options(threads=7, math="strict"):
        gemmconv.conv(np.ones((1, 1, 5), np.float32), w)
    assert _core.cached_plans() == 2, "a setting is part of the key"
    counts = []
    for size in range(1, 3000):
        gemmconv.conv(np.ones((1, 1, size), np.float32), w)
        counts.append(_core.cached_plans())
    assert max(counts) == counts[-1] < 2000
    _core.clear_caches()
    assert _core.cached_plans() == 0
    assert _core.retained_workspace_bytes() == 0
