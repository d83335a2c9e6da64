"""The stub of the compiled module is true: mypy's stubtest compares it with the module itself."""

import subprocess
import sys
from pathlib import Path

import pytest

# Classes of pybind11 have a metaclass of its own, which no stub can name; their members are compared all the same.
ALLOWED = r"gemmconv\._core\.(Geometry|Packed|Plan|PoolGeometry|Settings)"


def test_the_stub_is_true(tmp_path: Path) -> None:
    pytest.importorskip("mypy.stubtest", reason="mypy is not installed: pip install 'gemmconv[dev]'")
    allowed = tmp_path / "allowed"
    allowed.write_text(ALLOWED)
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "gemmconv._core", "--concise", "--allowlist", allowed],
        cwd=tmp_path,  # away from the source tree, whose folder would hide the installed package
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
