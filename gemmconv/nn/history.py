"""The measures of a training, epoch by epoch, and its state."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf

from gemmconv.annotations import Array

Record = dict[str, float]
"""The measures of one epoch, by name."""


class History:
    """The measures of every epoch: ``history["loss"]`` is a list with one entry an epoch.

    Attributes
    ----------
    records : list of dict
        One for each epoch, with ``loss``, ``learning_rate``, ``seconds`` and, where they were measured, ``accuracy``,
        ``validation_loss`` and ``validation_accuracy``.

    Examples
    --------
    >>> from gemmconv import nn
    >>> history = nn.History([{"loss": 2.0}, {"loss": 1.0}])
    >>> history["loss"], len(history), history.best("loss")
    ([2.0, 1.0], 2, 1)
    """

    def __init__(self, records: list[Record] | None = None) -> None:
        self.records: list[Record] = records or []

    def __getitem__(self, name: str) -> list[float]:
        found = [record[name] for record in self.records if name in record]
        if not found:
            raise KeyError(f"no epoch measured {name!r}: there is {', '.join(self.names()) or 'nothing yet'}")
        return found

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __repr__(self) -> str:
        return f"History({len(self)} epochs of {', '.join(self.names()) or 'nothing yet'})"

    def names(self) -> list[str]:
        """The names of the measures."""
        return list(dict.fromkeys(name for record in self.records for name in record))

    def best(self, name: str) -> int:
        """The epoch, counted from 0, whose measure of that name is the smallest."""
        measures = self[name]
        return measures.index(min(measures))


@dataclass
class Progress:
    """The state of a training: all that a checkpoint stores besides weights, optimiser and generator."""

    epoch: int = 0
    best_loss: float = inf
    epochs_without_gain: int = 0
    records: list[Record] = field(default_factory=list)
    best: dict[str, Array] = field(default_factory=dict)
