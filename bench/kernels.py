"""The rate of every kernel of every instruction set that this machine has, relative to the machine's own limit.

    python bench/kernels.py [--isa avx512] [--seconds 0.04] [--output gemmconv-bench]

Builds cpp/tests/kernels_bench.cpp with the core (a plain CMake project in build/kernels, no Python, no BLAS) and runs
it. Arithmetic is measured against the peak of fused multiply-adds in the same registers, moving data against memcpy of
as many bytes, both by the same program in the same run. `portable` has no fused multiply-add: its peak is that of a
product and a sum.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gemmconv.cli.table import markdown_table, text_table

ROOT = Path(__file__).resolve().parent.parent
HEADERS = ("instruction set", "kernel", "operands", "float32", "of the yardstick", "float64", "of the yardstick")


def built_program(folder: Path) -> Path:
    """The program kernels_bench, which is compiled if necessary."""
    if shutil.which("cmake") is None:
        raise SystemExit("bench/kernels.py compiles the core: it needs cmake (pip install cmake) and a C++ compiler")
    options = ["-DCMAKE_BUILD_TYPE=Release", "-DGEMMCONV_BLAS=none", "-DGEMMCONV_TESTS=ON"]
    subprocess.run(["cmake", "-S", ROOT, "-B", folder, *options], check=True, stdout=sys.stderr)
    words = ["cmake", "--build", folder, "--target", "kernels_bench", "--parallel", str(os.cpu_count() or 1)]
    subprocess.run(words, check=True, stdout=sys.stderr)
    return folder / "kernels_bench"


def measured(program: Path, seconds: float) -> list[dict[str, Any]]:
    """The lines that the program prints, on one core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    done = subprocess.run([program, str(seconds)], check=True, stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def rows_of(found: Sequence[dict[str, Any]]) -> list[list[str]]:
    """A row for each kernel of each instruction set, both dtypes side by side."""
    names = dict.fromkeys((line["isa"], line["kernel"]) for line in found)
    rows = []
    for isa, kernel in names:
        by_dtype = {line["dtype"]: line for line in found if (line["isa"], line["kernel"]) == (isa, kernel)}
        shapes = dict.fromkeys(line["shape"] for line in by_dtype.values())
        cells = []
        for dtype in ("float32", "float64"):
            line = by_dtype.get(dtype)
            cells += ["", ""] if line is None else [f"{line['rate']:.3g} {line['unit']}", share_of(line)]
        rows.append([isa, kernel, " and ".join(shapes), *cells])
    return rows


def share_of(line: dict[str, Any]) -> str:
    """The rate, divided by the limit."""
    return f"{line['rate'] / line['yardstick']:.0%}"


def peaks(found: Sequence[dict[str, Any]]) -> str:
    """The limit of arithmetic of each instruction set and dtype."""
    arithmetic = [line for line in found if line["unit"] == "GFLOP/s"]
    by_table = {(line["isa"], line["dtype"]): line["yardstick"] for line in arithmetic}
    return "peak: " + ", ".join(f"{isa} {dtype} {rate:.4g} GFLOP/s" for (isa, dtype), rate in by_table.items())


def main(arguments: Sequence[str] | None = None) -> int:
    """Build and run the program, print and write its results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--isa", action="append", help="only this instruction set; may be given again")
    parser.add_argument("--seconds", type=float, default=0.04, help="for each kernel (default: %(default)s)")
    parser.add_argument("--program", type=Path, help="a kernels_bench that is already built")
    parser.add_argument("--output", type=Path, help="a folder for kernels.jsonl and kernels.md")
    options = parser.parse_args(arguments)
    program = options.program or built_program(ROOT / "build" / "kernels")
    found = [line for line in measured(program, options.seconds) if not options.isa or line["isa"] in options.isa]
    if not found:
        raise SystemExit(f"this machine runs none of {', '.join(options.isa)}")
    rows = rows_of(found)
    print(text_table(HEADERS, rows, left=3), "", peaks(found), sep="\n")
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        lines = "".join(json.dumps(line) + "\n" for line in found)
        (options.output / "kernels.jsonl").write_text(lines, encoding="utf-8")
        table = markdown_table(HEADERS, rows, left=3)
        (options.output / "kernels.md").write_text(f"{table}\n\n{peaks(found)}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
