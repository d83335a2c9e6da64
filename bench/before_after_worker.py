"""One side of ``bench/before_after.py``: plans, answers and times one problem at a time with the gemmconv it imports.

Commands come as lines of JSON on the standard input, answers go as lines of JSON to the standard output. The two sides
may be versions whose modules differ, so only the public interface is used: `gemmconv.plan`, `options`, calling a plan.
"""

import json
import os
import sys
import time
from typing import Any

import numpy as np

import gemmconv

WARM_UPS = 2
MOST_REPEATS = 10_000
SLACK = 16  # of eps * sqrt(terms) * largest value: some times what sums of random terms differ by, Winograd included


class Side:
    """The current problem and its answer."""

    def __init__(self) -> None:
        self.plan: Any = None
        self.operands: tuple[Any, ...] = ()
        self.answer: Any = None

    def hello(self, threads: int) -> dict[str, Any]:
        """Restrict the process to as many cores as threads, and report its version."""
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
        gemmconv.set_options(threads=threads)
        config: Any = gemmconv.show_config(mode="dicts")
        return {name: str(config[name]) for name in ("version", "isa", "path")}

    def prepare(self, pass_: str, shapes: list[list[int]], operands: list[list[int]], options: Any) -> dict[str, Any]:
        """Plan, make the operands (the same random numbers on both sides) and compute the answer.

        ``refused`` holds the reason where this version does not take the problem.
        """
        self.plan, self.operands, self.answer = None, (), None
        try:
            self.plan = gemmconv.plan(pass_, *map(tuple, shapes), **options)
        except ValueError as reason:  # UnsupportedError is one
            return {"refused": str(reason)}
        generator = np.random.default_rng(0)
        self.operands = tuple(generator.standard_normal(shape, dtype=options["dtype"]) for shape in operands)
        self.answer = np.array(self.plan(*self.operands))
        variant = getattr(self.plan, "variant", None)
        return {"strategy": f"{self.plan.strategy}/{variant}" if variant else self.plan.strategy}

    def save(self, path: str) -> dict[str, Any]:
        """Write the answer to a file for the other version."""
        np.save(path, self.answer)
        return {}

    def compare(self, path: str, terms: int) -> dict[str, Any]:
        """The largest difference from the other version's answer, as a share of the tolerance; 0.0 for equal bits."""
        other, own = np.load(path, mmap_mode="r"), self.answer
        if other.shape != own.shape or other.dtype != own.dtype:
            return {"share": float("inf")}
        if np.array_equal(other.view(np.uint8), own.view(np.uint8)):
            return {"share": 0.0}
        tolerance = SLACK * float(np.finfo(own.dtype).eps) * terms**0.5 * max(float(np.abs(own).max()), 1e-30)
        difference = float(np.abs(own - other).max())
        return {"share": difference / tolerance if np.isfinite(difference) else float("inf")}

    def warm(self) -> dict[str, Any]:
        """Seconds of one call, after the first ones."""
        self.answer = None
        return {"seconds": min(self.block(1)["seconds"] for _ in range(WARM_UPS))}

    def block(self, repeats: int) -> dict[str, Any]:
        """Mean seconds of one call over ``repeats`` calls, after one that is not counted."""
        plan, (first, second) = self.plan, self.operands
        plan(first, second)
        start = time.perf_counter()
        for _ in range(min(repeats, MOST_REPEATS)):
            plan(first, second)
        return {"seconds": (time.perf_counter() - start) / min(repeats, MOST_REPEATS)}


def main() -> None:
    """Execute commands until the input ends."""
    side = Side()
    for line in sys.stdin:
        command, arguments = json.loads(line)
        print(json.dumps(getattr(side, command)(**arguments)), flush=True)


if __name__ == "__main__":
    main()
