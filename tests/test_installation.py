"""The tests import the installed package, not the source folder beside them."""

import subprocess
import sys
from pathlib import Path

from installation import ROOT, installed_editable

import gemmconv
from gemmconv import _core


def test_the_installed_package_is_tested() -> None:
    place = Path(gemmconv.__file__).resolve().parent
    assert installed_editable() or place != ROOT / "gemmconv"
    assert Path(_core.__file__).exists()


def test_the_source_folder_explains_itself(tmp_path: Path) -> None:
    """A checkout that was never built says in one sentence what to do."""
    copy = tmp_path / "gemmconv"
    copy.mkdir()
    for file in (ROOT / "gemmconv").glob("*.py"):
        (copy / file.name).write_text(file.read_text())
    done = subprocess.run(
        [sys.executable, "-S", "-c", "import gemmconv"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    message = done.stderr.strip().splitlines()[-1]
    assert message.startswith("ImportError: ")
    assert "pip install" in message
