"""`bench/before_after.py`: two versions, here twice the installed one; no time is asserted."""

import csv
import sys
from pathlib import Path
from typing import Any

import pytest

import before_after

LAYERS = """# mine
network,layer,groups,ic,ih,iw,oc,oh,ow,kh,kw,sh,sw,ph,pw,dh,dw
mine,a,1,3,9,8,4,5,4,3,3,2,2,1,1,1,1
mine,same_as_a,1,3,9,8,4,5,4,3,3,2,2,1,1,1,1
mine,b,2,4,6,6,6,6,6,1,1,1,1,0,0,1,1
"""


@pytest.fixture
def layers(tmp_path: Path) -> Path:
    path = tmp_path / "layers.csv"
    path.write_text(LAYERS)
    return path


def run(layers: Path, *words: str) -> tuple[int, list[dict[str, str]]]:
    """The exit code and the rows of the CSV file."""
    output = layers.with_name("out.csv")
    quick = ["--repeat", "1", "--limit", "1e9", "--output", str(output)]
    code = before_after.main([sys.executable, sys.executable, str(layers), *quick, *words])
    with output.open() as file:
        return code, list(csv.DictReader(file))


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_every_different_pass_is_timed(layout: str, layers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, rows = run(layers, "--batch", "2", "--layout", layout, "--dtype", "float64")
    assert code == 0
    assert [(row["layer"], row["pass"]) for row in rows] == [
        (f"mine/{name}", pass_) for name in "ab" for pass_ in before_after.PASSES
    ]
    for row in rows:
        assert float(row["ratio"]) > 0
        assert row["bits"] == "same"
        assert row["before"] == row["after"] != ""
    printed = capsys.readouterr().out
    assert "geometric mean of 6" in printed
    assert "the worst:" in printed


def test_what_a_version_refuses_is_told(layers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, rows = run(layers, "--strategy", "depthwise", "--filter", "*/a", "--pass", "forward")
    assert code == 0
    (row,) = rows
    assert row["ratio"] == ""
    assert row["note"].startswith('before: strategy "depthwise" cannot')
    assert "not timed: 1" in capsys.readouterr().out


def test_answers_that_differ_are_not_timed(layers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = before_after.Version.ask

    def differing(version: Any, command: str, **arguments: Any) -> dict[str, Any]:
        return {"share": 2.5} if command == "compare" else ask(version, command, **arguments)

    monkeypatch.setattr(before_after.Version, "ask", differing)
    code, rows = run(layers, "--filter", "*/b", "--pass", "forward")
    assert code == 1
    assert rows[0]["note"] == "THE ANSWERS DIFFER by 2.5 times what is tolerated"
    assert rows[0]["ratio"] == ""
