"""The Python examples of the documents run, and their commands, extras and links exist."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from installation import ROOT

from gemmconv import _core
from gemmconv.cli.command_line import COMMANDS, build_parser

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "bench").glob("*.md")])
IDS = [document.relative_to(ROOT).as_posix() for document in DOCUMENTS]


def blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_there_are_documents() -> None:
    assert {"README.md", "docs/strategies.md", "docs/accuracy.md", "docs/linking.md", "bench/README.md"} <= set(IDS)


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if blocks(d, "python")], ids=lambda d: d.name)
def test_examples_run(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page are one program, read from above."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(document, "python"):
        exec(compile(block, document.name, "exec"), names)


def test_readme_example_descends() -> None:
    """The step that the README takes makes its cost smaller."""
    import numpy as np

    import gemmconv

    names: dict[str, Any] = {}
    exec(blocks(ROOT / "README.md", "python")[0], names)
    before = float(np.sum((names["y"] - 1) ** 2))
    z = gemmconv.conv(names["x"], names["w"], padding="same")
    after = float(np.sum((gemmconv.max_pool(gemmconv.activate(z, "relu"), 2) - 1) ** 2))
    assert after < before


def test_readme_example_is_short() -> None:
    code = [line for line in blocks(ROOT / "README.md", "python")[0].splitlines() if line.strip()]
    assert len(code) <= 15


@pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{document.name} links {target}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)
def test_commands_and_extras_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for command in re.findall(r"`gemmconv ([a-z]+)|^gemmconv ([a-z]+)|&& gemmconv ([a-z]+)", text, re.MULTILINE):
        assert set(command) - {""} <= set(COMMANDS), f"{document.name}: gemmconv {command}"
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for named in re.findall(r"pip install '?\.\[([a-z,]+)\]", text):
        assert set(named.split(",")) <= set(extras), f"{document.name}: [{named}]"


def test_strategies_have_their_sections() -> None:
    text = (ROOT / "docs" / "strategies.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## `(\w+)`$", text, re.MULTILINE)
    assert tuple(headings) == _core.strategy_names()


@pytest.mark.parametrize("name", _core.strategy_names())
def test_strategies_say_whether_they_are_there(name: str) -> None:
    import gemmconv

    text = (ROOT / "docs" / "strategies.md").read_text(encoding="utf-8")
    section = text.split(f"## `{name}`")[1].split("\n## ")[0]
    try:
        gemmconv.plan("forward", (1, 8, 12, 12), (8, 8, 3, 3), padding=1, strategy=name)
        there = True
    except gemmconv.UnsupportedError as refusal:
        there = "does not contain" not in str(refusal)
    assert there != ("does not contain" in " ".join(section.split()))


def test_options_have_help() -> None:
    parsers = [build_parser()]
    while parsers:
        parser = parsers.pop()
        for action in parser._actions:
            if isinstance(action.choices, dict):
                parsers += action.choices.values()
            elif action.dest != "help" and action.option_strings:
                assert action.help, f"{parser.prog} {action.option_strings} has no help"
