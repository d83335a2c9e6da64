"""Layers of real networks, from ``layers.csv`` or a user's own file with the same columns."""

import csv
import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path

from gemmconv.cli.failures import Failure
from gemmconv.cli.problems import Problem, make_problem


@dataclass(frozen=True)
class Layer:
    """A convolution layer; ``problem`` has batch 1."""

    network: str
    name: str
    short: str  # empty for most
    problem: Problem

    @property
    def label(self) -> str:
        """Its short name, or ``network/name``."""
        return self.short or f"{self.network}/{self.name}"

    def batched(self, batch: int) -> Problem:
        """Its convolution of a batch of that size."""
        return replace(self.problem, x_shape=(batch, *self.problem.x_shape[1:]))


@cache
def all_layers() -> tuple[Layer, ...]:
    """Every layer of the file, checked against the output sizes that the file gives."""
    text = files("gemmconv.cli.bench").joinpath("layers.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return tuple(layer_of(row) for row in rows)


COLUMNS = "network,layer,groups,ic,ih,iw,oc,oh,ow,kh,kw,sh,sw,ph,pw,dh,dw"


def read_layers(path: Path) -> list[Layer]:
    """The layers of a user's file: the columns of ``layers.csv``, of which ``short`` may be missing.

    Raises
    ------
    Failure
        If it is no such file; the message names the line.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    numbered = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line and not line.startswith("#")]
    rows = csv.DictReader(line for _, line in numbered)
    missing = [name for name in COLUMNS.split(",") if name not in (rows.fieldnames or ())]
    if missing:
        raise Failure(f"{path} has no column {', '.join(missing)}; expected {COLUMNS}, and short or not")
    layers = []
    for (number, _), row in zip(numbered[1:], rows, strict=True):
        try:
            layers.append(layer_of({"short": "", **row}))
        except (ValueError, TypeError, KeyError, ZeroDivisionError) as error:
            raise Failure(f"{path}, line {number}, is not a layer: {error}") from error
    if not layers:
        raise Failure(f"{path} has no layers")
    return layers


def distinct(layers: Sequence[Layer]) -> list[Layer]:
    """The layers without repeated convolutions: the first of equal ones is included."""
    seen: dict[Problem, Layer] = {}
    for layer in layers:
        seen.setdefault(replace(layer.problem, name=""), layer)
    return list(seen.values())


def layer_of(row: dict[str, str]) -> Layer:
    """The layer of one row."""
    number = {column: int(value) for column, value in row.items() if column not in ("short", "network", "layer")}
    problem = make_problem(
        row["short"] or f"{row['network']}/{row['layer']}",
        (1, number["ic"], number["ih"], number["iw"]),
        (number["oc"], number["ic"] // number["groups"], number["kh"], number["kw"]),
        stride=(number["sh"], number["sw"]),
        padding=(number["ph"], number["pw"]),
        dilation=(number["dh"], number["dw"]),
        groups=number["groups"],
    )
    if problem.output != (number["oh"], number["ow"]):
        raise ValueError(f"{problem.name} has an output of {problem.output}, not {(number['oh'], number['ow'])}")
    return Layer(row["network"], row["layer"], row["short"], problem)


def choose_layers(patterns: Sequence[str], among: Sequence[Layer]) -> list[Layer]:
    """Layers whose short or full name matches one of ``patterns``.

    Raises
    ------
    Failure
        If a pattern matches no layer.
    """
    chosen: list[Layer] = []
    for pattern in patterns:
        found = [layer for layer in among if matches(layer, pattern)]
        if not found:
            named = ", ".join([layer.short for layer in among if layer.short] or [layer.label for layer in among[:20]])
            raise Failure(f"no layer matches {pattern!r}: 'all', a pattern such as 'resnet_50/*', or one of {named}")
        chosen += [layer for layer in found if layer not in chosen]
    return chosen


def matches(layer: Layer, pattern: str) -> bool:
    """Whether ``pattern`` (shell wildcards, or ``all``) names the layer."""
    names = (layer.short, f"{layer.network}/{layer.name}")
    return pattern == "all" or any(fnmatch.fnmatchcase(name, pattern) for name in names if name)


def named_layers() -> list[Layer]:
    """The default set: those with a short name."""
    return [layer for layer in all_layers() if layer.short]


def resnet_3x3() -> list[Layer]:
    """ResNet-50's 3x3 layers."""
    return [layer for layer in all_layers() if layer.network == "resnet_50" and layer.problem.w_shape[2:] == (3, 3)]


def grouped_layers() -> list[Layer]:
    """Named layers with groups, depthwise ones included."""
    return [layer for layer in named_layers() if layer.problem.groups > 1]
