"""The settings of calls and plans. They are context variables, so that no thread or task changes those of another."""

import enum
from contextvars import ContextVar
from types import TracebackType
from typing import TypedDict

from gemmconv import _core

# All settings are one immutable object, so that a call reads them by a single ContextVar.get().
current: ContextVar[_core.Settings] = ContextVar("gemmconv_settings", default=_core.Settings())  # noqa: B039  (frozen)

# The settings to restore at the end of each enclosing `with` block, outermost first. They are stored here and not in
# the `options` objects, so that several threads may enter the same object at once.
outside: ContextVar[tuple[_core.Settings, ...]] = ContextVar("gemmconv_settings_outside", default=())


class Options(TypedDict):
    """The settings as a dict: what `get_options` returns and `set_options` takes."""

    threads: int | None
    math: str
    deterministic: bool
    workspace_limit: int


class Unchanged(enum.Enum):
    """The default of an argument whose setting is not to change. None would not do: it is a value of ``threads``."""

    UNCHANGED = "unchanged"

    def __repr__(self) -> str:
        return "UNCHANGED"


UNCHANGED = Unchanged.UNCHANGED


def get_options() -> Options:
    """The settings of the current context.

    Returns
    -------
    dict
        ``threads`` (None for the default number), ``math``, ``deterministic`` and ``workspace_limit`` in bytes, as
        described in `set_options`. ``set_options(**get_options())`` changes nothing.

    Examples
    --------
    >>> import gemmconv
    >>> gemmconv.get_options()["workspace_limit"] == 64 << 20
    True
    """
    return as_options(current.get())


def set_options(
    *,
    threads: int | Unchanged | None = UNCHANGED,
    math: str | Unchanged = UNCHANGED,
    deterministic: bool | Unchanged = UNCHANGED,
    workspace_limit: int | Unchanged = UNCHANGED,
) -> None:
    """Change the settings of the current context. Arguments that are not given leave their setting unchanged.

    Settings are context variables (see `contextvars`): a new thread starts with the defaults, and an asyncio task with
    the settings of the task that created it.

    Parameters
    ----------
    threads : int or None
        Number of threads that one call uses. None is the default of the process: ``GEMMCONV_NUM_THREADS``, else
        ``OMP_NUM_THREADS``, else the number of cores.
    math : {"fast", "strict"}
        With ``"strict"``, ``strategy="auto"`` chooses only among strategies that bound the error of each output
        relative to the terms of that output.
    deterministic : bool
        Whether an output must have the same bits for every number of threads, and for every batch that its image is
        part of.
    workspace_limit : int
        Most scratch memory that one call may use, in bytes.

    Raises
    ------
    ValueError
        If a value is out of its range.
    TypeError
        If a value has the wrong type.

    Examples
    --------
    >>> import gemmconv
    >>> before = gemmconv.get_options()
    >>> gemmconv.set_options(threads=1, math="strict")
    >>> gemmconv.get_options()["math"]
    'strict'
    >>> gemmconv.set_options(**before)
    """
    current.set(
        changed(current.get(), threads=threads, math=math, deterministic=deterministic, workspace_limit=workspace_limit)
    )


class options:
    """Change settings within a ``with`` block. Arguments that are not given leave their setting unchanged.

    Parameters
    ----------
    threads, math, deterministic, workspace_limit
        As in `set_options`.

    Raises
    ------
    ValueError, TypeError
        As `set_options`. They are raised when ``options(...)`` is evaluated, before the block is entered.

    Examples
    --------
    >>> import gemmconv
    >>> with gemmconv.options(threads=2, deterministic=True):
    ...     gemmconv.get_options()["threads"]
    2
    """

    def __init__(
        self,
        *,
        threads: int | Unchanged | None = UNCHANGED,
        math: str | Unchanged = UNCHANGED,
        deterministic: bool | Unchanged = UNCHANGED,
        workspace_limit: int | Unchanged = UNCHANGED,
    ) -> None:
        self._threads = threads
        self._math = math
        self._deterministic = deterministic
        self._workspace_limit = workspace_limit
        self._inside(current.get())

    def __enter__(self) -> None:
        before = current.get()
        outside.set((*outside.get(), before))
        current.set(self._inside(before))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        *others, before = outside.get()
        outside.set(tuple(others))
        current.set(before)

    def _inside(self, before: _core.Settings) -> _core.Settings:
        return changed(
            before,
            threads=self._threads,
            math=self._math,
            deterministic=self._deterministic,
            workspace_limit=self._workspace_limit,
        )


def as_options(settings: _core.Settings) -> Options:
    """The settings as a dict."""
    return {
        "threads": settings.threads,
        "math": settings.math,
        "deterministic": settings.deterministic,
        "workspace_limit": settings.workspace_limit,
    }


def changed(settings: _core.Settings, **changes: object) -> _core.Settings:
    """``settings`` with those of ``changes`` that are not `UNCHANGED`; `_core.Settings` checks the values."""
    named = {name: value for name, value in changes.items() if value is not UNCHANGED}
    return _core.Settings(**{**as_options(settings), **named})  # type: ignore[arg-type]
