"""All contestants on one problem: their answers are checked first, then they are timed in turns."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

import gemmconv
from gemmconv.annotations import Array
from gemmconv.cli.bench.candidates import Candidate, Ready, Unable
from gemmconv.cli.bench.kinds import kind_of
from gemmconv.cli.bench.records import Record
from gemmconv.cli.bench.timing import PAUSE_OF_WORKERS_S, PAUSE_S, ROUNDS, time_in_turns
from gemmconv.cli.judge import exact
from gemmconv.cli.problems import Problem

PEER_CONSTANT = 8  # for other libraries, which state no bound: c in c * u * sqrt(n), relative to the largest output


@dataclass(frozen=True)
class Conditions:
    """The conditions that are the same for all measurements of a run."""

    dtype: str = "float32"
    threads: int = 1
    rounds: int = ROUNDS
    patience_s: float = 2.0  # a contestant that takes longer for one call is not timed
    budget_s: float = 0.0  # for one problem: there are more rounds if they fit into this time
    math: str = "fast"
    layout: str = "NCHW"


def measure(
    suite: str,
    problem: Problem,
    pass_: str,
    candidates: Sequence[Candidate],
    conditions: Conditions,
    after_turn: Callable[[], object] = lambda: None,
) -> list[Record]:
    """A record for each of ``candidates``; ``after_turn`` is called ``rounds`` times for each, timed or not."""
    problem = replace(problem, layout=conditions.layout)
    first, second = problem.operands(pass_, conditions.dtype)
    expected = exact(problem, pass_, first, second, np.float64)
    magnitude = exact(problem, pass_, np.abs(first), np.abs(second), np.float64)
    blank = Record(
        suite,
        problem.name,
        problem.x_shape[0],
        pass_,
        conditions.dtype,
        conditions.threads,
        contestant="",
        flops=problem.flops,
        patches_bytes=patches_bytes(problem, conditions.dtype),
        kind=kind_of(problem),
        layout=conditions.layout,
        math=conditions.math,
        least_bytes=least_bytes(problem, conditions.dtype),
    )
    ready: dict[str, Ready] = {}
    records = {}
    for candidate in candidates:
        record = replace(blank, contestant=candidate.name)
        try:
            prepared = candidate.prepare(problem, pass_, first, second)
        except (Unable, gemmconv.UnsupportedError) as reason:
            records[candidate.name] = replace(record, note=str(reason))
            continue
        record = replace(record, strategy=prepared.strategy, workspace_bytes=prepared.workspace_bytes)
        started = time.perf_counter()
        answer = prepared.answer()
        seconds = time.perf_counter() - started
        share = share_of_bound(answer, expected, magnitude, problem, pass_, prepared.error_bound)
        record = replace(record, share_of_bound=share)
        if not share <= 1:
            record = replace(record, note="wrong answer: not timed")
        elif seconds > conditions.patience_s:
            record = replace(record, note=f"one call takes longer than --patience {conditions.patience_s:g} s")
        else:
            ready[candidate.name] = prepared
        records[candidate.name] = record
    timings = time_in_turns(
        {name: one.call for name, one in ready.items()},
        conditions.rounds,
        after_turn,
        budget_s=conditions.budget_s,
        pause_s=PAUSE_S if conditions.threads == 1 else PAUSE_OF_WORKERS_S,
    )
    for name, timing in timings.items():
        records[name] = replace(records[name], min_s=timing.min_s, median_s=timing.median_s, rounds=timing.rounds)
    for _ in range((len(candidates) - len(ready)) * conditions.rounds):
        after_turn()
    return list(records.values())


def share_of_bound(
    answer: Array, expected: Array, magnitude: Array, problem: Problem, pass_: str, error_bound: float | None
) -> float:
    """The largest error as a share of its bound; infinite for an answer of the wrong shape."""
    if answer.shape != expected.shape:
        return float("inf")
    difference = np.abs(answer - expected)
    if error_bound is None:
        unit = float(np.finfo(answer.dtype).eps) / 2
        bound = np.full_like(magnitude, PEER_CONSTANT * unit * np.sqrt(terms(problem, pass_)) * magnitude.max())
    else:
        bound = error_bound * magnitude
    if answer.dtype == np.float64:  # the answer that it is compared with has errors of the same size
        bound = 2 * bound
    return float(np.divide(difference, bound, out=np.where(difference > 0, np.inf, 0.0), where=bound > 0).max())


def terms(problem: Problem, pass_: str) -> int:
    """How many products one output sums."""
    kernel = int(np.prod(problem.w_shape[2:]))
    return {
        "forward": problem.w_shape[1] * kernel,
        "backward_input": problem.w_shape[0] // problem.groups * kernel,
        "backward_weight": problem.x_shape[0] * int(np.prod(problem.output)),
    }[pass_]


def least_bytes(problem: Problem, dtype: str) -> int:
    """What a pass must move at least: its operands and its result once each, the same three arrays in every pass."""
    shapes = (problem.x_shape, problem.w_shape, problem.y_shape)
    return sum(int(np.prod(shape)) for shape in shapes) * np.dtype(dtype).itemsize


def patches_bytes(problem: Problem, dtype: str) -> int:
    """Size of the whole im2col matrix: N x C x kernel x P."""
    cells = int(np.prod(problem.x_shape[:2])) * int(np.prod(problem.w_shape[2:])) * int(np.prod(problem.output))
    return cells * np.dtype(dtype).itemsize
