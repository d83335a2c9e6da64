"""Where the gemmconv under test was installed from, and fresh processes that use it."""

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Idle OpenMP workers sleep, they do not spin: where other processes want the cores, calls on several threads are soon
# done (random geometries in 7 seconds instead of 43, two busy cores). libgomp reads this when it is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# `python -m pytest` puts the current folder on the path, where the source folder would hide the installed package.
sys.path[:] = [entry for entry in sys.path if Path(entry or os.curdir).resolve() != ROOT]


def installed_editable() -> bool:
    """Whether the installed gemmconv is editable, that is, a link to a source tree."""
    origin = importlib.metadata.distribution("gemmconv").read_text("direct_url.json")
    return origin is not None and bool(json.loads(origin).get("dir_info", {}).get("editable"))


def fresh_python(code: str, *arguments: str, **variables: str) -> str:
    """The output of code in a new Python process, whose variables for numbers of threads are only those given here."""
    own = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "GEMMCONV_NUM_THREADS", "GEMMCONV_ISA")
    environment = {name: value for name, value in os.environ.items() if name not in own}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *arguments],  # -P: not from the folder it starts in
        env={**environment, **variables},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"ended with {done.returncode}: {done.stderr[-3000:]}"
    return done.stdout.strip()
