"""What every test runs under: the installed package, a printed hypothesis seed, slow tests only on request."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from installation import ROOT, installed_editable

# `python -m pytest` puts the current folder on the path, where the source folder would hide the installed package.
sys.path[:] = [entry for entry in sys.path if Path(entry or os.curdir).resolve() != ROOT]

# Nothing random between two runs of the same tree: a failure here is a failure everywhere. "explore" draws anew and
# prints how to come back.
settings.register_profile(
    "fixed", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", parent=settings.get_profile("fixed"), derandomize=False, print_blob=True)
settings.load_profile(os.environ.get("GEMMCONV_TEST_PROFILE", "fixed"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run the tests marked slow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow") or "slow" in config.getoption("-m"):
        return
    skip = pytest.mark.skip(reason="slow: run with --slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


def pytest_report_header() -> list[str]:
    import gemmconv

    place = Path(gemmconv.__file__).resolve().parent
    if place == ROOT / "gemmconv" and not installed_editable():
        raise pytest.UsageError(f"the source folder {place} hides the installed package: run the tests as `pytest`")
    return [f"gemmconv {gemmconv.__version__} from {place}"]
