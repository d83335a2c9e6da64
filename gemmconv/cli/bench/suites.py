"""The suites of ``gemmconv bench``: what each measures, on which layers, between whom."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from gemmconv.cli.bench import candidates, memory, movement, patches, pooling
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

    @property
    def with_torch(self) -> bool:
        """Whether PyTorch takes part in suites that have other contestants than strategies."""
        return any(peer.name == movement.PEER for peer in self.peers)


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


def run_pooling(selection: Selection, conditions: Conditions, after_turn: Callable[[], object]) -> Iterator[Record]:
    """Every pooling and its gradient; the layers are its own."""
    for batch in selection.batches or (1,):
        for one in pooling.movements(batch, conditions.dtype, selection.passes, selection.with_torch):
            yield from movement.measure_movement("pooling", one, conditions, after_turn)


def run_patches(selection: Selection, conditions: Conditions, after_turn: Callable[[], object]) -> Iterator[Record]:
    """im2col and col2im on every different window of the layers."""
    layers = patches.patch_layers(selection.layers)
    for batch in selection.batches or (1,):
        for one in patches.movements(layers, batch, conditions.dtype, selection.passes, selection.with_torch):
            yield from movement.measure_movement("patches", one, conditions, after_turn)


def movement_steps(movements: int, selection: Selection, conditions: Conditions) -> int:
    """Turns of each contestant, the copy among them."""
    return movements * len(selection.batches or (1,)) * (2 + selection.with_torch) * conditions.rounds


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
    Suite(
        "pooling",
        "Pooling and its gradients on layers of real networks, in bytes a second",
        run_pooling,
        lambda selection, conditions: movement_steps(pooling.steps(selection.passes), selection, conditions),
    ),
    Suite(
        "patches",
        "im2col and col2im on layers of real networks, in bytes a second",
        run_patches,
        lambda selection, conditions: movement_steps(
            patches.steps(patches.patch_layers(selection.layers), selection.passes), selection, conditions
        ),
    ),
)
