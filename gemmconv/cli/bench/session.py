"""One run of the benchmark: its options, its suites measured under each number of threads, its tables and pictures.

``gemmconv bench`` and ``bench/compare.py`` of the repository are two command lines over it.
"""

import argparse
import contextlib
import datetime
import os
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import gemmconv
from gemmconv.cli.bench.layers import Layer, all_layers, choose_layers, distinct, read_layers
from gemmconv.cli.bench.measure import Conditions
from gemmconv.cli.bench.records import Record
from gemmconv.cli.bench.report import Section
from gemmconv.cli.bench.suites import Library, Selection, Suite
from gemmconv.cli.bench.timing import ROUNDS, pinned
from gemmconv.cli.failures import Failure, require
from gemmconv.cli.problems import LAYOUTS, PASSES
from gemmconv.cli.progress import progress_bar
from gemmconv.cli.table import markdown_table, text_table


def add_session_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that both command lines have: layers, conditions, limits of time, output."""
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
        help="cores to hold to and threads to use; may be given again (default: 1; all cores in the suite `threads`)",
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
        "--output",
        type=Path,
        default=Path("gemmconv-bench"),
        metavar="FOLDER",
        help="where files go (default: %(default)s)",
    )


def check_options(arguments: argparse.Namespace) -> None:
    """Check the options that `add_session_options` adds.

    Raises
    ------
    Failure
        If a value is out of its range, or a package is missing.
    """
    require("bench", "matplotlib", "tqdm", "threadpoolctl", "scipy")
    for option, least in (("threads", min(arguments.threads or [1])), ("rounds", arguments.rounds)):
        if least < 1:
            raise Failure(f"--{option} must be at least 1, not {least}")
    if arguments.batch and min(arguments.batch) < 1:
        raise Failure(f"--batch must be at least 1, not {min(arguments.batch)}")
    if arguments.output.exists() and not arguments.output.is_dir():
        raise Failure(f"--output {arguments.output} is a file, and results go into a folder")


def chosen_layers(path: Path | None, patterns: list[str] | None) -> list[Layer] | None:
    """The layers that the command line selects, or None, which leaves them to each suite."""
    among = all_layers() if path is None else read_layers(path)
    if patterns:
        return choose_layers(patterns, among)
    return None if path is None else distinct(among)


def measure_suites(
    arguments: argparse.Namespace,
    suites: Sequence[Suite],
    libraries: Callable[[int], Sequence[Library]] = lambda threads: (),
    around: Callable[[Suite, int], contextlib.AbstractContextManager[object]] = lambda suite, threads: (
        contextlib.nullcontext()
    ),
) -> dict[str, list[Record]]:
    """Measure suites, each under every number of threads that was asked for.

    Parameters
    ----------
    arguments : argparse.Namespace
        Of `add_session_options`.
    suites : sequence of Suite
    libraries : callable
        For a number of threads, the other libraries that take part.
    around : callable
        For a suite and a number of threads, a context manager within which it is measured: for measurements besides.

    Returns
    -------
    dict of str to list of Record
        By the names of the suites.
    """
    layers = chosen_layers(arguments.layers, arguments.layer)
    found: dict[str, list[Record]] = {suite.name: [] for suite in suites}
    for suite in suites:
        for threads in dict.fromkeys(arguments.threads or [suite.threads()]):
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
                    libraries=libraries(threads),
                )
                arguments.output.mkdir(parents=True, exist_ok=True)
                with around(suite, threads):
                    found[suite.name] += measured(suite, selection, conditions)
    return found


def measured(suite: Suite, selection: Selection, conditions: Conditions) -> list[Record]:
    """The records of one suite, under a progress bar."""
    records = []
    with progress_bar(suite.steps(selection, conditions), suite.name, "turn") as bar:
        for record in suite.run(selection, conditions, bar.update):
            bar.set_description(f"{suite.name}: {record.layer} {record.pass_}")
            records.append(record)
    return records


def conditions_of_run(arguments: argparse.Namespace, found: dict[str, list[Record]]) -> dict[str, Any]:
    """The machine, the options and the versions: the header of ``results.jsonl``."""
    from threadpoolctl import threadpool_info

    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": processor(),
        "cores": os.cpu_count(),
        "dtype": arguments.dtype,
        "math": arguments.math,
        "layout": arguments.layout,
        "threads": sorted({record.threads for records in found.values() for record in records}),
        "rounds": arguments.rounds,
        "numpy": np.__version__,
        "pools": [
            {name: pool.get(name) for name in ("internal_api", "version", "architecture")} for pool in threadpool_info()
        ],
        "gemmconv": gemmconv.show_config(mode="dicts"),
    }


def processor() -> str:
    """The name of the processor: from Linux's /proc/cpuinfo if it is there, otherwise from `platform`."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def tell(
    header: dict[str, Any], others: str, sections: Sequence[Section], pictures: Sequence[Path | None], folder: Path
) -> None:
    """Print the tables, write them as Markdown, and print the paths of the files.

    ``others`` is a text with the versions of the other libraries.
    """
    markdown = [
        f"Measured {header['date']} on {header['machine']}, threads: {', '.join(map(str, header['threads']))}, "
        f"{header['dtype']}, {header['layout']}, math {header['math']}, gemmconv {gemmconv.__version__}{others}."
    ]
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


def exit_code(found: dict[str, list[Record]]) -> int:
    """1 if an answer was wrong, otherwise 0."""
    return int(any(record.note.startswith("wrong answer") for records in found.values() for record in records))
