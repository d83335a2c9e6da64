"""Where the gemmconv under test was installed from."""

import importlib.metadata
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def installed_editable() -> bool:
    """Whether the installed gemmconv is a link to a source tree, which then is what must be tested."""
    origin = importlib.metadata.distribution("gemmconv").read_text("direct_url.json")
    return origin is not None and bool(json.loads(origin).get("dir_info", {}).get("editable"))
