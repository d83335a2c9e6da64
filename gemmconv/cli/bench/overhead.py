"""The cost of a call besides its arithmetic, measured on a layer with next to no arithmetic."""

from collections.abc import Callable, Iterator, Sequence

import gemmconv
from gemmconv.annotations import Array
from gemmconv.cli.bench.candidates import Candidate, Ready, planned
from gemmconv.cli.bench.measure import Conditions, measure
from gemmconv.cli.bench.records import Record
from gemmconv.cli.problems import Problem, make_problem

TINY = make_problem("tiny-3x3-8", (1, 1, 8, 8), (1, 1, 3, 3), padding=1)


def prepare_call(problem: Problem, pass_: str, first: Array, second: Array) -> Ready:
    """`gemmconv.conv` with its default options."""

    def call() -> Array:
        return gemmconv.conv(first, second, padding=1)

    bound = gemmconv.plan(pass_, problem.x_shape, problem.w_shape, dtype=first.dtype.name, padding=1).error_bound
    return Ready(call, call, bound)


def measure_overhead(
    others: Sequence[Candidate], conditions: Conditions, after_turn: Callable[[], object]
) -> Iterator[Record]:
    """The forward pass of a tiny layer: a whole call, a plan, a plan that reuses its output, and other libraries."""
    everyone = [
        Candidate("conv(x, w)", prepare_call),
        planned("plan(x, w)"),
        planned("plan(x, w, out=y)", reuse_output=True),
        *others,
    ]
    yield from measure("overhead", TINY, "forward", everyone, conditions, after_turn)
