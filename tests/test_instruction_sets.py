"""Every instruction set of this machine, with every variant, against the oracle, in a process for each."""

from pathlib import Path

import pytest
from installation import fresh_python

import gemmconv

COMPARISONS = """
import sys
sys.path.insert(0, sys.argv[1])
from cases import CASES, DTYPES, LAYERS, LAYOUTS, PASSES, operands, expected_answer
from passes import VARIANTS, plan_for, refusal, run_pass
from tolerance import assert_within, stated_bound, tolerance
import gemmconv

assert gemmconv.show_config(mode="dicts")["isa"] == sys.argv[2]
compared = 0
for case in CASES + LAYERS:
    for pass_ in PASSES:
        for dtype in DTYPES:
            first, second = operands(case, pass_, dtype)
            right, absolute = expected_answer(case, pass_, dtype, "normal", False)
            for layout in LAYOUTS:
                for strategy in VARIANTS:
                    if refusal(case, pass_, dtype, strategy, layout) is None:
                        plan = plan_for(case, pass_, dtype, layout=layout, strategy=strategy)
                        bound = stated_bound(plan, case, pass_, dtype)
                        within = tolerance(bound, absolute, case.longest_chain(pass_), plan.strategy)
                        got = run_pass(case, pass_, first, second, layout=layout, strategy=strategy)
                        assert_within(got, right, within, f"{case} {pass_} {dtype} {layout} {strategy}")
                        compared += 1
print(compared)
"""


@pytest.mark.parametrize("isa", gemmconv.show_config(mode="dicts")["isa_available"])
def test_every_strategy_on(isa: str) -> None:
    folder = str(Path(__file__).resolve().parent)
    assert int(fresh_python(COMPARISONS, folder, isa, GEMMCONV_ISA=isa, OMP_NUM_THREADS="1")) > 1500
