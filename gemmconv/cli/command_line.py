"""The parser of the command line. Every error is reported here, as one line and an exit code."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import gemmconv
from gemmconv.cli import bench, check, demo, info
from gemmconv.cli.failures import Failure

COMMANDS = {
    "demo": (demo, "filter, pool and differentiate real photographs, time the strategies, write pictures"),
    "bench": (bench, "time the strategies on layers of real networks, write JSON lines, a table and plots"),
    "check": (check, "compare every strategy and backend with a float64 reference on this machine"),
    "info": (info, "show version, compiler, instruction set, BLAS and threads"),
}


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Print one line on stderr and exit with code 2."""
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def build_parser() -> Parser:
    """The parser with one subparser for each command."""
    parser = Parser(prog="gemmconv", description="Convolution lowered to GEMM: demonstration, benchmark and checks.")
    parser.add_argument("--version", action="version", version=f"gemmconv {gemmconv.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="{" + ",".join(COMMANDS) + "}")
    for name, (module, summary) in COMMANDS.items():
        module.add_options(commands.add_parser(name, help=summary, description=module.DESCRIPTION))
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, optional
        The arguments after ``gemmconv`` on the command line; ``sys.argv[1:]`` by default.

    Returns
    -------
    int
        0, or 1 when a check found something wrong, or 2 after a user's mistake.

    Examples
    --------
    >>> from gemmconv.cli import main
    >>> main(["bench", "compare", "no_such_file.jsonl", "another.jsonl"])
    2
    """
    parsed = build_parser().parse_args(arguments)
    module, _ = COMMANDS[parsed.command]
    try:
        code: int = module.run(parsed)
        sys.stdout.flush()
        return code
    except Failure as failure:
        return fail(parsed.command, str(failure))
    except OSError as error:
        if isinstance(error, BrokenPipeError):  # the reader of the output closed the pipe, as head does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        named = f": {error.filename}" if error.filename else ""
        return fail(parsed.command, f"{error.strerror or error}{named}")
    except KeyboardInterrupt:
        return fail(parsed.command, "interrupted", code=130)


def fail(command: str, message: str, code: int = 2) -> int:
    """Print ``message`` on stderr as one line, and return the exit code."""
    print(f"gemmconv {command}: error: {' '.join(message.split())}", file=sys.stderr)
    return code
