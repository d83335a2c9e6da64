"""The suites of ``gemmconv bench``: the layers, contestants and report of each."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from gemmconv.cli.bench import candidates, memory, movement, movement_report, overhead, patches, plots, pooling, report
from gemmconv.cli.bench.candidates import Candidate
from gemmconv.cli.bench.layers import Layer, all_layers, distinct, grouped_layers, named_layers, resnet_3x3
from gemmconv.cli.bench.measure import Conditions, measure
from gemmconv.cli.bench.movement import Contestant
from gemmconv.cli.bench.patches import PatchOperation
from gemmconv.cli.bench.pooling import PoolOperation
from gemmconv.cli.bench.records import Record
from gemmconv.cli.problems import PASSES

LIMITS_BYTES = (64 << 20, 8 << 20)


@dataclass(frozen=True)
class Library:
    """Another library to compare with, as in ``bench/compare.py``. None: it does not take part in that kind of work."""

    layer: Candidate
    pooling: Callable[[PoolOperation], Contestant] | None = None
    patches: Callable[[PatchOperation], Contestant] | None = None


@dataclass(frozen=True)
class Selection:
    """What the command line selects. None leaves the selection to the suite."""

    layers: Sequence[Layer] | None = None
    batches: Sequence[int] | None = None
    passes: Sequence[str] = PASSES
    libraries: Sequence[Library] = ()

    @property
    def poolings(self) -> list[Callable[[PoolOperation], Contestant]]:
        """The contestants for pooling from other libraries."""
        return [library.pooling for library in self.libraries if library.pooling]

    @property
    def gathers(self) -> list[Callable[[PatchOperation], Contestant]]:
        """The contestants for patches from other libraries."""
        return [library.patches for library in self.libraries if library.patches]


@dataclass(frozen=True)
class Suite:
    """A suite. The number of its steps is known before it runs, for the progress bar."""

    name: str
    title: str
    run: Callable[[Selection, Conditions, Callable[[], object]], Iterator[Record]]
    steps: Callable[[Selection, Conditions], int]
    table: Callable[[Sequence[Record]], report.Table] = report.contest_table
    draw: plots.Drawer | None = plots.draw_contest
    threads: Callable[[], int] = lambda: 1  # if the command line gives no number
    by_default: bool = True


def contest(
    name: str,
    title: str,
    layers: Callable[[], list[Layer]],
    batches: Sequence[int],
    contestants: Callable[[Conditions], list[Candidate]],
    table: Callable[[Sequence[Record]], report.Table] = report.contest_table,
    draw: plots.Drawer | None = plots.draw_contest,
    *,
    with_libraries: bool = True,
    threads: Callable[[], int] = lambda: 1,
    by_default: bool = True,
) -> Suite:
    """A suite that times contestants on layers."""

    def people(selection: Selection, conditions: Conditions) -> list[Candidate]:
        others = [library.layer for library in selection.libraries] if with_libraries else []
        return [*contestants(conditions), *others]

    def problems(selection: Selection) -> tuple[list[Layer], Sequence[int]]:
        return list(layers() if selection.layers is None else selection.layers), selection.batches or batches

    def run(selection: Selection, conditions: Conditions, after_turn: Callable[[], object]) -> Iterator[Record]:
        chosen, sizes = problems(selection)
        everyone = people(selection, conditions)
        for layer in chosen:
            for batch in sizes:
                for pass_ in selection.passes:
                    yield from measure(name, layer.batched(batch), pass_, everyone, conditions, after_turn)

    def steps(selection: Selection, conditions: Conditions) -> int:
        chosen, sizes = problems(selection)
        turns = len(people(selection, conditions)) * conditions.rounds
        return len(chosen) * len(sizes) * len(selection.passes) * turns

    return Suite(name, title, run, steps, table, draw, threads, by_default)


def every_layer() -> list[Layer]:
    """All layers of the file, each convolution once."""
    return distinct(all_layers())


def memory_layers(selection: Selection) -> list[Layer]:
    """ResNet-50's 3x3 layers and VGG's largest, whose im2col matrix is 116 MB an image."""
    if selection.layers is not None:
        return list(selection.layers)
    return [*resnet_3x3(), *(layer for layer in all_layers() if layer.short == "vgg-3x3-224")]


def run_memory(selection: Selection, conditions: Conditions, after_turn: Callable[[], object]) -> Iterator[Record]:
    """Scratch memory of `im2col`, batch 4, under two limits."""
    for layer in memory_layers(selection):
        for batch in selection.batches or (4,):
            for pass_ in selection.passes:
                for limit in LIMITS_BYTES:
                    problem = layer.batched(batch)
                    yield memory.measured_in_fresh_process(
                        problem, pass_, conditions.dtype, conditions.threads, "im2col", limit
                    )
                    after_turn()


def memory_steps(selection: Selection, conditions: Conditions) -> int:
    """The number of processes."""
    return len(memory_layers(selection)) * len(selection.batches or (4,)) * len(selection.passes) * len(LIMITS_BYTES)


def run_overhead(selection: Selection, conditions: Conditions, after_turn: Callable[[], object]) -> Iterator[Record]:
    """The cost of a call, on a tiny layer."""
    others = [library.layer for library in selection.libraries]
    yield from overhead.measure_overhead(others, conditions, after_turn)


def run_pooling(selection: Selection, conditions: Conditions, after_turn: Callable[[], object]) -> Iterator[Record]:
    """Every pooling and its gradient; the layers are its own."""
    for batch in selection.batches or (1,):
        for one in pooling.movements(batch, conditions.dtype, selection.passes, selection.poolings):
            yield from movement.measure_movement("pooling", one, conditions, after_turn)


def pooling_steps(selection: Selection, conditions: Conditions) -> int:
    """The number of turns of all contestants, the copy included."""
    contestants = 2 + len(selection.poolings)
    return pooling.steps(selection.passes) * len(selection.batches or (1,)) * contestants * conditions.rounds


def run_patches(selection: Selection, conditions: Conditions, after_turn: Callable[[], object]) -> Iterator[Record]:
    """im2col and col2im on every different window of the layers."""
    layers = patches.patch_layers(selection.layers)
    for batch in selection.batches or (1,):
        for one in patches.movements(layers, batch, conditions.dtype, selection.passes, selection.gathers):
            yield from movement.measure_movement("patches", one, conditions, after_turn)


def patches_steps(selection: Selection, conditions: Conditions) -> int:
    """The number of turns of all contestants, the copy included."""
    movements = patches.steps(patches.patch_layers(selection.layers), selection.passes)
    return movements * len(selection.batches or (1,)) * (2 + len(selection.gathers)) * conditions.rounds


def thread_counts(conditions: Conditions) -> list[Candidate]:
    """`auto` on one thread, on two, on four and so on, and on all that the run may use."""
    counts = [1 << power for power in range(conditions.threads.bit_length()) if 1 << power < conditions.threads]
    return [candidates.planned(report.threads_name(n), threads=n) for n in (*counts, conditions.threads)]


def allowed_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


SUITES = (
    contest(
        "strategies",
        "Strategies against each other, the NumPy reference and scipy.signal",
        named_layers,
        (1,),
        lambda _: [candidates.planned("auto"), *candidates.strategies(), candidates.REFERENCE, candidates.SCIPY],
    ),
    contest(
        "choice",
        "What auto chooses against the best strategy, on every layer",
        every_layer,
        (1,),
        lambda _: [candidates.planned("auto"), *candidates.strategies()],
        report.choice_table,
        None,
        with_libraries=False,
        by_default=False,  # minutes
    ),
    contest(
        "threads",
        "What more threads gain",
        named_layers,
        (1,),
        thread_counts,
        report.threads_table,
        with_libraries=False,
        threads=allowed_cores,
    ),
    contest(
        "gemm",
        "im2col against the bare matrix product inside it, on ResNet-50's 3x3 layers",
        resnet_3x3,
        (1, 4),
        lambda _: [candidates.planned("im2col", strategy="im2col", reuse_output=True), candidates.GEMM],
        report.gemm_table,
        plots.draw_gemm,
        with_libraries=False,
    ),
    contest(
        "groups",
        "Grouped and depthwise layers against one small GEMM for each group",
        grouped_layers,
        (1,),
        lambda _: [
            candidates.planned("auto"),
            candidates.planned("direct", strategy="direct"),
            candidates.planned("im2col", strategy="im2col"),
            candidates.GEMM_PER_GROUP,
        ],
    ),
    Suite(
        "memory",
        "Scratch memory of im2col, seen from outside in fresh processes",
        run_memory,
        memory_steps,
        report.memory_table,
        plots.draw_memory,
    ),
    Suite(
        "overhead",
        "What one call costs on a tiny layer",
        run_overhead,
        lambda selection, conditions: (3 + len(selection.libraries)) * conditions.rounds,
        report.overhead_table,
        plots.draw_overhead,
    ),
    Suite(
        "pooling",
        "Pooling and its gradients on layers of real networks, in bytes a second",
        run_pooling,
        pooling_steps,
        movement_report.movement_table,
        movement_report.draw_movement,
    ),
    Suite(
        "patches",
        "im2col and col2im on layers of real networks, in bytes a second",
        run_patches,
        patches_steps,
        movement_report.movement_table,
        movement_report.draw_movement,
    ),
)
