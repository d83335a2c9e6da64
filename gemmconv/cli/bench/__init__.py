"""``gemmconv bench``: the strategies on layers of real networks, into JSON lines, tables and plots."""

import argparse
import datetime
import os
import platform
from pathlib import Path
from typing import Any

import numpy as np

import gemmconv
from gemmconv.cli.bench.compare import compare
from gemmconv.cli.bench.layers import choose_layers
from gemmconv.cli.bench.measure import Conditions
from gemmconv.cli.bench.peers import peer_candidates
from gemmconv.cli.bench.records import Record, write_records
from gemmconv.cli.bench.report import notes, summaries, table_of
from gemmconv.cli.bench.suites import SUITES, Selection, Suite
from gemmconv.cli.bench.timing import ROUNDS, pinned
from gemmconv.cli.failures import Failure, require
from gemmconv.cli.problems import PASSES
from gemmconv.cli.progress import progress_bar
from gemmconv.cli.table import markdown_table, text_table

DESCRIPTION = (
    "Time the strategies on layers of real networks: against each other, NumPy, SciPy, the bare matrix product and, "
    "with --peers, other libraries. Answers are checked first. Writes results.jsonl, tables.md and a picture for each "
    "suite. `gemmconv bench compare A B` compares two results.jsonl."
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of ``gemmconv bench``."""
    parser.set_defaults(action=None)
    actions = parser.add_subparsers(metavar="[compare]", title="compare two runs", required=False)
    comparison = actions.add_parser("compare", help="compare two files of JSON lines", description="Compare two runs.")
    comparison.add_argument("before", type=Path, metavar="A", help="results.jsonl of the one run")
    comparison.add_argument("after", type=Path, metavar="B", help="results.jsonl of the other")
    comparison.set_defaults(action="compare")
    suites = [suite.name for suite in SUITES]
    parser.add_argument("--suite", action="append", choices=suites, help="only this suite; may be given again")
    parser.add_argument(
        "--layer",
        action="append",
        metavar="NAME",
        help="a layer's name, a pattern such as 'resnet_50/*', or 'all'; may be given again",
    )
    parser.add_argument("--batch", type=int, action="append", metavar="N", help="images at a time; may be given again")
    parser.add_argument(
        "--pass", dest="passes", action="append", choices=PASSES, help="only this pass; may be given again"
    )
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32", help="default: %(default)s")
    parser.add_argument(
        "--threads", type=int, default=1, metavar="N", help="cores to hold to and threads to use (default: 1)"
    )
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, metavar="N", help="turns of each contestant (default: %(default)s)"
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=2.0,
        metavar="S",
        help="do not time whoever takes longer for one call (default: 2 s)",
    )
    parser.add_argument(
        "--peers",
        nargs="*",
        choices=("torch", "onnxruntime"),
        help="other libraries as well: those named, or all that are installed",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("gemmconv-bench"),
        metavar="FOLDER",
        help="where files go (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure, print the tables, write the files; exit code 1 when a strategy's answer was wrong."""
    if arguments.action == "compare":
        print(compare(arguments.before, arguments.after))
        return 0
    require("bench", "matplotlib", "tqdm", "threadpoolctl", "scipy")
    for option in ("threads", "rounds"):
        if getattr(arguments, option) < 1:
            raise Failure(f"--{option} must be at least 1, not {getattr(arguments, option)}")
    if arguments.batch and min(arguments.batch) < 1:
        raise Failure(f"--batch must be at least 1, not {min(arguments.batch)}")
    if arguments.output.exists() and not arguments.output.is_dir():
        raise Failure(f"--output {arguments.output} is a file, and results go into a folder")
    selection = Selection(
        layers=choose_layers(arguments.layer, ()) if arguments.layer else None,
        batches=arguments.batch,
        passes=tuple(pass_ for pass_ in PASSES if not arguments.passes or pass_ in arguments.passes),
        peers=peer_candidates(arguments.peers, arguments.threads),
    )
    suites = [suite for suite in SUITES if not arguments.suite or suite.name in arguments.suite]
    conditions = Conditions(arguments.dtype, arguments.threads, arguments.rounds, arguments.patience)
    arguments.output.mkdir(parents=True, exist_ok=True)
    with pinned(conditions.threads), gemmconv.options(threads=conditions.threads):
        header = conditions_of_run(conditions)
        found = {suite.name: measured(suite, selection, conditions) for suite in suites}
    records = [record for of_suite in found.values() for record in of_suite]
    write_records(arguments.output / "results.jsonl", header, records)
    tell(suites, found, header, arguments.output)
    return 1 if any(record.note.startswith("wrong answer") for record in records) else 0


def measured(suite: Suite, selection: Selection, conditions: Conditions) -> list[Record]:
    """The records of one suite, under a progress bar."""
    records = []
    with progress_bar(suite.steps(selection, conditions), suite.name, "turn") as bar:
        for record in suite.run(selection, conditions, bar.update):
            bar.set_description(f"{suite.name}: {record.layer} {record.pass_}")
            records.append(record)
    return records


def conditions_of_run(conditions: Conditions) -> dict[str, Any]:
    """Where and how it was measured."""
    from threadpoolctl import threadpool_info

    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": processor(),
        "cores": os.cpu_count(),
        "dtype": conditions.dtype,
        "threads": conditions.threads,
        "rounds": conditions.rounds,
        "numpy": np.__version__,
        "pools": [
            {name: pool.get(name) for name in ("internal_api", "version", "architecture")} for pool in threadpool_info()
        ],
        "gemmconv": gemmconv.show_config(mode="dicts"),
    }


def processor() -> str:
    """The processor's name, as the kernel tells it where it does."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def tell(suites: list[Suite], found: dict[str, list[Record]], header: dict[str, Any], folder: Path) -> None:
    """Print the tables, write them as Markdown, draw the pictures, and say where all that is."""
    from gemmconv.cli.bench.plots import draw

    markdown = [
        f"Measured {header['date']} on {header['machine']}, {header['threads']} thread(s), gemmconv "
        f"{gemmconv.__version__}."
    ]
    written = [folder / "results.jsonl", folder / "tables.md"]
    for suite in suites:
        headers, rows, meaning = table_of(suite.name, found[suite.name])
        remarks = summaries(found[suite.name]) + notes(found[suite.name])
        left = 1 if suite.name == "overhead" else 3
        print("\n".join([suite.title, "", text_table(headers, rows, left), "", meaning, *remarks, ""]), flush=True)
        markdown += [
            f"## {suite.title}",
            markdown_table(headers, rows, left),
            meaning,
            "\n".join(f"- {remark}" for remark in remarks),
        ]
        picture = draw(suite.name, suite.title, found[suite.name], folder)
        written += [picture] if picture else []
    (folder / "tables.md").write_text("\n\n".join(part for part in markdown if part) + "\n", encoding="utf-8")
    for path in written:
        print(f"-> {path}")
