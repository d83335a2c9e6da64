"""The commands as a user runs them: in a process of their own, with their output, files, errors and exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import oracle
import pytest

import gemmconv
from gemmconv import _core
from gemmconv.cli import check
from gemmconv.cli.bench import report, suites
from gemmconv.cli.bench.candidates import is_strategy, strategy_names
from gemmconv.cli.bench.layers import all_layers, named_layers, resnet_3x3
from gemmconv.cli.bench.measure import Conditions
from gemmconv.cli.bench.records import Record, read_records, write_records
from gemmconv.cli.check_arrays import Operation, compare, operations
from gemmconv.cli.check_problems import PROBLEMS
from gemmconv.cli.demo.layers import LAYERS
from gemmconv.cli.judge import exact
from gemmconv.cli.problems import PASSES, make_problem
from gemmconv.nn import Conv
from gemmconv.nn.digits import BATCH_SIZE, digits_network

PNG = b"\x89PNG\r\n"


def run(folder: Path, *arguments: str, blocked: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """``python -m gemmconv ...`` in ``folder``, as if the packages in ``blocked`` were not installed."""
    program = "import runpy, sys, importlib.util as u; find = u.find_spec; "
    program += f"u.find_spec = lambda name, package=None: None if name in {blocked!r} else find(name, package); "
    program += "runpy.run_module('gemmconv', run_name='__main__', alter_sys=True)"
    start = ["-c", program] if blocked else ["-m", "gemmconv"]
    words = [sys.executable, *start, *arguments]
    environment = {**os.environ, "PYTHONPATH": ""}
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=300, check=False, env=environment)


def one_line(done: subprocess.CompletedProcess[str], code: int = 2) -> str:
    """The error line: alone on stderr, with nothing on stdout."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize("command", [(), ("demo",), ("bench",), ("bench", "compare"), ("check",), ("info",)])
def test_help(command: tuple[str, ...], tmp_path: Path) -> None:
    done = run(tmp_path, *command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: gemmconv")
    assert list(tmp_path.iterdir()) == []


def test_version(tmp_path: Path) -> None:
    assert run(tmp_path, "--version").stdout == f"gemmconv {gemmconv.__version__}\n"


MISTAKES = {
    "no_command": ((), "required"),
    "unknown_command": (("chek",), "invalid choice: 'chek'"),
    "unknown_option": (("info", "--colour"), "--colour"),
    "unknown_strategy": (("check", "--strategy", "magic"), "choose from direct, im2col"),
    "unknown_problem": (("check", "--problem", "magic"), "no problem 'magic'"),
    "no_threads": (("check", "--threads", "0"), "--threads must be at least 1, not 0"),
    "unknown_layer": (("bench", "--layer", "magic/*"), "no layer matches 'magic/*'"),
    "unknown_suite": (("bench", "--suite", "magic"), "invalid choice: 'magic'"),
    "no_rounds": (("bench", "--rounds", "0"), "--rounds must be at least 1"),
    "no_batch": (("bench", "--batch", "-1"), "--batch must be at least 1, not -1"),
    "more_threads_than_cores": (("bench", "--threads", "4096"), "4096 threads asked for"),
    "nothing_to_compare": (("bench", "compare", "a.jsonl", "b.jsonl"), "a.jsonl"),
    "unknown_backend": (("demo", "--backend", "gpu"), "invalid choice: 'gpu'"),
    "no_epochs": (("demo", "--epochs", "0"), "--epochs must be at least 1, not 0"),
    "output_is_a_file": (("demo", "--output", "file"), "--output file is a file"),
    "bench_output_is_a_file": (("bench", "--output", "file"), "--output file is a file"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    arguments, message = MISTAKES[name]
    line = one_line(run(tmp_path, *arguments))
    assert line.startswith("gemmconv")
    assert message in line


@pytest.mark.parametrize(
    ("command", "package"), [("demo", "matplotlib"), ("demo", "sklearn"), ("bench", "threadpoolctl")]
)
def test_missing_extra_says_the_command(command: str, package: str, tmp_path: Path) -> None:
    line = one_line(run(tmp_path, command, blocked=(package,)))
    assert f"pip install 'gemmconv[{command}]'" in line
    assert package.replace("sklearn", "scikit-learn") in line


def test_info(tmp_path: Path) -> None:
    assert gemmconv.__version__ in run(tmp_path, "info").stdout
    facts = json.loads(run(tmp_path, "info", "--json").stdout)
    assert facts == json.loads(json.dumps(gemmconv.show_config(mode="dicts"), default=str))


def test_check_finds_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, "check", "--problem", "uneven_padding", "--problem", "groups", "--threads", "2")
    assert done.returncode == 0, done.stdout
    assert "within their bounds" in done.stdout
    for name in ("direct", "im2col", "reference"):
        assert f"\n{name} " in done.stdout


def test_check_tells_machines(tmp_path: Path) -> None:
    done = run(tmp_path, "check", "--problem", "volume", "--json", "--deterministic")
    report = json.loads(done.stdout)
    assert report["exceeded"] == done.returncode == 0
    names = {finding["contender"] for finding in report["findings"]}
    assert names == {*_core.strategy_names(), "reference"}
    assert report["arrays"] == []  # a problem was named
    for finding in report["findings"]:
        assert finding["problems"] + finding["refused"] == 1
        assert bool(finding["reason"]) == bool(finding["refused"])


@pytest.mark.parametrize("dtype", check.DTYPES)
@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.name)
def test_check_compares_arrays(operation: Operation, dtype: str) -> None:
    assert not compare(operation, dtype).exceeded


def test_check_sees_a_wrong_array() -> None:
    """One part in a thousand, or one number that moved to the wrong place."""

    def spoiled(x: np.ndarray[Any, Any], backend: str) -> np.ndarray[Any, Any]:
        return x * 1.001 if backend == "cpu" else x

    def moved(x: np.ndarray[Any, Any], backend: str) -> np.ndarray[Any, Any]:
        return x[..., ::-1] if backend == "cpu" else x

    assert compare(Operation("spoiled", 6, spoiled, linear=True), "float32").exceeded
    assert compare(Operation("moved", 0, moved), "float64").exceeded


def test_check_sees_a_wrong_answer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A strategy that is off by one part in a thousand, or leaves a cell unwritten, does not pass."""
    from gemmconv.cli import main

    good = gemmconv.plan

    class Spoiled:
        def __init__(self, plan: Any) -> None:
            self.plan, self.output_shape, self.error_bound = plan, plan.output_shape, plan.error_bound

        def __call__(self, first: Any, second: Any, *, out: Any) -> None:
            self.plan(first, second, out=out)
            out.flat[-1] = out.flat[-1] * 1.001 if self.plan.strategy == "direct" else np.nan

    monkeypatch.setattr(check.gemmconv, "plan", lambda *words, **options: Spoiled(good(*words, **options)))
    for strategy in ("direct", "im2col"):
        assert main(["check", "--problem", "plain_3x3", "--strategy", strategy]) == 1
        text = capsys.readouterr().out
        assert "EXCEEDED" in text
        assert "FAILED" in text


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_judge_agrees_with_the_oracle(problem: Any) -> None:
    options = problem.options()
    operands = {pass_: problem.operands(pass_, "float64") for pass_ in PASSES}
    expected = {
        "forward": oracle.forward(*operands["forward"], **options),
        "backward_input": oracle.backward_input(*operands["backward_input"], problem.x_shape[2:], **options),
        "backward_weight": oracle.backward_weight(*operands["backward_weight"], problem.w_shape[2:], **options),
    }
    for pass_, (first, second) in operands.items():
        answer = exact(problem, pass_, first, second)
        assert answer.shape == expected[pass_].shape == problem.result_shape(pass_)
        np.testing.assert_allclose(answer.astype(float), expected[pass_], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("backend", [(), ("--backend", "reference")], ids=["cpu", "reference"])
def test_demo_draws(backend: tuple[str, ...], tmp_path: Path) -> None:
    quick = [word for step in ("filters", "flip", "pooling", "gradient") for word in ("--step", step)]
    done = run(tmp_path, "demo", *quick, *backend)
    assert done.returncode == 0, done.stderr
    pictures = sorted((tmp_path / "gemmconv-demo").iterdir())
    assert [picture.name for picture in pictures] == [
        "filters.png",
        "flip.png",
        "gradient.png",
        "pooling.png",
        "pooling_photograph.png",
    ]
    for picture in pictures:
        assert picture.read_bytes().startswith(PNG)
        assert picture.stat().st_size > 20_000
        assert str(Path("gemmconv-demo") / picture.name) in done.stdout
    assert "they agree" in done.stdout


def test_demo_times_every_strategy(tmp_path: Path) -> None:
    done = run(tmp_path, "demo", "--step", "strategies", "--json", "--output", "pictures/here")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)["strategies"]
    assert figures["passed"]
    assert figures["share_of_bound"] <= 1
    timed, refused = set(figures["seconds"]), set(figures["refused"])
    assert timed | refused == {*_core.strategy_names(), "reference (NumPy)"}
    assert not timed & refused
    assert all(set(by_pass) == set(PASSES) for by_pass in figures["seconds"].values())
    assert (tmp_path / "pictures" / "here" / "strategies.png").read_bytes().startswith(PNG)


def test_demo_trains_a_network(tmp_path: Path) -> None:
    done = run(tmp_path, "demo", "--step", "digits", "--step", "layers", "--json", "--output", "pictures")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    digits, layers = report["digits"], report["layers"]
    assert digits["accuracy"] >= 0.97
    assert digits["mistakes"] == round((1 - digits["accuracy"]) * digits["held_out"])
    assert len(digits["history"]["loss"]) == digits["epochs"]
    assert digits["history"]["loss"][-1] < 0.1 < 1 < digits["history"]["loss"][0]
    check = digits["gradient_check"]
    assert check["ok"]
    assert check["compared"] > 200
    assert abs(check["worst"]["computed"] - check["worst"]["numerical"]) < 1e-4
    for name in ("first convolution", "second convolution"):
        assert layers[name]["share_of_bound"] <= 1
        timed, refused = set(layers[name]["seconds"]), set(layers[name]["refused"])
        assert timed | refused == {*_core.strategy_names(), "reference (NumPy)"}
    pictures = {Path(picture["path"]).name for step in (digits, layers) for picture in step["pictures"]}
    assert pictures == {path.name for path in (tmp_path / "pictures").iterdir()}
    assert pictures == {"digits_learned.png", "digits_tried.png", "layers.png"}
    for picture in (tmp_path / "pictures").iterdir():
        assert picture.read_bytes().startswith(PNG)
        assert picture.stat().st_size > 20_000


def test_demo_layers_are_those_of_the_network() -> None:
    network = digits_network().build((1, 1, 8, 8), seed=0)
    kernels = [layer.parameters["weight"].shape for layer in network.layers if isinstance(layer, Conv)]
    assert kernels == [layer.w_shape for layer in LAYERS]
    assert [layer.x_shape[0] for layer in LAYERS] == [BATCH_SIZE, BATCH_SIZE]


def test_demo_reference_has_the_same_losses(tmp_path: Path) -> None:
    losses = []
    for backend in ("cpu", "reference"):
        done = run(tmp_path, "demo", "--step", "digits", "--epochs", "1", "--json", "--backend", backend)
        assert done.returncode == 0, done.stderr
        history = json.loads(done.stdout)["digits"]["history"]
        losses.append(history["loss"] + history["validation_loss"])
    assert len(losses[0]) == 2
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


def test_bench_writes_its_files(tmp_path: Path) -> None:
    quick = (
        "--layer",
        "digits-3x3-8",
        "--rounds",
        "2",
        "--budget",
        "0",
        "--suite",
        "strategies",
        "--suite",
        "gemm",
        "--suite",
        "overhead",
        "--suite",
        "choice",
    )
    done = run(tmp_path, "bench", *quick, "--output", "out")
    assert done.returncode == 0, done.stderr
    header, records = read_records(tmp_path / "out" / "results.jsonl")
    assert header["threads"] == [1]
    assert header["gemmconv"]["version"] == gemmconv.__version__
    strategies = [record for record in records if record.suite == "strategies"]
    assert {record.pass_ for record in strategies} == set(PASSES)
    assert {*strategy_names(), "auto", "reference", "scipy.signal"} == {r.contestant for r in strategies}
    for record in records:
        if record.median_s is None:
            assert record.note, f"{record.contestant} has neither a time nor a reason"
        else:
            assert 0 < (record.min_s or 0) <= record.median_s
            assert record.share_of_bound is not None
            assert record.share_of_bound <= 1
    assert {record.contestant for record in records if record.suite == "gemm" and record.median_s} == {
        "im2col",
        "bare GEMM",
    }
    choice = [record for record in records if record.suite == "choice"]
    assert {record.contestant for record in choice} == {*strategy_names(), "auto"}
    assert all(is_strategy(record.contestant) for record in choice if record.contestant != "auto")
    tables = (tmp_path / "out" / "tables.md").read_text()
    assert "of 3 problems where auto took another than the fastest" in tables
    assert "digits-3x3-8" in tables
    assert "im2col / bare GEMM" in tables
    for suite in ("strategies", "gemm", "overhead"):
        assert (tmp_path / "out" / f"{suite}.png").read_bytes().startswith(PNG)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of a process is read from /proc")
def test_bench_sees_memory_from_outside(tmp_path: Path) -> None:
    done = run(tmp_path, "bench", "--suite", "memory", "--layer", "resnet-3x3-28", "--batch", "2", "--output", "out")
    assert done.returncode == 0, done.stderr
    _, records = read_records(tmp_path / "out" / "results.jsonl")
    assert len(records) == 6
    for record in records:
        assert record.measured_bytes is not None
        assert record.limit_bytes is not None
        assert (record.workspace_bytes or 0) <= record.limit_bytes
        assert record.measured_bytes <= record.limit_bytes + (1 << 20)


def test_bench_tells_what_more_threads_gain(tmp_path: Path) -> None:
    quick = ("--layer", "digits-3x3-8", "--rounds", "1", "--budget", "0", "--pass", "forward", "--output", "out")
    done = run(tmp_path, "bench", "--suite", "threads", *quick)
    assert done.returncode == 0, done.stderr
    header, records = read_records(tmp_path / "out" / "results.jsonl")
    cores = suites.allowed_cores()
    assert header["threads"] == [cores]
    names = [record.contestant for record in records]
    assert names[0] == "1 thread"
    assert names[-1] == report.threads_name(cores)
    assert all(record.median_s for record in records)
    assert "gain" in (tmp_path / "out" / "tables.md").read_text()


def test_counts_of_threads_double_up_to_all() -> None:
    for threads, counts in {1: [1], 2: [1, 2], 6: [1, 2, 4, 6], 8: [1, 2, 4, 8]}.items():
        found = suites.thread_counts(Conditions(threads=threads))
        assert [candidate.name for candidate in found] == [report.threads_name(count) for count in counts]


def a_record(median_s: float | None, contestant: str = "im2col", note: str = "") -> Record:
    return Record(
        "gemm", "resnet-3x3-7", 1, "forward", "float32", 1, contestant, 10**9, median_s, median_s, 7, note=note
    )


def test_bench_compares(tmp_path: Path) -> None:
    write_records(tmp_path / "a.jsonl", {"machine": "one"}, [a_record(2e-3), a_record(None, "fft", "absent")])
    write_records(tmp_path / "b.jsonl", {"machine": "one"}, [a_record(1e-3), a_record(5e-3, "direct")])
    done = run(tmp_path, "bench", "compare", "a.jsonl", "b.jsonl")
    assert done.returncode == 0, done.stderr
    assert "2.000" in done.stdout
    assert "1 measurements in both; 0 only in the first, 1 only in the second" in done.stdout


def test_bench_compare_names_the_bad_line(tmp_path: Path) -> None:
    write_records(tmp_path / "a.jsonl", {}, [a_record(2e-3)])
    (tmp_path / "b.jsonl").write_text((tmp_path / "a.jsonl").read_text() + "{}\n")
    assert "b.jsonl, line 3, is not a measurement" in one_line(run(tmp_path, "bench", "compare", "a.jsonl", "b.jsonl"))


def test_bench_compare_needs_something_in_common(tmp_path: Path) -> None:
    write_records(tmp_path / "a.jsonl", {}, [a_record(2e-3)])
    write_records(tmp_path / "b.jsonl", {}, [a_record(2e-3, "direct")])
    assert "no timed measurement in common" in one_line(run(tmp_path, "bench", "compare", "a.jsonl", "b.jsonl"))


def test_records_survive_their_file(tmp_path: Path) -> None:
    records = [a_record(1.25e-3), a_record(None, "fft", "absent")]
    write_records(tmp_path / "a.jsonl", {"cores": 2}, records)
    assert read_records(tmp_path / "a.jsonl") == ({"cores": 2}, records)


def test_layers_are_what_they_say() -> None:
    """Every row's output size follows from its other numbers (checked as it is read), and names are unique."""
    layers = all_layers()
    assert len(layers) > 130
    assert len({layer.label for layer in layers}) == len(layers)
    assert len(named_layers()) >= 16
    assert [layer.problem.x_shape[1] for layer in resnet_3x3()] == [64, 128, 256, 512]


def test_problem_counts_padded_products() -> None:
    problem = make_problem("one", (2, 3, 8, 8), (5, 3, 3, 3), padding=1)
    assert problem.flops == 2 * 2 * 5 * 64 * 27


def test_closed_pipe_is_quiet(tmp_path: Path) -> None:
    """``gemmconv info | head -0`` says nothing on stderr."""
    with subprocess.Popen(
        [sys.executable, "-m", "gemmconv", "info"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=60) == 0
