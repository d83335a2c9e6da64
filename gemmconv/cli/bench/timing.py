"""Timing: contestants take turns, in several rounds, of which minimum and median are reported.

The caller checks the answers before. The idle worker threads of one contestant may spin on the cores of the next, so
there is a pause between two of them, and each turn begins with a call that is not counted. The threads of libgomp spin
for up to 14 ms (300,000 pauses of 140 cycles at 3 GHz).
"""

import contextlib
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from gemmconv.cli.failures import Failure

ROUNDS = 7
WARM_UPS = 2
PAUSE_S = 0.004
PAUSE_OF_WORKERS_S = 0.02  # with two or more threads
MOST_ROUNDS = 101
TURN_S = 0.003  # calls shorter than this are repeated in a turn until it is reached


@dataclass(frozen=True)
class Timing:
    """Seconds of one call."""

    min_s: float
    median_s: float
    rounds: int


def time_in_turns(
    calls: Mapping[str, Callable[[], object]],
    rounds: int = ROUNDS,
    after_turn: Callable[[], object] = lambda: None,
    *,
    budget_s: float = 0,
    pause_s: float = PAUSE_S,
) -> dict[str, Timing]:
    """Time each of ``calls``, in turns.

    Parameters
    ----------
    calls : mapping of str to callable
        What to time, by name.
    rounds : int
        The least number of turns of each call, after two warm-ups.
    after_turn : callable
        Called after each turn of those rounds, to move a progress bar.
    budget_s : float
        There are more rounds, up to 101, as long as all of them are expected to take less than this.
    pause_s : float
        Between two turns.

    Returns
    -------
    dict of str to Timing
    """
    if not calls:
        return {}
    repeats, round_s = {}, 0.0
    for name, call in calls.items():
        seconds = min(timed(call, 1) for _ in range(WARM_UPS))
        repeats[name] = max(1, min(10_000, round(TURN_S / max(seconds, 1e-9))))
        round_s += pause_s + (1 + repeats[name]) * seconds
    planned = max(rounds, min(MOST_ROUNDS, int(budget_s / max(round_s, 1e-9))))
    samples: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for turn in range(planned):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            time.sleep(pause_s)
            calls[name]()
            samples[name].append(timed(calls[name], repeats[name]))
            if turn < rounds:
                after_turn()
    return {name: Timing(min(seconds), statistics.median(seconds), planned) for name, seconds in samples.items()}


def timed(call: Callable[[], object], repeats: int) -> float:
    """Mean seconds of one call over ``repeats`` calls."""
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


@contextlib.contextmanager
def pinned(threads: int) -> Iterator[None]:
    """Restrict this process to its first ``threads`` cores, and every BLAS and OpenMP pool in it to that many threads.

    Raises
    ------
    Failure
        If the process may use fewer cores than that.
    """
    from threadpoolctl import threadpool_limits

    with contextlib.ExitStack() as undo:
        if hasattr(os, "sched_getaffinity"):
            allowed = sorted(os.sched_getaffinity(0))
            if threads > len(allowed):
                raise Failure(f"{threads} threads asked for, but this process may use {len(allowed)} cores")
            os.sched_setaffinity(0, allowed[:threads])
            undo.callback(os.sched_setaffinity, 0, allowed)
        undo.enter_context(threadpool_limits(limits=threads))
        yield
