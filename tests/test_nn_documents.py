"""The derivation and the docstrings of networks: their examples run, their tests exist. The examples run."""

import doctest
import importlib
import inspect
import pkgutil
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from installation import ROOT

import gemmconv
from gemmconv import nn

DERIVATION = ROOT / "docs" / "derivation.md"
SCRIPTS = sorted((ROOT / "examples").glob("*.py"))


def test_derivation_runs() -> None:
    """All its examples are one session, from top to bottom."""
    blocks = re.findall(r"^```pycon\n(.*?)^```$", DERIVATION.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 10
    session = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "derivation.md", str(DERIVATION), 0)
    with np.printoptions(), gemmconv.options():
        assert doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(session).failed == 0


def test_tests_that_the_derivation_names_exist() -> None:
    named = set(re.findall(r"`(test_\w+)`", DERIVATION.read_text(encoding="utf-8")))
    written = {
        name
        for file in (ROOT / "tests").glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(named) > 30
    assert named <= written, named - written


def test_every_formula_test_is_in_the_derivation() -> None:
    text = DERIVATION.read_text(encoding="utf-8")
    for file in ("test_formulas.py", "test_formulas_derivation.py"):
        for name in re.findall(r"^def (test_\w+)", (ROOT / "tests" / file).read_text(encoding="utf-8"), re.MULTILINE):
            assert f"`{name}`" in text, f"{file}: {name}"


def test_functions_that_the_derivation_names_exist() -> None:
    text = DERIVATION.read_text(encoding="utf-8")
    for name in re.findall(r"`((?:nn\.)?[A-Za-z_0-9]+)\(", text):
        place, _, own = name.rpartition(".")
        assert hasattr(nn if place else gemmconv, own), name


@pytest.mark.parametrize("module", [info.name for info in pkgutil.iter_modules(nn.__path__)])
def test_docstring_examples_run(module: str) -> None:
    if module == "classifier" or module == "digits":
        pytest.importorskip("sklearn")
    with np.printoptions(), gemmconv.options():
        found = doctest.testmod(
            importlib.import_module(f"gemmconv.nn.{module}"), optionflags=doctest.NORMALIZE_WHITESPACE
        )
    assert found.failed == 0


@pytest.mark.parametrize("name", nn.__all__)
def test_public_names_are_documented(name: str) -> None:
    thing = getattr(nn, name)
    text = inspect.getdoc(thing) or ""
    assert text.strip()
    if isinstance(thing, type) and issubclass(thing, nn.Layer) and thing is not nn.Layer:
        assert ">>>" in text, f"{name} has no example"
        for parameter in inspect.signature(thing).parameters:
            assert parameter in text, f"{name} does not tell of {parameter}"


def test_lenet_is_short() -> None:
    code = [line for line in (ROOT / "examples" / "lenet.py").read_text().splitlines() if line.strip()]
    assert len(code) <= 25


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_example_runs(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    with gemmconv.options(threads=1):
        runpy.run_path(str(script), run_name="__main__")
    assert capsys.readouterr().out.strip()


def test_there_are_examples() -> None:
    assert {"lenet.py", "own_arrays.py", "image_filter.py", "own_layer.py"} <= {script.name for script in SCRIPTS}
