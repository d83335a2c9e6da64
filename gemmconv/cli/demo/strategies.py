"""Every strategy on a photograph, in all three passes: answers are checked first, then timed in turns."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import gemmconv
from gemmconv import _core
from gemmconv.annotations import Array
from gemmconv.cli.bench.timing import ROUNDS, Timing, time_in_turns, timed
from gemmconv.cli.demo.images import photograph
from gemmconv.cli.demo.stage import Outcome, Picture, Stage
from gemmconv.cli.demo.style import CATEGORIES, FAINT, INK, new_figure, save
from gemmconv.cli.judge import exact
from gemmconv.cli.problems import PASSES, Problem, make_problem
from gemmconv.cli.progress import progress_bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PATIENCE_S = 0.25  # for a contestant whose calls take longer, the second call is the only one timed
REFERENCE = "reference (NumPy)"


def run(stage: Stage) -> Outcome:
    """Time each strategy that can do it, and print why the others refuse."""
    problem = make_problem("flower", (1, 3, 427, 640), (16, 3, 5, 5), padding=2)
    names = [REFERENCE] if stage.backend == "reference" else [*_core.strategy_names(), REFERENCE]
    timings: dict[str, dict[str, Timing]] = {name: {} for name in names}
    refused: dict[str, str] = {}
    worst = 0.0
    with progress_bar(len(PASSES) * len(names) * ROUNDS, "timing", "turn") as bar:
        for pass_ in PASSES:
            bar.set_description(pass_)
            calls, slow, share = contestants(problem, pass_, operands(problem, pass_), names, refused)
            worst = max(worst, share)
            for name, timing in {**slow, **time_in_turns(calls, after_turn=bar.update)}.items():
                timings[name][pass_] = timing
            bar.update((len(names) - len(calls)) * ROUNDS)
    timings = {name: by_pass for name, by_pass in timings.items() if by_pass}
    path = draw(stage, problem, timings)
    figures = {
        "flops": problem.flops,
        "share_of_bound": worst,
        "seconds": seconds_of(timings),
        "refused": refused,
    }
    shows = "milliseconds of every strategy in the three passes"
    return Outcome(describe(problem, timings, refused, worst), figures, (Picture(path, shows),), worst <= 1)


def seconds_of(timings: dict[str, dict[str, Timing]]) -> dict[str, dict[str, dict[str, float]]]:
    """The timings of each name and pass as plain numbers."""
    return {
        name: {pass_: {"min": timing.min_s, "median": timing.median_s} for pass_, timing in by_pass.items()}
        for name, by_pass in timings.items()
    }


def contestants(
    problem: Problem, pass_: str, arrays: tuple[Array, Array], names: list[str], refused: dict[str, str]
) -> tuple[dict[str, Callable[[], object]], dict[str, Timing], float]:
    """What to time, what was too slow to be timed more than once, and the largest error as a share of its bound."""
    first, second = arrays
    expected = exact(problem, pass_, first, second, np.float64)
    magnitude = exact(problem, pass_, abs(first), abs(second), np.float64)
    calls: dict[str, Callable[[], object]] = {}
    slow, worst = {}, 0.0
    for name in names:
        try:
            plan = plan_of(problem, pass_, name)
        except gemmconv.UnsupportedError as refusal:
            refused.setdefault(name, str(refusal))
            continue
        call = partial(plan, first, second)
        started = time.perf_counter()
        answer = call()
        seconds = time.perf_counter() - started
        allowed = plan.error_bound * magnitude
        worst = max(
            worst,
            float(np.divide(abs(answer - expected), allowed, where=allowed > 0, out=np.zeros_like(allowed)).max()),
        )
        if seconds > PATIENCE_S:
            seconds = timed(call, 1)  # a first call also warms up
        if seconds > PATIENCE_S:
            slow[name] = Timing(seconds, seconds, 1)
        else:
            calls[name] = call
    return calls, slow, worst


def plan_of(problem: Problem, pass_: str, name: str) -> Any:
    """The plan of a strategy, or of the reference backend."""
    backend, strategy = ("reference", "auto") if name == REFERENCE else ("cpu", name)
    return gemmconv.plan(
        pass_, problem.x_shape, problem.w_shape, strategy=strategy, backend=backend, **problem.options()
    )


def operands(problem: Problem, pass_: str) -> tuple[Array, Array]:
    """The flower where x is asked for, random arrays elsewhere."""
    first, second = problem.operands(pass_, "float32")
    flower = photograph("flower")[np.newaxis]
    return (
        (flower, second) if pass_ == "forward" else (first, flower) if pass_ == "backward_weight" else (first, second)
    )


def describe(
    problem: Problem, timings: dict[str, dict[str, Timing]], refused: dict[str, str], worst: float
) -> tuple[str, ...]:
    """The figures as lines."""
    lines = [
        f"16 kernels of 5 x 5 x 3 on 427 x 640 pixels, float32; every answer within {worst:.0%} of its error bound"
    ]
    for name, by_pass in timings.items():
        times = ", ".join(f"{pass_} {by_pass[pass_].median_s * 1e3:.1f} ms" for pass_ in by_pass)
        rate = problem.flops / by_pass["forward"].median_s / 1e9
        lines.append(f"{name}: {times} ({rate:.0f} GFLOP/s forward)")
    lines += [f"{name}: {reason}" for name, reason in refused.items()]
    return tuple(lines)


def draw(stage: Stage, problem: Problem, timings: dict[str, dict[str, Timing]]) -> Path:
    """Bars of milliseconds on a logarithmic scale, one panel a pass."""
    figure = new_figure(
        13.2,
        1.9 + 0.42 * len(timings),
        "The same answer, at different speeds",
        f"16 kernels of 5×5×3 on a photograph of 427×640 pixels, float32. Median of {ROUNDS} turns after warm-up, "
        f"or the second call where calls take more than {PATIENCE_S} s; each answer was checked against float64. "
        "Rates count 2·N·K·P·Q operations, those on padded cells included.",
    )
    views = figure.subplots(1, len(PASSES), sharey=True)
    for axes, pass_ in zip(views, PASSES, strict=True):
        draw_bars(axes, timings, pass_, problem.flops)
        axes.set_title(pass_.replace("_", " "))
        axes.set_xlabel("milliseconds")
    return save(figure, stage.path("strategies.png"))


def draw_bars(axes: "Axes", timings: dict[str, dict[str, Timing]], pass_: str, flops: int) -> None:
    """A bar for the median of each name, with its rate."""
    from matplotlib.ticker import NullFormatter

    names = list(timings)[::-1]
    milliseconds = [timings[name][pass_].median_s * 1e3 for name in names]
    colours = [FAINT if name == REFERENCE else CATEGORIES[_core.strategy_names().index(name)] for name in names]
    axes.barh(names, milliseconds, color=colours, height=0.62)
    axes.set_xscale("log")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(min(milliseconds) / 3, max(milliseconds) * 12)
    for row, value in enumerate(milliseconds):
        axes.text(value, row, f" {value:.3g} ms, {flops / value / 1e6:.3g} GFLOP/s", va="center", fontsize=8.5)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
