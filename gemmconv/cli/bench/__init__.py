"""``gemmconv bench``: the strategies on layers of real networks, into JSON lines, tables and plots."""

import argparse
from pathlib import Path

from gemmconv.cli.bench.compare import compare
from gemmconv.cli.bench.plots import draw
from gemmconv.cli.bench.records import write_records
from gemmconv.cli.bench.report import section_of
from gemmconv.cli.bench.session import (
    add_session_options,
    check_options,
    conditions_of_run,
    exit_code,
    measure_suites,
    tell,
)
from gemmconv.cli.bench.suites import SUITES

DESCRIPTION = (
    "Time the strategies on layers of real networks: against each other, NumPy, SciPy and the bare matrix product. "
    "Answers are checked first. Writes results.jsonl, tables.md and a picture for each suite. "
    "`gemmconv bench compare A B` compares two results.jsonl. (Other libraries: bench/compare.py of the repository.)"
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
    add_session_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure, print the tables, write the files; exit code 1 when a strategy's answer was wrong."""
    if arguments.action == "compare":
        print(compare(arguments.before, arguments.after))
        return 0
    check_options(arguments)
    suites = [s for s in SUITES if (s.name in arguments.suite if arguments.suite else s.by_default)]
    found = measure_suites(arguments, suites)
    header = conditions_of_run(arguments, found)
    write_records(arguments.output / "results.jsonl", header, [record for each in found.values() for record in each])
    sections = [section_of(suite.title, suite.table(found[suite.name]), found[suite.name]) for suite in suites]
    folder = arguments.output
    pictures = [draw(s.draw, s.title, found[s.name], folder / f"{s.name}.png") for s in suites]
    tell(header, "", sections, pictures, folder)
    return exit_code(found)
