"""Rules of the Python tree: no import circle, and array work only in backends."""

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from installation import ROOT

PACKAGE = ROOT / "gemmconv"
# What a user calls; the functions of backends do the work.
FRONT = ("activations", "convolution", "max_pooling", "patches", "planning", "pooling", "settings", "transposed")
# Of `nn`, the modules through which a network's arrays pass: they ask the arrays' backend for what NumPy could do.
NETWORK = ("backpropagation", "convolutional", "dense", "layer", "losses", "model", "optimizers", "pooling",
           "regularisation", "training")  # fmt: skip
# Two circles are in what moves to bench/: comparisons with peers and their reports.
LEFT_OUT = "gemmconv.cli.bench."
# Random numbers, types, and first weights, which are drawn in the host's memory.
ALLOWED = {"random", "dtype", "float32", "float64", "integer", "full"}


@cache
def modules() -> dict[str, Path]:
    """The package's modules by name, the compiled one by its stub."""
    found = {}
    for file in (*PACKAGE.rglob("*.py"), PACKAGE / "_core.pyi"):
        parts = file.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imports(file: Path) -> set[str]:
    """The modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            submodules = {f"{node.module}.{alias.name}" for alias in node.names} & modules().keys()
            others = len(submodules) < len(node.names)
            found |= submodules | ({node.module} if others else set())
    return found


def test_no_import_circle() -> None:
    inside = {name: file for name, file in modules().items() if not name.startswith(LEFT_OUT)}
    graph = {name: imports(file) & inside.keys() - {name} for name, file in inside.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("name", FRONT)
def test_the_front_leaves_arrays_to_backends(name: str) -> None:
    numpy = {module for module in imports(PACKAGE / f"{name}.py") if module.partition(".")[0] == "numpy"}
    assert numpy <= {"numpy.typing"}


@pytest.mark.parametrize("name", NETWORK)
def test_networks_name_no_array_library_for_data(name: str) -> None:
    tree = ast.parse((PACKAGE / "nn" / f"{name}.py").read_text())
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "np"
    }
    assert used <= ALLOWED
