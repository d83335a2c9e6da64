"""Every strategy, the NumPy reference and scipy.signal on the named layers, three passes, under pytest-benchmark.

    pytest bench --benchmark-columns=min,median --benchmark-group-by=group

An answer is checked before it is timed. ``gemmconv bench`` measures the same in turns, which is fairer.
"""

import numpy as np
import pytest

import gemmconv
from gemmconv.cli.bench import candidates
from gemmconv.cli.bench.candidates import Unable
from gemmconv.cli.bench.layers import named_layers
from gemmconv.cli.bench.measure import share_of_bound
from gemmconv.cli.bench.records import Record
from gemmconv.cli.bench.timing import TURN_S, timed
from gemmconv.cli.judge import exact
from gemmconv.cli.problems import PASSES

CONTESTANTS = [candidates.planned("auto"), *candidates.strategies(), candidates.REFERENCE, candidates.SCIPY]
PATIENCE_S = 0.5


@pytest.mark.parametrize("pass_", PASSES)
@pytest.mark.parametrize("layer", named_layers(), ids=lambda layer: layer.label)
@pytest.mark.parametrize("contestant", CONTESTANTS, ids=lambda contestant: contestant.name)
def test_layer(benchmark, contestant, layer, pass_, add_record, threads):
    problem = layer.batched(1)
    first, second = problem.operands(pass_, "float32")
    try:
        ready = contestant.prepare(problem, pass_, first, second)
    except (Unable, gemmconv.UnsupportedError) as reason:
        pytest.skip(str(reason))
    seconds = timed(ready.call, 1)
    if seconds > PATIENCE_S:
        pytest.skip(f"one call takes {seconds:.1f} s")
    expected = exact(problem, pass_, first, second, np.float64)
    magnitude = exact(problem, pass_, np.abs(first), np.abs(second), np.float64)
    share = share_of_bound(ready.answer(), expected, magnitude, problem, pass_, ready.error_bound)
    assert share <= 1, f"error is {share:.2f} times its bound"
    benchmark.group = f"{layer.label} {pass_}"
    repeats = max(1, min(1000, round(TURN_S / seconds)))
    benchmark.pedantic(ready.call, rounds=7, warmup_rounds=2, iterations=repeats)
    if not benchmark.disabled:
        stats = benchmark.stats.stats
        benchmark.extra_info["gflops"] = problem.flops / stats.median / 1e9
        timing = {"min_s": stats.min, "median_s": stats.median, "rounds": 7}
        about = {"flops": problem.flops, "strategy": ready.strategy, "share_of_bound": share, **timing}
        add_record(Record("strategies", layer.label, 1, pass_, "float32", threads, contestant.name, **about))
