"""`bench/compare.py`: layers of a user's own, the comparison with other libraries, targets and pictures.

Peers are played by our own strategies, so that nothing has to be installed; no time is asserted.
"""

import contextlib
import importlib.util
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import compare
import gemmconv
from gemmconv import _core
from gemmconv.cli import main
from gemmconv.cli.bench import candidates, session
from gemmconv.cli.bench.candidates import Candidate, Ready, Unable
from gemmconv.cli.bench.kinds import KINDS, kind_of
from gemmconv.cli.bench.layers import COLUMNS, all_layers, choose_layers, distinct, read_layers
from gemmconv.cli.bench.measure import Conditions, measure
from gemmconv.cli.bench.records import Record, read_records
from gemmconv.cli.bench.suites import Library
from gemmconv.cli.bench.timing import time_in_turns
from gemmconv.cli.failures import Failure
from gemmconv.cli.problems import PASSES, Problem, make_problem
from peers.libraries import PEERS, onnxruntime_candidate, torch_candidate
from peers.report import duels, peer_sections
from peers.roofs import Roofs, intensity, measure_roofs, roof_over
from peers.targets import TARGETS, verdicts

PNG = b"\x89PNG\r\n"
SMALL = make_problem("small", (2, 4, 7, 6), (6, 2, 3, 3), stride=(2, 1), padding=1, groups=2)
OWN_LAYERS = COLUMNS + "\nmine,a,1,8,6,6,8,6,6,3,3,1,1,1,1,1,1\nmine,b,1,8,6,6,8,6,6,1,1,1,1,0,0,1,1\n"


def forward_only() -> Candidate:
    whole = candidates.planned(PEERS["onnxruntime"], strategy="im2col")

    def prepare(problem: Problem, pass_: str, first: object, second: object) -> Ready:
        if pass_ != "forward":
            raise Unable("it computes forward only")
        return whole.prepare(problem, pass_, first, second)  # type: ignore[arg-type]

    return Candidate(whole.name, prepare)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other libraries are installed and take part; they are simulated with gemmconv's own functions."""

    def libraries(names: Sequence[str], threads: int) -> list[Library]:
        return [Library(candidates.planned(PEERS["torch"], strategy="direct")), Library(forward_only())]

    monkeypatch.setattr(compare, "chosen_peers", lambda names: list(PEERS))
    monkeypatch.setattr(compare, "libraries", libraries)


@pytest.mark.usefixtures("played")
def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.csv").write_text(OWN_LAYERS)
    quick = ["--rounds", "1", "--budget", "0", "--batch", "1", "--batch", "2", "--math", "strict"]
    assert compare.main(["--layers", "mine.csv", *quick, "--output", "out"]) == 0
    header, records = read_records(Path("out/results.jsonl"))
    assert header["math"] == "strict"
    assert header["roofs"][0]["flops"] > 0
    assert {record.suite for record in records} == {"peers"}
    assert {(r.layer, r.batch, r.pass_) for r in records} == {
        (f"mine/{name}", batch, pass_) for name in "ab" for batch in (1, 2) for pass_ in PASSES
    }
    assert {record.kind for record in records} == {"3x3", "1x1"}
    assert all((record.share_of_bound or 0) <= 1 for record in records)
    assert len(duels(records, "PyTorch")) == 12
    assert len(duels(records, "ONNX Runtime")) == 4
    for text in (capsys.readouterr().out, Path("out/tables.md").read_text()):
        for words in (
            "Against PyTorch, 1 thread",
            "Worst against ONNX Runtime",
            "Share of the measured peak",
            "Targets",
        ):
            assert words in text
    for picture in ("roofline.png", "peers.png"):
        assert Path("out", picture).read_bytes().startswith(PNG)
    assert main(["bench", "compare", "out/results.jsonl", "out/results.jsonl"]) == 0
    assert "28 measurements in both" in capsys.readouterr().out


@pytest.mark.usefixtures("played")
def test_command_on_two_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever they run: on a machine of one core too."""
    monkeypatch.setattr(session, "pinned", lambda threads: contextlib.nullcontext())
    monkeypatch.chdir(tmp_path)
    quick = ["--rounds", "1", "--budget", "0", "--batch", "1", "--pass", "forward", "--threads", "1", "--threads", "2"]
    assert compare.main(["--layer", "digits/*", *quick]) == 0
    header, records = read_records(Path("gemmconv-bench/results.jsonl"))
    assert header["threads"] == [roof["threads"] for roof in header["roofs"]] == [1, 2]
    assert {record.threads for record in records} == {1, 2}
    assert "not measured" not in next(
        line for line in Path("gemmconv-bench/tables.md").read_text().splitlines() if "two threads over one" in line
    )


@pytest.mark.usefixtures("played")
def test_other_suites_with_other_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    quick = ["--rounds", "1", "--budget", "0", "--pass", "forward", "--layer", "digits/*"]
    assert compare.main(["--suite", "overhead", "--suite", "patches", *quick, "--output", "out"]) == 0
    header, records = read_records(Path("out/results.jsonl"))
    assert header["roofs"] == []
    assert {"PyTorch", "ONNX Runtime", "conv(x, w)"} <= {r.contestant for r in records if r.suite == "overhead"}
    assert {r.contestant for r in records if r.suite == "patches"} == {"gemmconv", "copy"}
    for picture in ("overhead.png", "patches.png"):
        assert Path("out", picture).read_bytes().startswith(PNG)


@pytest.mark.parametrize("names", [("torch",), ()])
def test_missing_peer_says_the_command(
    names: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name in PEERS else find(name, *rest))
    monkeypatch.chdir(tmp_path)
    words = ["--peers", *names] if names else []
    assert compare.main([*words, "--output", "out"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("compare.py: error: torch ")
    assert "pip install 'gemmconv[bench]'" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "message"),
    {
        "no_columns": ("a,b\n1,2\n", "has no column network"),
        "no_rows": (COLUMNS + "\n", "has no layers"),
        "wrong_output": ("# mine\n" + OWN_LAYERS.replace(",6,6,3,3", ",5,6,3,3"), "line 3, is not a layer"),
        "no_number": (OWN_LAYERS.replace("mine,b,1", "mine,b,one"), "line 3, is not a layer"),
        "too_short": (COLUMNS + "\nmine,a,1,8\n", "line 2, is not a layer"),
    }.values(),
)
def test_a_file_that_holds_no_layers(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(Failure, match=message):
        read_layers(path)


def test_layers_are_chosen_among_those_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(OWN_LAYERS + "mine,again,1,8,6,6,8,6,6,1,1,1,1,0,0,1,1\n")
    mine = read_layers(tmp_path / "mine.csv")
    assert [layer.label for layer in distinct(mine)] == ["mine/a", "mine/b"]
    assert [layer.label for layer in choose_layers(["mine/[ab]"], mine)] == ["mine/a", "mine/b"]
    with pytest.raises(Failure, match="one of mine/a"):
        choose_layers(["resnet_50/*"], mine)


def test_every_kind_of_layer_is_there() -> None:
    kinds = {layer.label: kind_of(layer.problem) for layer in all_layers()}
    assert set(kinds.values()) == set(KINDS)
    assert len(distinct(all_layers())) == len(all_layers()) > 131
    expected = {
        "resnet-stem": "stem",
        "mobilenet/conv1": "stem",
        "resnet-1x1-strided": "strided",
        "resnet-1x1-56": "1x1",
        "vgg-3x3-224": "3x3",
        "googlenet-5x5-28": "other",
        "mobilenet-depthwise-strided": "depthwise",
        "resnext-groups-28": "groups",
    }
    assert {name: kinds[name] for name in expected} == expected


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("pass_", PASSES)
@pytest.mark.parametrize("module", PEERS)
def test_peers_answer_right(module: str, pass_: str, layout: str, dtype: str) -> None:
    """With the peers that are installed, if any: answers are checked by the command itself."""
    pytest.importorskip(module)
    if module == "onnxruntime":
        pytest.importorskip("onnx")
    peer = {"torch": torch_candidate, "onnxruntime": onnxruntime_candidate}[module](1)
    conditions = Conditions(dtype, rounds=1, layout=layout)
    own, other = measure("peers", SMALL, pass_, [candidates.planned("auto"), peer], conditions)
    assert own.median_s is not None
    assert own.layout == layout
    if module == "torch" or (pass_, layout, dtype) == ("forward", "NCHW", "float32"):
        assert other.median_s is not None, other.note
    else:
        assert other.note


def test_onnxruntime_writes_large_answers_into_our_memory() -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    large = make_problem("large", (1, 1, 600, 600), (1, 1, 3, 3), padding=1)
    (record,) = measure("peers", large, "forward", [onnxruntime_candidate(1)], Conditions(rounds=1))
    assert record.median_s is not None, record.note


def test_math_and_layout_belong_to_a_measurement() -> None:
    record = Record("peers", "a", 1, "forward", "float32", 1, "auto")
    assert len({record.problem, replace(record, math="strict").problem, replace(record, layout="NHWC").problem}) == 3


def test_rounds_fill_the_budget_and_no_more() -> None:
    calls = {"quick": lambda: None}
    assert time_in_turns(calls, 2, pause_s=0)["quick"].rounds == 2
    assert 2 < time_in_turns(calls, 2, budget_s=0.05, pause_s=0.001)["quick"].rounds <= 101
    assert time_in_turns({}, 2) == {}


def test_roofs_are_measured() -> None:
    steps = _core.multiply_add("float32", 1)
    assert _core.multiply_add("float32", 10) == 10 * steps
    assert _core.multiply_add("float64", 1) == steps // 2  # half as many lanes
    roofs = measure_roofs("float32", 1)
    assert min(roofs.flops, roofs.memory, roofs.cache) > 1e6


ROOFS = Roofs("float32", 1, flops=100e9, memory=10e9, cache=50e9)


def timed(contestant: str, seconds: float, kind: str = "3x3", **more: object) -> Record:
    base = Record("peers", f"layer {kind}", 1, "forward", "float32", 1, contestant, flops=10**9, least_bytes=10**8)
    return replace(base, min_s=seconds, median_s=seconds, rounds=7, kind=kind, strategy="direct", **more)  # type: ignore[arg-type]


def test_targets_are_judged() -> None:
    records = [timed("auto", 0.02), timed("PyTorch", 0.06), timed("ONNX Runtime", 0.024)]
    records += [timed("auto", 0.02, "1x1"), timed("PyTorch", 0.015, "1x1")]
    judged = {verdict.target.name: verdict for verdict in verdicts(records, [ROOFS])}
    assert judged["3x3 stride 1, fast"].words == "floor met"
    assert judged["3x3 stride 1, fast"].value == pytest.approx(3)
    assert judged["1x1 stride 1"].words == "MISSED"
    assert judged["all layers, fast"].value == pytest.approx((3 * 0.75) ** 0.5)
    assert judged["any single layer and pass"].value == pytest.approx(0.75)
    assert judged["forward against ONNX Runtime, fast"].value == pytest.approx(1.2)
    assert judged["two threads over one"].words == "not measured (--suite peers)"
    assert "all layers, strict" not in judged
    assert "float64, all layers" not in judged


def test_targets_of_threads_and_bandwidth_are_judged() -> None:
    """0.1 GFLOP a byte of 10^8 bytes: the roof of memory is 100 GFLOP/s; half of it is reached."""
    records = [timed("auto", 0.02, "depthwise"), timed("auto", 0.01, "depthwise", threads=2)]
    assert intensity(records[0]) == 10
    assert roof_over(records[0], ROOFS) == 100e9
    judged = {verdict.target.name: verdict for verdict in verdicts(records, [ROOFS])}
    assert judged["depthwise, share of the roof"].value == pytest.approx(0.5)
    assert judged["depthwise, share of the roof"].words == "aim missed"
    assert judged["two threads over one"].words == "aim met"


def test_every_target_can_be_judged() -> None:
    """Each target finds its figure among records made for it, so that none of their names is misspelt."""
    for target in TARGETS:
        about = {"math": target.math or "fast", "dtype": target.dtype, "pass_": target.passes[0], "suite": target.suite}
        rest = {"workspace_bytes": 1, "patches_bytes": 2**40}
        names = ["auto", target.peer, "implicit", "conv(x, w)", "plan(x, w)"]
        records = [
            timed(name, 1.0, target.kinds[0], **about, **rest, threads=threads) for name in names for threads in (1, 2)
        ]
        records = [replace(record, strategy=record.contestant) for record in records]
        roofs = replace(ROOFS, dtype=target.dtype)
        (verdict,) = [one for one in verdicts(records, [roofs]) if one.target == target]
        assert verdict.value is not None, target.name


def test_sections_without_peers_or_roofs() -> None:
    records = [timed("auto", 0.02), replace(timed("PyTorch", 0.02), median_s=None, note="it is ill")]
    titles = [section.title for section in peer_sections(records, records, [])]
    assert titles == [
        "Every layer against other libraries",
        "Share of the measured peak, 1 thread, geometric means",
        "Targets",
    ]


def test_layout_reaches_the_plan() -> None:
    conditions = Conditions(rounds=1, layout="NHWC")
    own, scipy = measure("peers", SMALL, "forward", [candidates.planned("auto"), candidates.SCIPY], conditions)
    assert own.share_of_bound is not None
    assert own.share_of_bound <= 1
    assert scipy.note == "it takes NCHW"
    assert gemmconv.get_options()["math"] == "fast"
