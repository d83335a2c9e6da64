"""Threads pinned for the whole session; what was measured goes into a table and a plot at its end."""

from pathlib import Path

import pytest

import gemmconv
from gemmconv.cli.bench.plots import draw
from gemmconv.cli.bench.records import Record
from gemmconv.cli.bench.report import table_of
from gemmconv.cli.bench.timing import pinned
from gemmconv.cli.table import markdown_table

RECORDS: list[Record] = []


def pytest_addoption(parser):
    group = parser.getgroup("gemmconv")
    group.addoption("--gemmconv-threads", type=int, default=1, help="threads of every contestant")
    group.addoption("--gemmconv-output", type=Path, default=Path("gemmconv-bench"), help="folder of the table and plot")


@pytest.fixture(scope="session", autouse=True)
def threads(request):
    number = request.config.getoption("--gemmconv-threads")
    with pinned(number), gemmconv.options(threads=number):
        yield number


@pytest.fixture
def keep():
    """Keeps a record for the table and the plot."""
    return RECORDS.append


def pytest_sessionfinish(session):
    if not RECORDS:
        return
    folder = session.config.getoption("--gemmconv-output")
    folder.mkdir(parents=True, exist_ok=True)
    headers, rows, meaning = table_of("strategies", RECORDS)
    table = folder / "pytest_benchmark.md"
    table.write_text(f"{markdown_table(headers, rows, left=3)}\n\n{meaning}\n", encoding="utf-8")
    picture = draw("pytest_benchmark", "Strategies on layers of real networks", RECORDS, folder)
    session.config.get_terminal_writer().line(f"\ngemmconv: wrote {table} and {picture}")
