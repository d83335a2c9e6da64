"""Random geometries against the oracle, thousands of answers in a run, for cases that nobody thought of.

The draw is fixed; `GEMMCONV_TEST_PROFILE=explore` draws anew and prints how to repeat a failure. As many as you like,
from a seed of your own, under every setting that changes how an answer is made:

    pytest tests/test_random_geometry.py -k fuzz --cases 20000 --seed 2
"""

import time
from collections import Counter
from typing import Any

import numpy as np
import oracle
import pytest
from cases import DTYPES, KINDS, LAYOUTS, PASSES, Case, oracle_answer, random_cases
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st
from passes import TOTAL_VARIANTS, VARIANTS, Guarded, answer_shape, plan_for, refusal, run_pass
from tolerance import activated_tolerance, assert_within, stated_bound, tolerance

import gemmconv


def check_everywhere(case: Case, flip: bool, layout: str, dtype: str, threads: int, seed: int) -> None:
    """All passes in every variant that accepts them, against the oracle."""
    generator = np.random.default_rng(seed)
    for pass_ in PASSES:
        first, second = (generator.standard_normal(shape).astype(dtype) for shape in case.shapes(pass_)[:2])
        right = oracle_answer(case, pass_, first, second, flip)
        absolute = oracle_answer(case, pass_, np.abs(first), np.abs(second), flip)
        with gemmconv.options(threads=threads):
            for strategy in VARIANTS:
                if refusal(case, pass_, dtype, strategy, layout, flip) is not None:
                    assert strategy not in TOTAL_VARIANTS
                    continue
                plan = plan_for(case, pass_, dtype, layout=layout, flip=flip, strategy=strategy)
                bound = stated_bound(plan, case, pass_, dtype)
                within = tolerance(bound, absolute, case.longest_chain(pass_), plan.strategy)
                got = run_pass(case, pass_, first, second, layout=layout, flip=flip, strategy=strategy)
                assert_within(got, right, within, f"{strategy} {pass_}")


SETTINGS = (
    st.booleans(),
    st.sampled_from(["NCHW", "NHWC"]),
    st.sampled_from(["float32", "float64"]),
    st.sampled_from([1, 1, 1, 2, 3]),
    st.integers(0, 2**32 - 1),
)


@given(random_cases(), *SETTINGS)
@settings(max_examples=2000)
def test_small(case: Case, flip: bool, layout: str, dtype: str, threads: int, seed: int) -> None:
    check_everywhere(case, flip, layout, dtype, threads, seed)


@given(random_cases(largest=9, channels=40, batch=3), *SETTINGS)
@settings(max_examples=500)
def test_many_channels(case: Case, flip: bool, layout: str, dtype: str, threads: int, seed: int) -> None:
    check_everywhere(case, flip, layout, dtype, threads, seed)


@pytest.mark.slow
@given(random_cases(largest=24, channels=24, batch=4), *SETTINGS)
@settings(max_examples=2000)
def test_large(case: Case, flip: bool, layout: str, dtype: str, threads: int, seed: int) -> None:
    check_everywhere(case, flip, layout, dtype, threads, seed)


@given(
    case=random_cases(),
    word=st.sampled_from(["valid", "same", "same_lower", "full"]),
    flip=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=300)
def test_padding_words(case: Case, word: str, flip: bool, seed: int) -> None:
    """A word is the padding that the oracle makes of it, in all passes."""
    padding = oracle.word_padding(word, case.input, case.kernel, case.stride, case.dilation)
    said = Case(**{**case.__dict__, "padding": padding})
    if min(said.output) < 1:
        with pytest.raises(ValueError, match="output"):
            gemmconv.conv(np.zeros(case.x_shape), np.zeros(case.w_shape), **{**case.options, "padding": word})
        return
    if word.startswith("same"):
        assert said.output == tuple(-(-size // stride) for size, stride in zip(case.input, case.stride, strict=True))
    generator = np.random.default_rng(seed)
    for pass_ in PASSES:
        first, second = (generator.standard_normal(shape) for shape in said.shapes(pass_)[:2])
        right = oracle_answer(said, pass_, first, second, flip)
        got = run_pass(said, pass_, first, second, flip=flip, padding=word)
        np.testing.assert_allclose(got, right, rtol=1e-10, atol=1e-10)


ACTIVATIONS = (None, None, None, "relu", "leaky_relu", "sigmoid", "tanh", "softplus", "gelu")
SIZES = st.one_of(
    random_cases(),
    random_cases(),
    random_cases(largest=19, channels=3),
    random_cases(largest=9, channels=40, batch=3),
)


@st.composite
def random_settings(draw: st.DrawFn) -> dict[str, Any]:
    """All options besides the geometry that affect how an answer is computed."""
    return {
        "flip": draw(st.booleans()),
        "layout": draw(st.sampled_from(LAYOUTS)),
        "dtype": draw(st.sampled_from(DTYPES)),
        "kind": draw(st.sampled_from(KINDS)),
        "activation": draw(st.sampled_from(ACTIVATIONS)),
        "options": {
            "threads": draw(st.sampled_from([1, 1, 1, 1, 1, 2, 3])),
            "deterministic": draw(st.booleans()),
            "math": draw(st.sampled_from(["fast", "strict"])),
            "workspace_limit": draw(st.sampled_from([1 << 14, 1 << 17, 64 << 20])),
        },
    }


def fuzz_pass(case: Case, pass_: str, chosen: dict[str, Any], generator: np.random.Generator) -> list[str]:
    """One pass in every variant that accepts it, and by auto, into guarded memory; the names of those that did."""
    dtype, layout, flip = chosen["dtype"], chosen["layout"], chosen["flip"]
    first, second = (drawn(generator, shape, chosen["kind"], dtype) for shape in case.shapes(pass_)[:2])
    right = oracle_answer(case, pass_, first, second, flip)
    absolute = oracle_answer(case, pass_, np.abs(first), np.abs(second), flip)
    more: dict[str, Any] = {}
    if pass_ == "forward" and chosen["activation"]:
        bias = drawn(generator, (case.out_channels,), chosen["kind"], dtype)
        across = (1, -1, *(1,) * case.rank)
        right = oracle.activate(right + bias.reshape(across), chosen["activation"])
        absolute = absolute + np.abs(bias.reshape(across))
        more = {"activation": chosen["activation"]}
    answered = []
    for strategy in ("auto", *VARIANTS):
        try:
            plan = plan_for(case, pass_, dtype, layout=layout, flip=flip, strategy=strategy, **more)
        except gemmconv.UnsupportedError:
            if strategy == "direct/loops":
                raise
            continue
        within = tolerance(stated_bound(plan, case, pass_, dtype), absolute, case.longest_chain(pass_), plan.strategy)
        within = activated_tolerance(within, right, more.get("activation"), dtype)
        target = Guarded(answer_shape(case, pass_, layout), dtype)
        operands = {"out": target.out, "layout": layout, "flip": flip, "strategy": strategy, **more}
        if more:
            operands["bias"] = bias
        assert_within(run_pass(case, pass_, first, second, **operands), right, within, f"{strategy} {pass_}")
        target.check()
        answered.append(strategy)
    return answered


def drawn(generator: np.random.Generator, shape: tuple[int, ...], kind: str, dtype: str) -> Any:
    """An operand: normal, all positive, or large terms that cancel."""
    values = generator.standard_normal(shape)
    if kind == "positive":
        values = np.abs(values) + 0.5
    elif kind == "cancelling":
        values = values + 30 * generator.choice([-1, 1])
    return values.astype(dtype)


def test_fuzz(pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]) -> None:
    """As many geometries as --cases says, from --seed, in all passes and strategies; a failure is shrunk and shown."""
    count, first_seed = pytestconfig.getoption("--cases"), pytestconfig.getoption("--seed")
    answers: Counter[str] = Counter()

    @seed(first_seed)
    @settings(
        max_examples=count, derandomize=False, database=None, deadline=None, phases=[Phase.generate, Phase.shrink]
    )
    @given(SIZES, random_settings(), st.integers(0, 2**32 - 1))
    def compare(case: Case, chosen: dict[str, Any], draw: int) -> None:
        generator = np.random.default_rng(draw)
        with gemmconv.options(**chosen["options"]):
            for pass_ in PASSES:
                answers.update(fuzz_pass(case, pass_, chosen, generator))
        answers["geometries"] += 1

    started = time.perf_counter()
    compare()
    seconds = time.perf_counter() - started
    geometries = answers.pop("geometries")
    assert geometries >= count
    assert set(answers) >= {"auto", *TOTAL_VARIANTS}
    with capsys.disabled():
        print(
            f"\nseed {first_seed}: {geometries} geometries, {sum(answers.values())} answers within their bounds in "
            f"{seconds:.0f} s: {', '.join(f'{name} {number}' for name, number in answers.items())}"
        )
