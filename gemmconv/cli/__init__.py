"""The command line: ``gemmconv demo | bench | check | info``.

Each command is a module (or a package) with ``add_options(parser)`` and ``run(arguments) -> exit code``. What a command
imports beyond NumPy it imports when it runs, so that ``gemmconv info`` works in the smallest installation.
"""

from gemmconv.cli.command_line import main

__all__ = ["main"]
