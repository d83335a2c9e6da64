"""``gemmconv info``: how this installation was built, and what it detected on this machine."""

import argparse
import json

import gemmconv

DESCRIPTION = (
    "Show version, compiler, instruction set in use, BLAS, OpenMP and paths: the first thing to put in a report."
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of ``gemmconv info``."""
    parser.add_argument("--json", action="store_true", help="print the same facts as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the facts."""
    if arguments.json:
        print(json.dumps(gemmconv.show_config(mode="dicts"), indent=2, default=str))
    else:
        gemmconv.show_config()
    return 0
