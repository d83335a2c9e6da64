"""The threads of the session, and its results as a table and a plot at its end."""

from pathlib import Path

import pytest

import gemmconv
from gemmconv.cli.bench.plots import draw, draw_contest
from gemmconv.cli.bench.records import Record
from gemmconv.cli.bench.report import contest_table
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
def add_record():
    """Adds a record to the table and the plot."""
    return RECORDS.append


def pytest_sessionfinish(session):
    if not RECORDS:
        return
    folder = session.config.getoption("--gemmconv-output")
    folder.mkdir(parents=True, exist_ok=True)
    found = contest_table(RECORDS)
    table = folder / "pytest_benchmark.md"
    table.write_text(f"{markdown_table(found.headers, found.rows, found.left)}\n\n{found.meaning}\n", encoding="utf-8")
    picture = draw(draw_contest, "Strategies on layers of real networks", RECORDS, folder / "pytest_benchmark.png")
    session.config.get_terminal_writer().line(f"\ngemmconv: wrote {table} and {picture}")
