"""The conditions of all tests: the installed package, hypothesis's seed printed, slow tests only on request."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from installation import ROOT, installed_editable
from numpy.typing import NDArray
from pictures import K1, K2, H, W

# Nothing random between two runs of the same tree: a failure here is a failure everywhere. "explore" draws anew and
# prints how to come back.
settings.register_profile(
    "fixed", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", parent=settings.get_profile("fixed"), derandomize=False, print_blob=True)
settings.load_profile(os.environ.get("GEMMCONV_TEST_PROFILE", "fixed"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run the tests marked slow")
    parser.addoption("--cases", type=int, default=300, help="how many geometries test_fuzz draws (default: 300)")
    parser.addoption("--seed", type=int, default=1, help="where its draw begins (default: 1)")


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


@pytest.fixture
def image() -> NDArray[Any]:
    """The input of the formula tests."""
    return np.random.default_rng(1).standard_normal((H, W))


@pytest.fixture
def kernel() -> NDArray[Any]:
    """The kernel of the formula tests."""
    return np.random.default_rng(2).standard_normal((K1, K2))


@pytest.fixture
def delta() -> NDArray[Any]:
    """Errors of the valid outputs."""
    return np.random.default_rng(3).standard_normal((H - K1 + 1, W - K2 + 1))


@pytest.fixture
def wide_delta() -> NDArray[Any]:
    """Errors of all outputs of full padding."""
    return np.random.default_rng(4).standard_normal((H + K1 - 1, W + K2 - 1))
