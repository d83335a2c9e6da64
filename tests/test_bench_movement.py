"""Suites of the benchmark that count bytes: answers are checked, steps are counted, tables and pictures are written."""

from pathlib import Path

import numpy as np
import pytest

import gemmconv
from gemmconv.cli.bench import movement, patches, pooling
from gemmconv.cli.bench.layers import all_layers, choose_layers
from gemmconv.cli.bench.measure import Conditions
from gemmconv.cli.bench.movement import COPY, OWN, Contestant, Movement
from gemmconv.cli.bench.movement_report import draw_movement, movement_table
from gemmconv.cli.bench.plots import draw
from gemmconv.cli.bench.pools import POOL_LAYERS, PoolLayer
from gemmconv.cli.bench.records import Record
from gemmconv.cli.problems import PASSES
from peers import torch_patches, torch_pooling

SMALL = [layer for layer in POOL_LAYERS if layer.name.startswith(("lenet", "alexnet", "vgg-adaptive"))]


@pytest.mark.parametrize("layer", SMALL, ids=lambda layer: layer.name)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_poolings_are_checked_and_timed(layer: PoolLayer, dtype: str) -> None:
    for one in pooling.movements_of(layer, 1, dtype, PASSES):
        records = {record.contestant: record for record in measured("pooling", one, dtype)}
        assert set(records) == {OWN, COPY}
        assert not records[OWN].note
        assert (records[OWN].share_of_bound or 0) <= 1
        assert (records[OWN].median_s or 0) > 0
        assert records[OWN].moved_bytes == one.moved_bytes


def measured(suite: str, one: Movement, dtype: str = "float32") -> list[Record]:
    return movement.measure_movement(suite, one, Conditions(dtype=dtype, rounds=1))


def test_pytorch_agrees_on_every_operation(request: pytest.FixtureRequest) -> None:
    torch = pytest.importorskip("torch")
    # Where windows overlap, units win twice, and which of PyTorch's threads writes last is luck.
    threads = torch.get_num_threads()
    request.addfinalizer(lambda: torch.set_num_threads(threads))
    torch.set_num_threads(1)
    for layer in POOL_LAYERS:
        if layer.name.startswith(("lenet", "alexnet", "m5", "i3d", "pyramid-adaptive", "resnet-7x7")):
            for one in pooling.movements_of(layer, 1, "float64", PASSES, [torch_pooling.contestant]):
                expected = one.expected()
                shares = {c.name: movement.share_of_tolerance(c.answer(), expected, one.terms) for c in one.contestants}
                assert set(shares) == {OWN, "PyTorch"}
                assert max(shares.values()) <= 1, (one.layer, one.pass_, shares)


def test_pytorch_agrees_on_patches() -> None:
    pytest.importorskip("torch")
    layers = choose_layers(["lenet-5x5-14", "alexnet-stem", "mobilenet-depthwise-strided"], all_layers())
    for one in patches.movements(layers, 2, "float64", PASSES, [torch_patches.contestant]):
        expected = one.expected()
        shares = {c.name: movement.share_of_tolerance(c.answer(), expected, one.terms) for c in one.contestants}
        assert set(shares) == {OWN, "PyTorch"}
        assert max(shares.values()) <= 1, (one.layer, one.pass_, shares)


def test_another_library_gets_its_ratio() -> None:
    """A contestant that a caller brings is timed, and the table holds its time over ours."""
    layers = choose_layers(["digits-3x3-8"], all_layers())

    def other(operation: patches.PatchOperation) -> Contestant:
        def call() -> object:
            if operation.pass_ == "forward":
                return gemmconv.im2col(operation.operand, (3, 3), padding=1, backend="reference")
            return gemmconv.col2im(operation.operand, (8, 8), (3, 3), padding=1, backend="reference")

        return Contestant("another", call, lambda: [np.asarray(call())])

    records = [
        r
        for one in patches.movements(layers, 1, "float64", PASSES, [other])
        for r in measured("patches", one, "float64")
    ]
    table = movement_table(records)
    assert table.headers[-1] == "another's time / ours"
    assert all(float(row[-1]) > 0 for row in table.rows)
    assert "another's time over ours" in table.meaning


def test_steps_are_foretold() -> None:
    for passes in (PASSES, ("forward",), ("backward_input",), ("backward_weight",)):
        count = sum(len(list(pooling.movements_of(layer, 1, "float32", passes))) for layer in SMALL)
        assert count == pooling.steps(passes, SMALL)
        layers = choose_layers(["digits-3x3-8", "lenet-5x5-14"], all_layers())
        assert len(list(patches.movements(layers, 1, "float32", passes))) == patches.steps(layers, passes)


def test_a_wrong_answer_gets_no_rate() -> None:
    right, wrong = [np.ones((1, 1, 3))], [np.full((1, 1, 3), 1.1)]
    one = Movement("none", 1, "forward", 100, 1, lambda: right, [Contestant(OWN, lambda: None, lambda: wrong)])
    record = next(record for record in measured("pooling", one) if record.contestant == OWN)
    assert record.note.startswith("wrong answer")
    assert record.median_s is None
    assert movement.share_of_tolerance([np.array([1])], [np.array([2])], 1) == float("inf")
    assert movement.share_of_tolerance([np.ones(2)], [np.ones(3)], 1) == float("inf")


def test_tables_and_pictures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    layers = choose_layers(["digits-3x3-8"], all_layers())
    records = [r for one in patches.movements(layers, 2, "float32", PASSES) for r in measured("patches", one)]
    table = movement_table(records)
    assert table.headers == ["layer", "batch", "pass", f"{OWN}, µs (GB/s)", f"{COPY}, µs (GB/s)"]
    assert [row[0] for row in table.rows] == ["digits-3x3-8 im2col", "digits-3x3-8 col2im"]
    assert "checked" in table.meaning
    picture = draw(draw_movement, "Patches", records, tmp_path / "patches.png")
    assert picture is not None
    assert picture.read_bytes().startswith(b"\x89PNG")
