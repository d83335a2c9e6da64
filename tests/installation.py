"""Where the gemmconv under test was installed from."""

import importlib.metadata
import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# `python -m pytest` puts the current folder on the path, where the source folder would hide the installed package.
sys.path[:] = [entry for entry in sys.path if Path(entry or os.curdir).resolve() != ROOT]


def installed_editable() -> bool:
    """Whether the installed gemmconv is a link to a source tree, which then is what must be tested."""
    origin = importlib.metadata.distribution("gemmconv").read_text("direct_url.json")
    return origin is not None and bool(json.loads(origin).get("dir_info", {}).get("editable"))
