"""Every strategy on the convolutions of one training step of the network of digits."""

from pathlib import Path

import gemmconv
from gemmconv import _core
from gemmconv.cli.bench.timing import ROUNDS, Timing, time_in_turns
from gemmconv.cli.demo.stage import Outcome, Picture, Stage
from gemmconv.cli.demo.strategies import REFERENCE, contestants, draw_bars, seconds_of
from gemmconv.cli.demo.style import new_figure, save
from gemmconv.cli.problems import PASSES, Problem, make_problem
from gemmconv.cli.progress import progress_bar

LAYERS = (
    make_problem("first convolution", (32, 1, 8, 8), (32, 1, 3, 3), padding=1),
    make_problem("second convolution", (32, 32, 4, 4), (64, 32, 3, 3), padding=1),
)
Timings = dict[str, dict[str, Timing]]


def run(stage: Stage) -> Outcome:
    """Time all three passes of both layers on one thread, the answers checked first."""
    names = [REFERENCE] if stage.backend == "reference" else [*_core.strategy_names(), REFERENCE]
    found: dict[str, tuple[Timings, dict[str, str], float]] = {}
    with (
        gemmconv.options(threads=1),
        progress_bar(len(LAYERS) * len(PASSES) * len(names) * ROUNDS, "timing", "turn") as bar,
    ):
        for layer in LAYERS:
            bar.set_description(layer.name)
            timings: Timings = {name: {} for name in names}
            refused: dict[str, str] = {}
            worst = 0.0
            for pass_ in PASSES:
                calls, slow, share = contestants(layer, pass_, layer.operands(pass_, "float32"), names, refused)
                worst = max(worst, share)
                for name, timing in {**slow, **time_in_turns(calls, after_turn=bar.update)}.items():
                    timings[name][pass_] = timing
                bar.update((len(names) - len(calls)) * ROUNDS)
            found[layer.name] = {name: by_pass for name, by_pass in timings.items() if by_pass}, refused, worst
    path = draw(stage, {name: timings for name, (timings, _, _) in found.items()})
    worst = max(share for _, _, share in found.values())
    lines = [describe(layer, found[layer.name][0]) for layer in LAYERS]
    lines.append(f"every answer within {worst:.0%} of its error bound")
    figures = {
        name: {"seconds": seconds_of(timings), "refused": refused, "share_of_bound": share}
        for name, (timings, refused, share) in found.items()
    }
    shows = "microseconds of every strategy on the two convolutions of the network"
    return Outcome(tuple(lines), figures, (Picture(path, shows),), worst <= 1)


def describe(layer: Problem, timings: Timings) -> str:
    """The fastest at each pass."""
    fastest = {pass_: min(timings, key=lambda name: timings[name][pass_].median_s) for pass_ in PASSES}
    times = ", ".join(f"{pass_} {name} {timings[name][pass_].median_s * 1e6:.0f} us" for pass_, name in fastest.items())
    return f"{layer.name}, fastest: {times}"


def draw(stage: Stage, found: dict[str, Timings]) -> Path:
    """Bars for each pass of each layer."""
    figure = new_figure(
        13.2,
        1.9 + 2 * (0.5 + 0.36 * max(len(timings) for timings in found.values())),
        "Small layers, small times: every strategy on the network of digits",
        f"Both convolutions of the network for a batch of 32, float32, one thread. Median of {ROUNDS} turns after "
        "warm-up; each answer was checked against float64 before. Strategies that cannot do a layer are left out.",
    )
    views = figure.subplots(len(LAYERS), len(PASSES), sharey="row", squeeze=False)
    for row, layer in zip(views, LAYERS, strict=True):
        for axes, pass_ in zip(row, PASSES, strict=True):
            draw_bars(axes, found[layer.name], pass_, layer.flops)
            axes.set_title(pass_.replace("_", " "))
        row[0].set_title(f"{layer.name}: forward")
    for axes in views[-1]:
        axes.set_xlabel("milliseconds")
    return save(figure, stage.path("layers.png"))
