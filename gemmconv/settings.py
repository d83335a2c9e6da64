"""The settings of calls and plans: context-local, so that one thread or task never changes another's."""

import enum
from contextvars import ContextVar
from types import TracebackType
from typing import TypedDict

from gemmconv import _core

# The current value is one frozen object, so that a call pays for one ContextVar.get() and nothing more.
current: ContextVar[_core.Settings] = ContextVar("gemmconv_settings", default=_core.Settings())  # noqa: B039  (frozen)

# The values outside the `with` blocks one is in, outermost first. Kept here and not in the `options` objects, so that
# several threads may enter the same object at once.
outside: ContextVar[tuple[_core.Settings, ...]] = ContextVar("gemmconv_settings_outside", default=())


class Options(TypedDict):
    """What `get_options` returns, and `set_options` takes."""

    threads: int | None
    math: str
    deterministic: bool
    workspace_limit: int


class Unchanged(enum.Enum):
    """The default of an option that keeps its current value; None already means something for ``threads``."""

    UNCHANGED = "unchanged"

    def __repr__(self) -> str:
        return "UNCHANGED"


UNCHANGED = Unchanged.UNCHANGED


def get_options() -> Options:
    """The settings in force here.

    Returns
    -------
    dict
        ``threads`` (None: the process's default), ``math``, ``deterministic`` and ``workspace_limit`` in bytes.
        ``set_options(**get_options())`` changes nothing.

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
    """Change the settings of the current context from here on. Options that are not named keep their value.

    A thread starts with the defaults, and an asyncio task with those of the task that made it: see `contextvars`.

    Parameters
    ----------
    threads : int or None
        Threads of one call; None is the process's default (``GEMMCONV_NUM_THREADS``, ``OMP_NUM_THREADS`` or the
        number of cores).
    math : {"fast", "strict"}
        ``"strict"`` lets ``strategy="auto"`` use only strategies whose error is bounded output by output.
    deterministic : bool
        Whether the bits of an answer must be the same for every number of threads and every batch around an image.
    workspace_limit : int
        Scratch memory of one call, in bytes.

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
    """Change settings for the length of a ``with`` block. Options that are not named keep the value outside it.

    Parameters
    ----------
    threads, math, deterministic, workspace_limit
        As in `set_options`.

    Raises
    ------
    ValueError, TypeError
        As `set_options`, where ``options(...)`` is written and not where the block begins.

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
