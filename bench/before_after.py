"""Two installed versions of gemmconv in turns: every layer of a CSV file, three passes, times before and after.

    python bench/before_after.py OLD/bin/python NEW/bin/python gemmconv/cli/bench/layers.csv --threads 2 --output a.csv

Each version lives in a process of its own (`before_after_worker.py` under that interpreter). The two get the same
operands, their answers are compared, and then they compute in short blocks by turns, the order changing from round to
round, so that what else the machine does falls on both. The time of a version is its fastest block. Where one seems
slower than the other by more than ``--limit``, both are measured again with fresh arrays, up to three times, because a
difference of a few per cent is often the luck of one moment or of one placement in memory. Give the same interpreter
twice to see how much remains.

Needs nothing but Python; the interpreters need NumPy and gemmconv.
"""

import argparse
import csv
import fnmatch
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PASSES = ("forward", "backward_input", "backward_weight")
BLOCK_S = 0.004  # calls shorter than this are repeated in a block until it is reached
PAUSE_S = 0.001  # before a block
PAUSE_OF_WORKERS_S = 0.02  # the same on several threads: longer than idle workers of an OpenMP runtime spin (14 ms)
MOST_RECHECKS = 3
WORST_ROWS = 15


class Version:
    """One version of the library, in its own process under its own interpreter."""

    def __init__(self, interpreter: str, threads: int) -> None:
        worker = Path(__file__).with_name("before_after_worker.py")
        pools = {f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "OPENBLAS", "MKL")}
        self.process = subprocess.Popen(
            [interpreter, "-P", worker],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=tempfile.gettempdir(),
            env={**os.environ, **pools},
        )
        self.about = self.ask("hello", threads=threads)

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Send the worker one command, and wait for its reply."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([command, arguments]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the worker under {self.process.args[0]} ended at {command} {arguments}")  # type: ignore
        return dict(json.loads(line))


@dataclass(frozen=True)
class Problem:
    """A layer and a pass, with the arguments of `gemmconv.plan`."""

    name: str
    pass_: str
    x: tuple[int, ...]  # in NCHW order, as y
    w: tuple[int, ...]
    y: tuple[int, ...]
    options: dict[str, Any]

    def asked(self) -> dict[str, Any]:
        """The arguments of the worker's ``prepare``."""
        x, y = (in_layout(shape, self.options["layout"]) for shape in (self.x, self.y))
        operands = {"forward": (x, self.w), "backward_input": (y, self.w), "backward_weight": (y, x)}[self.pass_]
        return {"pass_": self.pass_, "shapes": [x, self.w], "operands": operands, "options": self.options}

    @property
    def terms(self) -> int:
        """About how many products an element of the output sums."""
        if self.pass_ == "backward_weight":
            return self.y[0] * math.prod(self.y[2:])
        outputs = self.w[0] // self.options["groups"] if self.pass_ == "backward_input" else self.w[1]
        return outputs * math.prod(self.w[2:])


@dataclass
class Row:
    """The measurement of a problem: the seconds of both versions' blocks, or why there are none."""

    problem: Problem
    note: str = ""
    strategies: tuple[str, str] = ("", "")
    same_bits: bool = False
    before: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Time after over time before: above 1 it has become slower."""
        return min(self.after) / min(self.before)


def in_layout(shape: tuple[int, ...], layout: str) -> tuple[int, ...]:
    """An NCHW shape in ``layout``."""
    return shape if layout == "NCHW" else (shape[0], *shape[2:], shape[1])


def read_problems(arguments: argparse.Namespace) -> list[Problem]:
    """Every pass of every selected layer, without repetitions."""
    lines = [line for line in arguments.layers.read_text().splitlines() if line and not line.startswith("#")]
    found: dict[str, Problem] = {}
    for row in csv.DictReader(lines):
        name = f"{row['network']}/{row['layer']}"
        if arguments.filter and not any(fnmatch.fnmatchcase(name, pattern) for pattern in arguments.filter):
            continue
        n = {column: int(value) for column, value in row.items() if column not in ("short", "network", "layer")}
        options = {
            "stride": (n["sh"], n["sw"]),
            "padding": (n["ph"], n["pw"]),
            "dilation": (n["dh"], n["dw"]),
            "groups": n["groups"],
            "dtype": arguments.dtype,
            "layout": arguments.layout,
            "strategy": arguments.strategy,
        }
        x, y = ((arguments.batch, n[f"{side}c"], n[f"{side}h"], n[f"{side}w"]) for side in "io")
        w = (n["oc"], n["ic"] // n["groups"], n["kh"], n["kw"])
        for pass_ in arguments.passes or PASSES:
            problem = Problem(name, pass_, x, w, y, options)
            found.setdefault(json.dumps(problem.asked()), problem)
    return list(found.values())


def prepared(row: Row, versions: Sequence[Version], exchange: Path) -> bool:
    """Let both make a plan, and compare their answers; False, with a note, if there is nothing to time."""
    said = [version.ask("prepare", **row.problem.asked()) for version in versions]
    for word, answer in zip(("before", "after"), said):
        if "refused" in answer:
            row.note = f"{word}: {answer['refused']}"
            return False
    before, after = versions
    before.ask("save", path=str(exchange))
    share: float = after.ask("compare", path=str(exchange), terms=row.problem.terms)["share"]
    row.strategies = (said[0]["strategy"], said[1]["strategy"])
    row.same_bits = share == 0
    if share > 1:
        row.note = f"THE ANSWERS DIFFER by {share:.3g} times what is tolerated"
    return share <= 1


def time_by_turns(row: Row, versions: Sequence[Version], rounds: int, pause_s: float) -> None:
    """Add blocks of both to a row."""
    seconds = max(version.ask("warm")["seconds"] for version in versions)
    repeats = max(1, round(BLOCK_S / max(seconds, 1e-9)))
    sides = list(zip(versions, (row.before, row.after)))
    for turn in range(rounds):
        for version, blocks in sides if turn % 2 == 0 else sides[::-1]:
            time.sleep(pause_s)
            blocks.append(version.ask("block", repeats=repeats)["seconds"])


def measured(problem: Problem, versions: Sequence[Version], exchange: Path, arguments: argparse.Namespace) -> Row:
    """Time a problem, and again where the versions seem to differ by more than the limit."""
    row = Row(problem)
    pause_s = PAUSE_S if arguments.threads == 1 else PAUSE_OF_WORKERS_S
    for _ in range(1 + MOST_RECHECKS):
        if not prepared(row, versions, exchange):
            break
        time_by_turns(row, versions, arguments.repeat, pause_s)
        if 1 / arguments.limit <= row.ratio <= arguments.limit:
            break
    return row


def cells(row: Row) -> list[str]:
    """A row of the printed table."""
    first = [row.problem.name, row.problem.pass_]
    if row.note:
        return [*first, row.note]
    before, after = row.strategies
    took = after if before == after else f"{before} -> {after}"
    times = [f"{1e3 * min(row.before):.4f}", f"{1e3 * min(row.after):.4f}", f"{row.ratio:.3f}"]
    return [*first, *times, took, "" if row.same_bits else "other bits"]


def line_of(cells: Sequence[str]) -> str:
    """A table with aligned columns."""
    widths = (38, -16, 10, 10, 7) if len(cells) > 3 else (38, -16)
    aligned = [cell.ljust(abs(w)) if w in (38, -16) else cell.rjust(w) for cell, w in zip(cells, widths)]
    return "  ".join([*aligned, *cells[len(widths) :]]).rstrip()


HEADERS = ["layer", "pass", "ms before", "ms after", "ratio", "strategy", "bits"]


def summary(rows: Sequence[Row], limit: float) -> Iterable[str]:
    """Geometric means, problems that became slower by more than the limit, and problems that were not timed."""
    timed = [row for row in rows if row.before and not row.note]
    for pass_ in (*PASSES, "all"):
        ratios = [row.ratio for row in timed if pass_ in (row.problem.pass_, "all")]
        if ratios:
            mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
            span = f"geometric mean of {len(ratios)}, {min(ratios):.3f} to {max(ratios):.3f}"
            slower = sum(ratio > limit for ratio in ratios)
            yield f"{pass_:16} ratio {mean:.4f} ({span}); above {limit:g}: {slower}"
    other_bits = sum(not row.same_bits for row in timed)
    yield f"answers with other bits: {other_bits}; not timed: {len(rows) - len(timed)}"
    worst = sorted(timed, key=lambda row: -row.ratio)[:WORST_ROWS]
    if worst:
        yield from ("", "the worst:", line_of(HEADERS), *(line_of(cells(row)) for row in worst))
    noted = [row for row in rows if row.note]
    if noted:
        yield from ("", "not timed:", *(line_of(cells(row)) for row in noted))


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """All rows, times in milliseconds."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["layer", "pass", "ms_before", "ms_after", "ratio", "blocks", "before", "after", "bits", "note"]
        )
        for row in rows:
            times = ["", "", ""]
            if row.before and not row.note:
                times = [f"{1e3 * min(row.before):.5f}", f"{1e3 * min(row.after):.5f}", f"{row.ratio:.4f}"]
            bits = "same" if row.same_bits else "other"
            about = [len(row.before), *row.strategies, bits, row.note]
            writer.writerow([row.problem.name, row.problem.pass_, *times, *about])


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", help="a Python interpreter in which the one version is installed")
    parser.add_argument("after", help="a Python interpreter in which the other is")
    parser.add_argument("layers", type=Path, help="layers.csv, or a file with its columns")
    parser.add_argument("--batch", type=int, default=1, help="images at a time (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="cores and threads of each (default: %(default)s)")
    parser.add_argument("--repeat", type=int, default=7, help="blocks of each, at least (default: %(default)s)")
    parser.add_argument("--filter", action="append", help="network/layer, with wildcards; may be given again")
    parser.add_argument("--pass", dest="passes", action="append", choices=PASSES, help="may be given again")
    parser.add_argument("--strategy", default="auto", help="default: %(default)s")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32", help="default: %(default)s")
    parser.add_argument("--layout", choices=("NCHW", "NHWC"), default="NCHW", help="default: %(default)s")
    parser.add_argument(
        "--limit", type=float, default=1.03, help="ratios beyond it are measured again (default: %(default)s)"
    )
    parser.add_argument("--output", type=Path, help="a CSV file for all rows")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write the results; exit code 1 if answers differ."""
    options = parse(arguments)
    problems = read_problems(options)
    versions = [Version(interpreter, options.threads) for interpreter in (options.before, options.after)]
    for word, version in zip(("before", "after"), versions):
        print(f"{word}: {version.about['version']}, {version.about['isa']}, {version.about['path']}")
    print(
        f"batch {options.batch}, {options.threads} thread(s), {options.dtype}, {options.layout}, {options.strategy}\n"
    )
    print(line_of(HEADERS), flush=True)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for problem in problems:
            rows.append(measured(problem, versions, Path(folder) / "answer.npy", options))
            print(line_of(cells(rows[-1])), flush=True)
            if options.output:
                write_csv(options.output, rows)
    print("", *summary(rows, options.limit), sep="\n")
    return int(any(row.note.startswith("THE ANSWERS") for row in rows))


if __name__ == "__main__":
    sys.exit(main())
