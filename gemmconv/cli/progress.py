"""A progress bar on a terminal; silent elsewhere, and where tqdm is not installed."""

from types import TracebackType
from typing import Any, Protocol, Self


class Bar(Protocol):
    """The interface of a progress bar."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Any: ...
    def update(self, n: float = 1) -> Any:
        """Advance by ``n`` steps."""

    def set_description(self, desc: str) -> Any:
        """Change the text before the bar."""


class NoBar:
    """A progress bar that is not shown."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        return None

    def update(self, n: float = 1) -> None:
        """Do nothing."""

    def set_description(self, desc: str) -> None:
        """Do nothing."""


def progress_bar(total: int, description: str, unit: str) -> Bar:
    """A bar of ``total`` steps on stderr, which is removed at the end.

    Parameters
    ----------
    total : int
        Number of steps.
    description, unit : str
        The text before the bar, and the name of a step.

    Returns
    -------
    Bar
        A context manager with ``update`` and ``set_description``.
    """
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        return NoBar()
    bar: Bar = tqdm(total=total, desc=description, unit=unit, disable=None, leave=False, dynamic_ncols=True)
    return bar
