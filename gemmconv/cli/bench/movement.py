"""Work that moves bytes rather than multiplies: pooling and patches, timed against a plain copy and other libraries.

A movement is checked against float64 before it is timed, and its rate counts the bytes that must move: each input read
once and each output written once, whatever an implementation reads again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gemmconv.annotations import Array
from gemmconv.cli.bench.measure import Conditions
from gemmconv.cli.bench.records import Record
from gemmconv.cli.bench.timing import time_in_turns

OWN, COPY = "gemmconv", "copy"


@dataclass(frozen=True)
class Contestant:
    """A contestant: ``call`` is timed; ``answer`` does the same work and returns NumPy arrays, channels second."""

    name: str
    call: Callable[[], object]
    answer: Callable[[], Sequence[Array]]


@dataclass(frozen=True)
class Movement:
    """One operation on one layer."""

    layer: str
    batch: int
    pass_: str
    moved_bytes: int
    terms: int  # that one output sums, for the tolerance
    expected: Callable[[], Sequence[Array]]  # in float64
    contestants: Sequence[Contestant]


def measure_movement(
    suite: str, movement: Movement, conditions: Conditions, after_turn: Callable[[], object] = lambda: None
) -> list[Record]:
    """A record for each contestant and for a copy of as many bytes; ``after_turn`` is called for every turn."""
    blank = Record(
        suite,
        movement.layer,
        movement.batch,
        movement.pass_,
        conditions.dtype,
        conditions.threads,
        contestant="",
        moved_bytes=movement.moved_bytes,
    )
    expected = movement.expected()
    records, calls = {}, {}
    for contestant in movement.contestants:
        share = share_of_tolerance(contestant.answer(), expected, movement.terms)
        record = replace(blank, contestant=contestant.name, share_of_bound=share)
        if share <= 1:
            calls[contestant.name] = contestant.call
        else:
            record = replace(record, note="wrong answer: not timed")
        records[contestant.name] = record
    records[COPY] = replace(blank, contestant=COPY)
    calls[COPY] = copy_of(movement.moved_bytes)
    timings = time_in_turns(calls, conditions.rounds, after_turn)
    for name, timing in timings.items():
        records[name] = replace(records[name], min_s=timing.min_s, median_s=timing.median_s, rounds=timing.rounds)
    for _ in range((len(movement.contestants) + 1 - len(calls)) * conditions.rounds):
        after_turn()
    return list(records.values())


def copy_of(moved_bytes: int) -> Callable[[], object]:
    """NumPy's copy of an array half as large: it reads one half of the bytes and writes the other."""
    source = np.ones(max(1, moved_bytes // 16))
    return source.copy


def share_of_tolerance(answers: Sequence[Array], expected: Sequence[Array], terms: int) -> float:
    """The largest error as a share of 8 u sqrt(terms) times the largest value; indices (int64) must be equal."""
    worst = 0.0
    for answer, right in zip(answers, expected, strict=True):
        if answer.shape != right.shape:
            return float("inf")
        if answer.dtype.kind == "i":
            worst = worst if np.array_equal(answer, right) else float("inf")
            continue
        bound = 4 * float(np.finfo(answer.dtype).eps) * np.sqrt(terms) * max(float(np.abs(right).max()), 1e-30)
        worst = max(worst, float(np.abs(answer - right).max()) / bound)
    return worst
