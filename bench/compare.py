"""gemmconv against PyTorch and ONNX Runtime: every layer, pooling, patches, a tiny call; targets and a roofline.

    python bench/compare.py [--suite peers] [--peers torch onnxruntime] [--threads 1 --threads 2] [--output FOLDER]

Measures as ``gemmconv bench`` does, with other libraries among the contestants. By default the suite `peers`, with all
of them that are installed. ``gemmconv bench compare A B`` compares two of its results.jsonl.
"""

import argparse
import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version

from gemmconv.cli.bench import candidates
from gemmconv.cli.bench.plots import draw
from gemmconv.cli.bench.records import Record, write_records
from gemmconv.cli.bench.report import section_of
from gemmconv.cli.bench.session import (
    add_session_options,
    check_options,
    conditions_of_run,
    exit_code,
    measure_suites,
    tell,
)
from gemmconv.cli.bench.suites import SUITES, Suite, contest, every_layer
from gemmconv.cli.failures import Failure
from peers.libraries import PEERS, chosen_peers, libraries
from peers.plots import draw_peers
from peers.report import peer_sections
from peers.roofs import Roofs, higher, measure_roofs

PEER_SUITE = contest(
    "peers", "Every layer against other libraries", every_layer, (1, 4), lambda _: [candidates.planned("auto")]
)
WITH_PEERS = {PEER_SUITE.name: PEER_SUITE, **{suite.name: suite for suite in SUITES}}


class RoofsOfRun:
    """What the machine can do, measured before and after the suite `peers` under each number of threads."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.found: list[Roofs] = []

    @contextlib.contextmanager
    def around(self, suite: Suite, threads: int) -> Iterator[None]:
        """Measure them, if the suite needs them."""
        if suite is not PEER_SUITE:
            yield
            return
        before = measure_roofs(self.dtype, threads)
        yield
        self.found.append(higher(before, measure_roofs(self.dtype, threads)))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="compare.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--suite", action="append", choices=tuple(WITH_PEERS), help="may be given again (default: peers)"
    )
    parser.add_argument(
        "--peers", nargs="+", choices=tuple(PEERS), default=[], help="only these (default: all that are installed)"
    )
    add_session_options(parser)
    return parser.parse_args(arguments)


def run(arguments: argparse.Namespace) -> int:
    """Measure, print the tables, write the files; exit code 1 if an answer was wrong."""
    check_options(arguments)
    suites = [WITH_PEERS[name] for name in dict.fromkeys(arguments.suite or [PEER_SUITE.name])]
    names = chosen_peers(arguments.peers)
    roofs = RoofsOfRun(arguments.dtype)
    found = measure_suites(arguments, suites, lambda threads: libraries(names, threads), roofs.around)
    every = [record for records in found.values() for record in records]
    versions = {name: version(name) for name in PEERS if name in sys.modules}
    header = {
        **conditions_of_run(arguments, found),
        "roofs": [asdict(roof) for roof in roofs.found],
        "peers": versions,
    }
    write_records(arguments.output / "results.jsonl", header, every)
    sections, pictures = [], []
    for suite in suites:
        records: list[Record] = found[suite.name]
        if suite is PEER_SUITE:
            sections += peer_sections(records, every, roofs.found)
            pictures += draw_peers(records, roofs.found, arguments.output)
        else:
            sections.append(section_of(suite.title, suite.table(records), records))
            pictures.append(draw(suite.draw, suite.title, records, arguments.output / f"{suite.name}.png"))
    tell(
        header,
        "".join(f", {PEERS[name]} {number}" for name, number in versions.items()),
        sections,
        pictures,
        arguments.output,
    )
    return exit_code(found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; an error of the user is one line and exit code 2."""
    try:
        return run(parse(arguments))
    except (Failure, OSError) as mistake:
        print(f"compare.py: error: {mistake}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
