"""No variant accesses memory beyond an operand or the output: each lies next to a page that faults, on either side."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import gemmconv

mmap = pytest.importorskip("mmap")
pytestmark = pytest.mark.skipif(not hasattr(mmap, "PROT_READ"), reason="pages without access are made by mprotect")
FENCE = """
import ctypes
from guarded_calls import ARENA_BYTES, Arena
arena = Arena()
start = arena.bytes.ctypes.data
ctypes.string_at(start, ARENA_BYTES)
print("inside", flush=True)
ctypes.string_at(start + PLACE, 1)
"""
SCRIPT = Path(__file__).resolve().parent / "guarded_calls.py"


@pytest.mark.parametrize("side", ["before", "behind"])
@pytest.mark.parametrize("isa", gemmconv.show_config(mode="dicts")["isa_available"])
def test_every_operand_at_the_edge_of_memory(isa: str, side: str, tmp_path: Path) -> None:
    last_words = tmp_path / "last_words"
    last_words.touch()
    done = subprocess.run(
        [sys.executable, "-P", SCRIPT, side, last_words],
        env={**os.environ, "GEMMCONV_ISA": isa, "PYTHONPATH": str(SCRIPT.parent)},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode >= 0, f"died of signal {-done.returncode} in: {last_words.read_text().strip()}"
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    assert int(done.stdout) > 10_000


@pytest.mark.parametrize("place", ["-1", "ARENA_BYTES"])
def test_the_pages_fault(place: str) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", FENCE.replace("PLACE", place)],
        env={**os.environ, "PYTHONPATH": str(SCRIPT.parent), "ASAN_OPTIONS": "handle_segv=0"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "inside\n"
    assert done.returncode < 0
