"""Where a convolution is done: the fixed tuple of backends, and who owns an array.

An array's owner is told by its type alone, so that a backend nobody uses is never imported.
"""

import numpy as np

from gemmconv._core import UnsupportedError
from gemmconv.backends import cpu, reference
from gemmconv.backends.doors import Backend

BACKENDS = ("cpu", "reference")


def backend_for(name: str | None, *arrays: object) -> Backend:
    """The backend of that name, or for None the one that owns the arrays.

    Raises
    ------
    TypeError
        If the arrays are of mixed kinds, or of a kind that the backend does not own.
    ValueError
        If there is no backend of that name.
    """
    if name is None or name == "cpu":
        for array in arrays:
            if type(array) is not np.ndarray:
                check_numpy(arrays)
                break
        return cpu
    backend = backend_named(name)
    check_numpy(arrays)
    return backend


def backend_named(name: str) -> Backend:
    """The backend of that name; ValueError with the list if there is none."""
    if name == "cpu":
        return cpu
    if name == "reference":
        return reference
    if name == "cupy":
        raise UnsupportedError("backend 'cupy' is not part of this version: the backends are " + ", ".join(BACKENDS))
    raise ValueError(f"unknown backend {name!r}: the backends are {', '.join(BACKENDS)}")


def check_numpy(arrays: tuple[object, ...]) -> None:
    """TypeError unless all of ``arrays`` are NumPy arrays; subclasses such as `numpy.memmap` are too."""
    kinds = sorted({kind_of(array) for array in arrays})
    if kinds == ["numpy"] or not kinds:
        return
    if "numpy" in kinds:
        raise TypeError(f"the arrays are of mixed kinds ({', '.join(kinds)}): all must live in the same place")
    if kinds == ["cupy"]:
        raise TypeError(
            "a CuPy array was given, but the GPU backend is not part of this version: pass cupy.asnumpy(array)"
        )
    raise TypeError(f"expected NumPy arrays, not {', '.join(kinds)}: pass numpy.asarray(...)")


def kind_of(array: object) -> str:
    """``"numpy"``, ``"cupy"``, or the full name of a type that no backend owns."""
    kind = type(array)
    if isinstance(array, np.ma.MaskedArray):  # its mask would be ignored without a word
        return "numpy.ma.MaskedArray"
    if isinstance(array, np.ndarray):
        return "numpy"
    if kind.__module__.partition(".")[0] == "cupy":
        return "cupy"
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
