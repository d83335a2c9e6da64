"""Random geometries against the oracle, thousands of answers a run: what nobody thought of naming.

The draw is fixed; `GEMMCONV_TEST_PROFILE=explore` draws anew and prints how to repeat a failure.
"""

import numpy as np
import oracle
import pytest
from cases import PASSES, Case, judge, random_cases
from hypothesis import given, settings
from hypothesis import strategies as st
from passes import STRATEGIES, plan_for, refusal, run_pass
from tolerance import assert_within, stated_bound, tolerance

import gemmconv


def check_everywhere(case: Case, flip: bool, layout: str, dtype: str, threads: int, seed: int) -> None:
    """All passes in every strategy that can, against the oracle."""
    generator = np.random.default_rng(seed)
    for pass_ in PASSES:
        first, second = (generator.standard_normal(shape).astype(dtype) for shape in case.shapes(pass_)[:2])
        right = judge(case, pass_, first, second, flip)
        absolute = judge(case, pass_, np.abs(first), np.abs(second), flip)
        with gemmconv.options(threads=threads):
            for strategy in STRATEGIES:
                if refusal(case, pass_, dtype, strategy, layout, flip) is not None:
                    assert strategy not in ("direct", "im2col")
                    continue
                plan = plan_for(case, pass_, dtype, layout=layout, flip=flip, strategy=strategy)
                bound = stated_bound(plan, case, pass_, dtype)
                within = tolerance(bound, absolute, case.longest_chain(pass_), strategy)
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
        right = judge(said, pass_, first, second, flip)
        got = run_pass(said, pass_, first, second, flip=flip, padding=word)
        np.testing.assert_allclose(got, right, rtol=1e-10, atol=1e-10)
