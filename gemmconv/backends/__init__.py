"""The tuple of backends, and which of them owns an array, so that the functions of the package compute there.

The owner of an array follows from the array's type alone, so that a backend is imported only when it is used.
"""

import functools
import importlib
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from gemmconv._core import UnsupportedError
from gemmconv.annotations import Array
from gemmconv.backends import cpu
from gemmconv.backends.protocol import Backend

# Each name is a module or a package in this folder, in which ``BACKEND`` is the object. A backend for the arrays of
# another package has the name of that package. It is imported when it is requested by name, or when an array's type is
# defined in that package.
BACKENDS = ("cpu", "reference")

CPU = cpu.BACKEND
ndarray = cpu.ndarray
ABSENT = object()  # stands for an array that a function does not take; None would be reported as a wrong type


def backend_for(name: str | None, first: object, second: object = ABSENT, third: object = ABSENT) -> Backend:
    """The backend of that name, or for None the one that owns the arrays. A function has one to three arrays.

    Raises
    ------
    TypeError
        If the arrays are of mixed kinds, or of a kind that the backend does not own.
    ValueError
        If there is no backend of that name.
    """
    if (  # a case that matters in small calls: these comparisons take 0.07 microseconds for two arrays, a loop 0.11
        type(first) is ndarray
        and (name is None or name == "cpu")
        and (second is ABSENT or type(second) is ndarray)
        and (third is ABSENT or type(third) is ndarray)
    ):
        return CPU
    arrays = [array for array in (first, second, third) if array is not ABSENT]
    backend = backend_of(first) or CPU if name is None else backend_named(name)
    if not all(backend.owns(array) for array in arrays):
        raise refusal(backend, arrays)
    return backend


def backend_named(name: str) -> Backend:
    """The backend of that name; ValueError with the list if there is none."""
    if name in BACKENDS:
        return loaded(name)
    if name == "cupy":
        raise UnsupportedError("backend 'cupy' is not part of this version: the backends are " + ", ".join(BACKENDS))
    raise ValueError(f"unknown backend {name!r}: the backends are {', '.join(BACKENDS)}")


def backend_of(array: object) -> Backend | None:
    """The backend that owns the array; None if it is of no known kind."""
    if CPU.owns(array):
        return CPU
    package = package_of(array)
    backend = loaded(package) if package in BACKENDS else None
    return backend if backend is not None and backend.owns(array) else None


def array_module(array: object, name: str | None = None) -> Any:
    """The module that makes arrays like this one: `Backend.xp` of its owner, or of the backend of that name.

    For an object that no backend owns, such as a list, it is NumPy.
    """
    backend = backend_of(array) or CPU if name is None else backend_named(name)
    return backend.xp


def to_numpy(array: Array) -> NDArray[Any]:
    """An array of any backend as a NumPy array: the array itself if it is one already."""
    return (backend_of(array) or CPU).to_numpy(array)


@functools.cache
def loaded(name: str) -> Backend:
    """The backend of a name in `BACKENDS`, imported at the first use."""
    backend: Backend = importlib.import_module(f"gemmconv.backends.{name}").BACKEND
    return backend


def refusal(backend: Backend, arrays: Sequence[object]) -> TypeError:
    """The error that says why the backend does not take these arrays."""
    kinds = sorted({kind_of(array) for array in arrays})
    if len(kinds) > 1 and "numpy" in kinds:
        return TypeError(f"the arrays are of mixed kinds ({', '.join(kinds)}): all must live in the same place")
    if kinds == ["cupy"] and "cupy" not in BACKENDS:
        return TypeError(
            "a CuPy array was given, but the GPU backend is not part of this version: pass cupy.asnumpy(array)"
        )
    return TypeError(f"expected {backend.array_kind}, not {', '.join(kinds)}: pass {backend.array_maker}")


def kind_of(array: object) -> str:
    """``"numpy"``, ``"cupy"``, or the full name of a type that no backend owns."""
    if CPU.owns(array):
        return "numpy"
    if package_of(array) == "cupy":
        return "cupy"
    kind = type(array)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def package_of(array: object) -> str:
    """The package that defines an array's type."""
    return type(array).__module__.partition(".")[0]
