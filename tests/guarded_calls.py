"""Calls with every operand next to a page that faults when it is accessed; test_guard_pages.py runs this in a process.

    python tests/guarded_calls.py before|behind FILE

An arena is a block of memory between two pages without access. `behind` puts each operand, the output and the scratch
memory against the end of their arenas, so that the page lies directly behind; `before` puts them at the start. A read
or write beyond that side is a fault: the process dies, and the call's name stands in the file. The rest of an arena and
the scratch memory hold NaN, so a read beyond the other side, or of scratch memory that nobody wrote, spoils the answer,
which must have the bits of the same call on ordinary memory; a write there is seen.
"""

from __future__ import annotations

import ctypes
import itertools
import mmap
import os
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from c_interface import CPlan
from cases import CASES, DTYPES, LAYERS, LAYOUTS, PASSES, Case, in_layout, named
from numpy.typing import NDArray
from passes import VARIANTS, answer_shape, plan_for

import gemmconv

Array = NDArray[Any]

ARENA_BYTES = 16 << 20
SURROUNDINGS = 4096  # how far beside the output a stray write is looked for
PROT_NONE = 0
THREADS = (1, 1, 1, 3)


class Arena:
    """Memory between two pages that fault when they are accessed."""

    def __init__(self) -> None:
        page = mmap.PAGESIZE
        self._all = mmap.mmap(-1, ARENA_BYTES + 2 * page)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._all))
        library = ctypes.CDLL(None, use_errno=True)
        library.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        for fence in (start, start + page + ARENA_BYTES):
            if library.mprotect(fence, page, PROT_NONE):
                raise OSError(ctypes.get_errno(), "mprotect refuses a guard page")
        self.bytes = np.frombuffer(self._all, np.uint8, ARENA_BYTES, page)
        self.bytes[:] = 0xFF  # NaN, as float32 and as float64

    def place(self, shape: tuple[int, ...], dtype: str, side: str, alignment: int = 1) -> Array:
        """An array next to one of the two pages, or as near as its alignment allows."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        assert size <= ARENA_BYTES - SURROUNDINGS, f"{size} bytes do not fit the arena"
        start = (ARENA_BYTES - size) // alignment * alignment if side == "behind" else 0
        return self.bytes[start : start + size].view(dtype).reshape(shape)

    def beside(self, array: Array, side: str) -> Array:
        """The bytes next to `array` on the side away from the page."""
        size = array.nbytes
        if side == "behind":
            return self.bytes[ARENA_BYTES - size - SURROUNDINGS : ARENA_BYTES - size]
        return self.bytes[size : size + SURROUNDINGS]


def partial_tile_cases() -> Iterator[Case]:
    """Rows and channels of every length around 4, 8, 16, 32 and 48 lanes, in each order in which variants read them."""
    for width in (*range(1, 20), 23, 31, 32, 33, 47, 48, 49, 63, 65):
        yield named(f"row_of_{width}", (1, 3, 3, width + 2), 5, 3)
        yield named(f"padded_row_of_{width}", (2, 2, 4, width), 3, 3, padding=1)
        yield named(f"one_by_one_of_{width}", (1, 5, 1, width), 7, 1)
        yield named(f"strided_row_of_{width}", (1, 2, 5, 2 * width + 1), 3, 3, stride=2)
        yield named(f"strided_one_by_one_of_{width}", (1, 3, 3, 2 * width), 4, 1, stride=2)
        yield named(f"dilated_row_of_{width}", (1, 2, 5, width + 4), 3, 3, dilation=2)
        yield named(f"depthwise_row_of_{width}", (1, 3, 4, width), 3, 3, groups=3, padding=1)
        yield named(f"depthwise_five_of_{width}", (1, 2, 6, width), 2, 5, groups=2, padding=2)
        yield named(f"depthwise_strided_of_{width}", (1, 3, 5, 2 * width + 1), 3, 3, groups=3, stride=2, padding=1)
        yield named(f"one_axis_of_{width}", (1, 2, width + 2), 3, 3)
        yield named(f"channels_to_{width}", (1, 3, 3, 4), width, 3, padding=1)
        yield named(f"channels_from_{width}", (1, width, 3, 4), 3, 3, padding=1)
        yield named(f"channels_of_{width}", (1, width, 2, 3), width, 1)
        yield named(f"depthwise_channels_of_{width}", (1, width, 4, 5), width, 3, groups=width, padding=1)
        yield named(f"groups_of_{width}", (1, 2 * width, 3, 3), 2 * width, 2, groups=2)


def calls() -> Iterator[tuple[Case, str, str, str, str]]:
    """Every case in every pass, dtype, layout and variant."""
    cases = [*CASES, *LAYERS, *partial_tile_cases()]
    yield from itertools.product(cases, PASSES, DTYPES, LAYOUTS, ("auto", *VARIANTS))


def main(side: str, file: str) -> int:
    """Make all calls; the number of those whose answer or surroundings are wrong is the exit code, at most 100."""
    arenas = {name: Arena() for name in ("first", "second", "bias", "out", "workspace")}
    last_words = os.open(file, os.O_WRONLY)
    generator = np.random.default_rng(5)
    done = wrong = 0
    for number, (case, pass_, dtype, layout, strategy) in enumerate(calls()):
        words = f"{case} {pass_} {dtype} {layout} {strategy}"
        threads = THREADS[number % len(THREADS)]
        chosen: dict[str, Any] = {"flip": number % 2 == 1, "activation": None}
        if pass_ == "forward" and number % 3 == 0:
            chosen["activation"] = "sigmoid"
        try:
            plan = CPlan(case, pass_, dtype, layout, strategy, threads=threads, **chosen)
        except gemmconv.UnsupportedError:
            continue
        with gemmconv.options(threads=threads):
            usual = plan_for(case, pass_, dtype, layout=layout, strategy=strategy, **chosen)
        os.pwrite(last_words, words.ljust(200).encode(), 0)
        first_shape, second_shape, _ = case.shapes(pass_)
        first = in_layout(generator.standard_normal(first_shape).astype(dtype), layout)
        second = generator.standard_normal(second_shape).astype(dtype)
        second = in_layout(second, layout) if pass_ == "backward_weight" else second
        operands = {"first": first, "second": second}
        if pass_ == "forward" and number % 2:
            operands["bias"] = generator.standard_normal(case.out_channels).astype(dtype)
        placed = {}
        for name, values in operands.items():
            placed[name] = arenas[name].place(values.shape, dtype, side)
            placed[name][...] = values
        out = arenas["out"].place(answer_shape(case, pass_, layout), dtype, side)
        workspace = arenas["workspace"].place((plan.workspace_bytes,), "uint8", side, alignment=64)
        workspace[:] = 0xFF
        plan(placed["first"], placed["second"], placed.get("bias"), out, workspace if workspace.size else None)
        expected = usual(*operands.values())
        if not np.array_equal(out, expected):
            print(f"{words}: other bits than on ordinary memory")
            wrong += 1
        if (arenas["out"].beside(out, side) != 0xFF).any():
            print(f"{words}: written beside the output")
            wrong += 1
        for array in (*placed.values(), out):
            array.reshape(-1).view(np.uint8)[:] = 0xFF
        done += 1
    print(done)
    return min(wrong, 100)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
