"""The argument and the result of a step of the demonstration."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Picture:
    """A file that was written, and what it shows in a sentence."""

    path: Path
    shows: str


@dataclass(frozen=True)
class Outcome:
    """The findings of a step."""

    lines: tuple[str, ...] = ()  # for a reader
    figures: dict[str, Any] = field(default_factory=dict)  # for a machine
    pictures: tuple[Picture, ...] = ()
    passed: bool = True  # whether all checks of the step passed


@dataclass(frozen=True)
class Stage:
    """Where pictures go, which backend computes and how long the network trains."""

    output: Path
    backend: str | None = None
    epochs: int | None = None  # None: as many as the backend does in a few seconds

    def path(self, name: str) -> Path:
        """The file of that name in the folder of the demonstration."""
        return self.output / name


@dataclass(frozen=True)
class Step:
    """A part of the demonstration. It does not depend on the others, so that any can be left out."""

    name: str
    title: str
    run: Callable[[Stage], Outcome]
