"""Scratch memory of a call as the operating system sees it, each in a fresh process.

``python -m gemmconv.cli.bench.memory <json>`` runs one call and prints by how many bytes the resident memory of the
process peaked above what it was before: everything but inputs, output and what a first small call of the same kind
has already set up (threads, BLAS's own buffers).
"""

import ctypes
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import gemmconv
from gemmconv.cli.bench.records import Record
from gemmconv.cli.failures import Failure
from gemmconv.cli.problems import Problem, make_problem

STATUS = Path("/proc/self/status")
SETTLE = make_problem("settle", (1, 8, 12, 12), (8, 8, 3, 3), padding=1)  # a first call, which starts threads and BLAS


def measured_in_fresh_process(
    problem: Problem, pass_: str, dtype: str, threads: int, strategy: str, limit_bytes: int
) -> Record:
    """A record with ``workspace_bytes`` as announced and ``measured_bytes`` as seen; or a note why there is none."""
    request = {
        "problem": asdict(problem),
        "pass": pass_,
        "dtype": dtype,
        "threads": threads,
        "strategy": strategy,
        "limit": limit_bytes,
    }
    done = subprocess.run(
        [sys.executable, "-m", "gemmconv.cli.bench.memory", json.dumps(request)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Failure(
            f"the process that measures memory ended with: {(done.stderr.strip() or 'no message').splitlines()[-1]}"
        )
    found = json.loads(done.stdout)
    return Record(
        "memory",
        problem.name,
        problem.x_shape[0],
        pass_,
        dtype,
        threads,
        strategy,
        flops=problem.flops,
        limit_bytes=limit_bytes,
        patches_bytes=int(np.prod(problem.x_shape[:2]) * np.prod(problem.w_shape[2:]) * np.prod(problem.output))
        * np.dtype(dtype).itemsize,
        **found,
    )


def measure(request: dict[str, Any]) -> dict[str, Any]:
    """In the fresh process: warm up, measure the memory, call, and measure again."""
    problem = problem_from(request["problem"])
    limits = {"threads": request["threads"], "workspace_limit": request["limit"]}
    chosen = {"dtype": request["dtype"], "strategy": request["strategy"]}
    with gemmconv.options(**limits):
        gemmconv.plan(request["pass"], SETTLE.x_shape, SETTLE.w_shape, **chosen, **SETTLE.options())(
            *SETTLE.operands(request["pass"], request["dtype"])
        )
        try:
            plan = gemmconv.plan(request["pass"], problem.x_shape, problem.w_shape, **chosen, **problem.options())
        except gemmconv.UnsupportedError as refusal:
            return {"note": str(refusal)}
        first, second = problem.operands(request["pass"], request["dtype"])
        out = np.zeros(plan.output_shape, request["dtype"])
        out.fill(1)  # so that its pages exist before the call
        give_back_freed_memory()
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak
        before = resident("VmRSS")
        plan(first, second, out=out)
        return {"workspace_bytes": plan.workspace_bytes, "measured_bytes": max(0, resident("VmHWM") - before)}


def give_back_freed_memory() -> None:
    """Return free memory of malloc to the system; otherwise a call could reuse it, and would seem to need none."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def resident(field: str) -> int:
    """Bytes of resident memory: ``VmRSS`` now, ``VmHWM`` at its peak."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field + ":"))
    return int(line.split()[1]) * 1024


def problem_from(fields: dict[str, Any]) -> Problem:
    """A `Problem` from its JSON form, in which tuples are lists."""
    words: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items() if name != "padding"
    }
    return Problem(padding=tuple((low, high) for low, high in fields["padding"]), **words)


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(sys.argv[1]))))
