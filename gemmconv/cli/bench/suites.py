"""The suites of ``gemmconv bench``: what each measures, on which layers, between whom."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from gemmconv.cli.bench import candidates, memory
from gemmconv.cli.bench.candidates import Candidate
from gemmconv.cli.bench.layers import Layer, all_layers, distinct, grouped_layers, named_layers, resnet_3x3
from gemmconv.cli.bench.measure import Conditions, measure
from gemmconv.cli.bench.overhead import measure_overhead
from gemmconv.cli.bench.records import Record
from gemmconv.cli.problems import PASSES

LIMITS_BYTES = (64 << 20, 8 << 20)


@dataclass(frozen=True)
class Selection:
    """What the command line chose; None leaves the choice to the suite."""

    layers: Sequence[Layer] | None = None
    batches: Sequence[int] | None = None
    passes: Sequence[str] = PASSES
    peers: Sequence[Candidate] = ()


@dataclass(frozen=True)
class Suite:
    """A suite: its steps are known before it runs, for the progress bar."""

    name: str
    title: str
    run: Callable[[Selection, Conditions, Callable[[], object]], Iterator[Record]]
    steps: Callable[[Selection, Conditions], int]


def contest(
    name: str,
    title: str,
    layers: Callable[[], list[Layer]],
    batches: Sequence[int],
    contestants: Callable[[], list[Candidate]],
    with_peers: bool = True,
) -> Suite:
    """A suite that times contestants on layers."""

    def people(selection: Selection) -> list[Candidate]:
        return [*contestants(), *(selection.peers if with_peers else ())]

    def problems(selection: Selection) -> tuple[list[Layer], Sequence[int]]:
        return list(layers() if selection.layers is None else selection.layers), selection.batches or batches

    def run(selection: Selection, conditions: Conditions, after_turn: Callable[[], object]) -> Iterator[Record]:
        chosen, sizes = problems(selection)
        everyone = people(selection)
        for layer in chosen:
            for batch in sizes:
                for pass_ in selection.passes:
                    yield from measure(name, layer.batched(batch), pass_, everyone, conditions, after_turn)

    def steps(selection: Selection, conditions: Conditions) -> int:
        chosen, sizes = problems(selection)
        turns = len(people(selection)) * conditions.rounds
        return len(chosen) * len(sizes) * len(selection.passes) * turns

    return Suite(name, title, run, steps)


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
    """One for each process."""
    return len(memory_layers(selection)) * len(selection.batches or (4,)) * len(selection.passes) * len(LIMITS_BYTES)


PEER_SUITE = contest(
    "peers",
    "Every layer against other libraries",
    lambda: distinct(all_layers()),
    (1, 4),
    lambda: [candidates.planned("auto")],
)

SUITES = (
    contest(
        "strategies",
        "Strategies against each other, the NumPy reference and scipy.signal",
        named_layers,
        (1,),
        lambda: [candidates.planned("auto"), *candidates.strategies(), candidates.REFERENCE, candidates.SCIPY],
    ),
    contest(
        "gemm",
        "im2col against the bare matrix product inside it, on ResNet-50's 3x3 layers",
        resnet_3x3,
        (1, 4),
        lambda: [candidates.planned("im2col", strategy="im2col", reuse_output=True), candidates.GEMM],
        with_peers=False,
    ),
    contest(
        "groups",
        "Grouped and depthwise layers against one small GEMM for each group",
        grouped_layers,
        (1,),
        lambda: [
            candidates.planned("auto"),
            candidates.planned("direct", strategy="direct"),
            candidates.planned("im2col", strategy="im2col"),
            candidates.GEMM_PER_GROUP,
        ],
    ),
    Suite("memory", "Scratch memory of im2col, seen from outside in fresh processes", run_memory, memory_steps),
    Suite(
        "overhead",
        "What one call costs on a tiny layer",
        lambda selection, conditions, after_turn: measure_overhead(selection.peers, conditions, after_turn),
        lambda selection, conditions: (3 + len(selection.peers)) * conditions.rounds,
    ),
    PEER_SUITE,
)
