"""The targets of the library, as data, and the result of a run for each: met, missed, or not measured.

Unless said otherwise a figure is a geometric mean over all layers and batches of a run, of the peer's median over ours.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gemmconv.cli.bench.candidates import is_strategy
from gemmconv.cli.bench.kinds import DENSE, KINDS
from gemmconv.cli.bench.records import Record
from gemmconv.cli.bench.report import by_problem, geometric_mean
from gemmconv.cli.problems import PASSES
from peers.roofs import Roofs, roof_over

OWN = "auto"
TORCH, ONNX = "PyTorch", "ONNX Runtime"
ONE_MATRIX_BYTES = 20 << 20  # below, 10 % of the im2col matrix is less than the 2 MiB a thread that are aimed at


@dataclass(frozen=True)
class Target:
    """A floor and an aim for one figure; ``math`` None holds for both."""

    name: str
    figure: str  # a key of FIGURES
    floor: float | None
    aim: float | None
    kinds: tuple[str, ...] = KINDS
    passes: tuple[str, ...] = PASSES
    math: str | None = None
    dtype: str = "float32"
    peer: str = TORCH
    suite: str = "peers"
    at_most: bool = False

    def reached(self, value: float, limit: float | None) -> bool:
        """Whether the value is on the right side of a limit."""
        return limit is not None and (value <= limit if self.at_most else value >= limit)


WEIGHTS_AND_FORWARD = ("forward", "backward_weight")
TARGETS = (
    Target("3x3 stride 1, fast", "ratio", 2.5, 3.3, kinds=("3x3",), math="fast"),
    Target("3x3 stride 1, strict", "ratio", 1.03, 1.15, kinds=("3x3",), math="strict"),
    Target("1x1 stride 1", "ratio", 1.05, 1.2, kinds=("1x1",)),
    Target("strided, forward and weight gradient", "ratio", 1.1, 1.25, kinds=("strided",), passes=WEIGHTS_AND_FORWARD),
    Target("strided, input gradient", "ratio", 2, 3, kinds=("strided",), passes=("backward_input",)),
    Target("few input channels (stems)", "ratio", 1.3, 2, kinds=("stem",)),
    Target("depthwise", "ratio", 2.5, None, kinds=("depthwise",)),
    Target("depthwise, share of the roof", "share of roof", None, 1, kinds=("depthwise",)),
    Target("groups", "ratio", 2, None, kinds=("groups",)),
    Target("groups, share of the roof", "share of roof", None, 1, kinds=("groups",)),
    Target("all layers, fast", "ratio", 1.55, 2, math="fast"),
    Target("all layers, strict", "ratio", 1.2, 1.4, math="strict"),
    Target("any single layer and pass", "least ratio", 0.9, 1),
    Target("forward against ONNX Runtime, fast", "ratio", 1.4, 1.8, passes=("forward",), math="fast", peer=ONNX),
    Target("forward against ONNX Runtime, strict", "ratio", 1.05, 1.2, passes=("forward",), math="strict", peer=ONNX),
    Target("float64, dense layers, share of the peak", "share of peak", 0.8, 0.9, kinds=DENSE, dtype="float64"),
    Target("float64, all layers", "ratio", 3, 4, dtype="float64"),
    Target("two threads over one", "gain of threads", 1.8, 1.95),
    Target("time of auto over the best strategy", "choice", 1.15, 1.05, suite="strategies", at_most=True),
    Target("scratch of implicit over the im2col matrix", "scratch", 0.1, None, suite="strategies", at_most=True),
    Target("one call, tiny layer: PyTorch's time over ours", "call ratio", 1, None, suite="overhead"),
    Target("one call, tiny layer: microseconds", "call", None, 5, suite="overhead", at_most=True),
    Target("the same through a plan: microseconds", "call of a plan", None, 3, suite="overhead", at_most=True),
)


@dataclass(frozen=True)
class Verdict:
    """The result of a run for one target; ``value`` is None if the run did not measure it."""

    target: Target
    value: float | None

    @property
    def words(self) -> str:
        """The result as text."""
        if self.value is None:
            return f"not measured (--suite {self.target.suite})"
        if self.target.reached(self.value, self.target.aim):
            return "aim met"
        if self.target.floor is None:
            return "aim missed"
        return "floor met" if self.target.reached(self.value, self.target.floor) else "MISSED"


def verdicts(records: Sequence[Record], roofs: Sequence[Roofs]) -> list[Verdict]:
    """The results for the targets of the run's dtypes and kinds of arithmetic."""
    dtypes, kinds_of_math = {record.dtype for record in records}, {record.math for record in records}
    found = []
    for target in TARGETS:
        if target.dtype not in dtypes or (target.math is not None and target.math not in kinds_of_math):
            continue
        own = [record for record in records if concerns(target, record)]
        figures = FIGURES[target.figure](target, own, roofs)
        if target.figure.startswith("least"):
            value = min(figures, default=None)
        elif target.figure == "scratch":
            value = max(figures, default=None)
        else:
            value = geometric_mean(figures) if figures else None
        found.append(Verdict(target, value))
    return found


def concerns(target: Target, record: Record) -> bool:
    """Whether a record counts for a target."""
    return (
        record.suite == target.suite
        and record.dtype == target.dtype
        and record.pass_ in target.passes
        and (record.kind in target.kinds or target.suite != "peers")
        and target.math in (None, record.math)
    )


Figure = Callable[[Target, Sequence[Record], Sequence[Roofs]], list[float]]


def ratios(target: Target, records: Sequence[Record], roofs: Sequence[Roofs]) -> list[float]:
    """The peer's median divided by gemmconv's, of each problem that both were timed on."""
    pairs = [(group.get(OWN), group.get(target.peer)) for group in by_problem(records).values()]
    return [peer.median_s / own.median_s for own, peer in pairs if own and peer and own.median_s and peer.median_s]


def shares(target: Target, records: Sequence[Record], roofs: Sequence[Roofs]) -> list[float]:
    """The rate of gemmconv divided by the peak, or by the limit of memory."""
    found = []
    for record in records:
        roof = next((roof for roof in roofs if (roof.dtype, roof.threads) == (record.dtype, record.threads)), None)
        if record.contestant == OWN and record.gflops and roof:
            highest = roof.flops if target.figure == "share of peak" else roof_over(record, roof)
            found.append(record.gflops * 1e9 / highest)
    return found


def gains(target: Target, records: Sequence[Record], roofs: Sequence[Roofs]) -> list[float]:
    """The time on one thread divided by that on two."""
    by_threads: dict[int, dict[tuple[object, ...], float]] = {1: {}, 2: {}}
    for record in records:
        if record.contestant == OWN and record.median_s and record.threads in by_threads:
            key = tuple(part for place, part in enumerate(record.problem) if place != 5)
            by_threads[record.threads][key] = record.median_s
    return [seconds / by_threads[2][key] for key, seconds in by_threads[1].items() if key in by_threads[2]]


def choices(target: Target, records: Sequence[Record], roofs: Sequence[Roofs]) -> list[float]:
    """The time of auto divided by that of the fastest variant."""
    found = []
    for group in by_problem(records).values():
        own = group.get(OWN)
        others = [one.median_s for one in group.values() if is_strategy(one.contestant) and one.median_s]
        if own and own.median_s and others:
            found.append(own.median_s / min(*others, own.median_s))
    return found


def scratch(target: Target, records: Sequence[Record], roofs: Sequence[Roofs]) -> list[float]:
    """The announced scratch memory of implicit divided by the whole im2col matrix, if that is large."""
    return [
        (record.workspace_bytes or 0) / record.patches_bytes
        for record in records
        if record.contestant.partition("/")[0] == "implicit"
        and record.median_s
        and (record.patches_bytes or 0) > ONE_MATRIX_BYTES
        and record.patches_bytes
    ]


def calls(target: Target, records: Sequence[Record], roofs: Sequence[Roofs]) -> list[float]:
    """Microseconds of a call, or the peer's divided by gemmconv's."""
    medians = {record.contestant: record.median_s * 1e6 for record in records if record.median_s}
    own = medians.get("plan(x, w)" if target.figure == "call of a plan" else "conv(x, w)")
    if own is None or (target.figure == "call ratio" and target.peer not in medians):
        return []
    return [medians[target.peer] / own if target.figure == "call ratio" else own]


FIGURES: dict[str, Figure] = {
    "ratio": ratios,
    "least ratio": ratios,
    "share of peak": shares,
    "share of roof": shares,
    "gain of threads": gains,
    "choice": choices,
    "scratch": scratch,
    "call ratio": calls,
    "call": calls,
    "call of a plan": calls,
}
