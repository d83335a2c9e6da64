"""Everything public is documented, with an example that runs."""

import doctest
import importlib
import inspect
import pkgutil

import numpy as np
import pytest

import gemmconv

PUBLIC = [name for name in gemmconv.__all__ if not name.startswith("__")]
FUNCTIONS = [name for name in PUBLIC if inspect.isfunction(getattr(gemmconv, name))]


@pytest.mark.parametrize("name", PUBLIC)
def test_has_a_docstring(name: str) -> None:
    assert (inspect.getdoc(getattr(gemmconv, name)) or "").strip()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_docstring_has_its_sections(name: str) -> None:
    text = inspect.getdoc(getattr(gemmconv, name)) or ""
    function = inspect.signature(getattr(gemmconv, name))
    for section in ("Returns", "Examples"):
        if section == "Returns" and function.return_annotation in (None, "None"):
            continue
        assert f"\n{section}\n---" in text, f"{name} has no section {section}"
    if function.parameters:
        assert "\nParameters\n---" in text
        for parameter in function.parameters:
            assert parameter in text, f"{name} does not tell of {parameter}"


def modules() -> list[str]:
    found = [info.name for info in pkgutil.walk_packages(gemmconv.__path__, "gemmconv.")]
    skipped = ("gemmconv._core", "gemmconv.__main__")
    return ["gemmconv", *(name for name in found if name not in skipped and not name.startswith("gemmconv.nn"))]


@pytest.mark.parametrize("module", modules())
def test_examples_run(module: str) -> None:
    with np.printoptions(), gemmconv.options():
        results = doctest.testmod(importlib.import_module(module), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert results.failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder()
    for name in FUNCTIONS:
        assert any(test.examples for test in finder.find(getattr(gemmconv, name), name)), f"{name} has no example"


def test_options_are_keyword_only() -> None:
    """Arrays and the shapes or kernel size that stand first are positional; every option is keyword-only."""
    positional = {
        "x", "w", "bias", "dy", "da", "z", "y", "dx", "cols", "indices", "pass_", "name", "mode",
        "input_shape", "weight_shape", "output_shape", "x_shape", "w_shape", "kernel_size", "output_size",
    }  # fmt: skip
    for name in FUNCTIONS:
        for parameter in inspect.signature(getattr(gemmconv, name)).parameters.values():
            if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
                if (name, parameter.name) == ("strategies", "backend"):  # all that it is about
                    continue
                assert parameter.name in positional, f"{name}({parameter.name})"
