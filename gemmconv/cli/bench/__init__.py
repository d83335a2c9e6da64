"""``gemmconv bench``: the strategies on layers of real networks, into JSON lines, tables and plots."""

import argparse
import datetime
import os
import platform
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import gemmconv
from gemmconv.cli.bench.compare import compare
from gemmconv.cli.bench.layers import Layer, all_layers, choose_layers, distinct, read_layers
from gemmconv.cli.bench.measure import Conditions
from gemmconv.cli.bench.peer_report import peer_sections
from gemmconv.cli.bench.peers import PEERS, peer_candidates
from gemmconv.cli.bench.records import Record, write_records
from gemmconv.cli.bench.report import section_of
from gemmconv.cli.bench.roofs import Roofs, higher, measure_roofs
from gemmconv.cli.bench.suites import PEER_SUITE, SUITES, Selection, Suite
from gemmconv.cli.bench.timing import ROUNDS, pinned
from gemmconv.cli.failures import Failure, require
from gemmconv.cli.problems import LAYOUTS, PASSES
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
    parser.add_argument(
        "--layers",
        type=Path,
        metavar="FILE.csv",
        help="layers of your own, with the columns of gemmconv/cli/bench/layers.csv, instead of ours",
    )
    parser.add_argument("--batch", type=int, action="append", metavar="N", help="images at a time; may be given again")
    parser.add_argument(
        "--pass", dest="passes", action="append", choices=PASSES, help="only this pass; may be given again"
    )
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32", help="default: %(default)s")
    parser.add_argument("--math", choices=("fast", "strict"), default="fast", help="what auto may use (default: fast)")
    parser.add_argument("--layout", choices=LAYOUTS, default="NCHW", help="default: %(default)s")
    parser.add_argument(
        "--threads",
        type=int,
        action="append",
        metavar="N",
        help="cores to hold to and threads to use; may be given again (default: 1)",
    )
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, metavar="N", help="turns of each at least (default: %(default)s)"
    )
    parser.add_argument(
        "--budget",
        type=float,
        default=0.4,
        metavar="S",
        help="more turns than that where a layer is done with all of them in this time (default: 0.4 s)",
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
        choices=tuple(PEERS),
        help="other libraries as well: those named, or all that are installed; without --suite, the suite `peers`",
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
    threads_list = list(dict.fromkeys(arguments.threads or [1]))
    for option, least in (("threads", min(threads_list)), ("rounds", arguments.rounds)):
        if least < 1:
            raise Failure(f"--{option} must be at least 1, not {least}")
    if arguments.batch and min(arguments.batch) < 1:
        raise Failure(f"--batch must be at least 1, not {min(arguments.batch)}")
    if arguments.output.exists() and not arguments.output.is_dir():
        raise Failure(f"--output {arguments.output} is a file, and results go into a folder")
    suites = chosen_suites(arguments.suite, arguments.peers is not None)
    peers = [] if PEER_SUITE in suites and arguments.peers is None else arguments.peers
    layers = layers_of(arguments.layers, arguments.layer)
    found: dict[str, list[Record]] = {suite.name: [] for suite in suites}
    roofs = []
    for threads in threads_list:
        conditions = Conditions(
            arguments.dtype,
            threads,
            arguments.rounds,
            arguments.patience,
            arguments.budget,
            arguments.math,
            arguments.layout,
        )
        with pinned(threads), gemmconv.options(threads=threads, math=arguments.math):
            selection = Selection(
                layers=layers,
                batches=arguments.batch,
                passes=tuple(pass_ for pass_ in PASSES if not arguments.passes or pass_ in arguments.passes),
                peers=peer_candidates(peers, threads),
            )
            arguments.output.mkdir(parents=True, exist_ok=True)
            before = measure_roofs(arguments.dtype, threads) if PEER_SUITE in suites else None
            for suite in suites:
                found[suite.name] += measured(suite, selection, conditions)
            if before:
                roofs.append(higher(before, measure_roofs(arguments.dtype, threads)))
            header = conditions_of_run(arguments, threads_list, roofs)
    records = [record for of_suite in found.values() for record in of_suite]
    write_records(arguments.output / "results.jsonl", header, records)
    tell(suites, found, header, roofs, arguments.output)
    return 1 if any(record.note.startswith("wrong answer") for record in records) else 0


def chosen_suites(names: list[str] | None, with_peers: bool) -> list[Suite]:
    """Those named; by default `peers` with ``--peers``, and all others without."""
    if names:
        return [suite for suite in SUITES if suite.name in names]
    return [suite for suite in SUITES if (suite is PEER_SUITE) == with_peers]


def layers_of(path: Path | None, patterns: list[str] | None) -> list[Layer] | None:
    """The layers that the command line chose, or None: then each suite has its own."""
    among = all_layers() if path is None else read_layers(path)
    if patterns:
        return choose_layers(patterns, among)
    return None if path is None else distinct(among)


def measured(suite: Suite, selection: Selection, conditions: Conditions) -> list[Record]:
    """The records of one suite, under a progress bar."""
    records = []
    with progress_bar(suite.steps(selection, conditions), suite.name, "turn") as bar:
        for record in suite.run(selection, conditions, bar.update):
            bar.set_description(f"{suite.name}: {record.layer} {record.pass_}")
            records.append(record)
    return records


def conditions_of_run(arguments: argparse.Namespace, threads: list[int], roofs: list[Roofs]) -> dict[str, Any]:
    """Where and how it was measured."""
    from threadpoolctl import threadpool_info

    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": processor(),
        "cores": os.cpu_count(),
        "dtype": arguments.dtype,
        "math": arguments.math,
        "layout": arguments.layout,
        "threads": threads,
        "rounds": arguments.rounds,
        "roofs": [asdict(roof) for roof in roofs],
        "peers": {name: version(name) for name in PEERS if name in sys.modules},
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


def tell(
    suites: list[Suite], found: dict[str, list[Record]], header: dict[str, Any], roofs: list[Roofs], folder: Path
) -> None:
    """Print the tables, write them as Markdown, draw the pictures, and say where all that is."""
    from gemmconv.cli.bench.peer_plots import draw_peers
    from gemmconv.cli.bench.plots import draw

    peers = "".join(f", {PEERS[name]} {number}" for name, number in header["peers"].items())
    markdown = [
        f"Measured {header['date']} on {header['machine']}, threads: {', '.join(map(str, header['threads']))}, "
        f"{header['dtype']}, {header['layout']}, math {header['math']}, gemmconv {gemmconv.__version__}{peers}."
    ]
    pictures: list[Path | None] = []
    for suite in suites:
        records = found[suite.name]
        if suite is PEER_SUITE:
            sections = peer_sections(records, [record for each in found.values() for record in each], roofs)
            pictures += draw_peers(records, roofs, folder)
        else:
            sections = [section_of(suite.name, suite.title, records)]
            pictures.append(draw(suite.name, suite.title, records, folder))
        for section in sections:
            table = text_table(section.headers, section.rows, section.left)
            print("\n".join([section.title, "", table, "", *section.remarks, ""]), flush=True)
            markdown += [
                f"## {section.title}",
                markdown_table(section.headers, section.rows, section.left),
                "\n".join(f"- {remark}" for remark in section.remarks),
            ]
    (folder / "tables.md").write_text("\n\n".join(part for part in markdown if part) + "\n", encoding="utf-8")
    for path in (folder / "results.jsonl", folder / "tables.md", *pictures):
        if path:
            print(f"-> {path}")
