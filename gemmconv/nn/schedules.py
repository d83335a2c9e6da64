"""Learning rates that change while training: functions of the epochs done, fractions included."""

from dataclasses import dataclass
from math import cos, pi


@dataclass(frozen=True)
class StepDecay:
    """``initial`` times ``factor`` once every ``every`` epochs.

    Parameters
    ----------
    initial : float
        The learning rate at the start.
    every : float
        Epochs between two steps.
    factor : float
        What each step multiplies by.

    Examples
    --------
    >>> from gemmconv import nn
    >>> rate = nn.StepDecay(0.5, every=10, factor=0.5)
    >>> rate(0), rate(9.9), rate(10), rate(20)
    (0.5, 0.5, 0.25, 0.125)
    """

    initial: float
    every: float = 10
    factor: float = 0.1

    def __post_init__(self) -> None:
        check_positive(initial=self.initial, every=self.every, factor=self.factor)

    def __call__(self, epoch: float) -> float:
        """The learning rate after that many epochs."""
        return float(self.initial * self.factor ** (epoch // self.every))


@dataclass(frozen=True)
class ExponentialDecay:
    """``initial * factor ** epoch``.

    Parameters
    ----------
    initial : float
        The learning rate at the start.
    factor : float
        What an epoch multiplies by.

    Examples
    --------
    >>> from gemmconv import nn
    >>> nn.ExponentialDecay(1.0, factor=0.5)(2)
    0.25
    """

    initial: float
    factor: float = 0.9

    def __post_init__(self) -> None:
        check_positive(initial=self.initial, factor=self.factor)

    def __call__(self, epoch: float) -> float:
        """The learning rate after that many epochs."""
        return float(self.initial * self.factor**epoch)


@dataclass(frozen=True)
class CosineDecay:
    """Half a cosine from ``initial`` down to ``final``, optionally after a linear rise from zero.

    Parameters
    ----------
    initial : float
        The highest learning rate.
    epochs : float
        Where the lowest is reached; it stays there.
    warm_up : float
        The epochs of the rise.
    final : float
        The lowest learning rate.

    Examples
    --------
    >>> from gemmconv import nn
    >>> rate = nn.CosineDecay(1.0, epochs=12, warm_up=2)
    >>> [round(rate(epoch), 3) for epoch in (0, 1, 2, 7, 12, 20)]
    [0.0, 0.5, 1.0, 0.5, 0.0, 0.0]
    """

    initial: float
    epochs: float
    warm_up: float = 0
    final: float = 0

    def __post_init__(self) -> None:
        check_positive(initial=self.initial, epochs=self.epochs)
        if not 0 <= self.warm_up < self.epochs:
            raise ValueError(f"warm_up must be at least 0 and below the {self.epochs} epochs, not {self.warm_up}")

    def __call__(self, epoch: float) -> float:
        """The learning rate after that many epochs."""
        if epoch < self.warm_up:
            return self.initial * epoch / self.warm_up
        done = min((epoch - self.warm_up) / (self.epochs - self.warm_up), 1)
        return self.final + (self.initial - self.final) * (1 + cos(pi * done)) / 2


def check_positive(**numbers: float) -> None:
    """ValueError naming the first that is not above zero."""
    for name, number in numbers.items():
        if not number > 0:
            raise ValueError(f"{name} must be positive, not {number}")
