"""Checks of arrays and the order of their axes, for what is written in Python; the core checks its own."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gemmconv.annotations import Array

DTYPES = ("float32", "float64")


def check_arrays(**arrays: Array | None) -> np.dtype[Any]:
    """TypeError unless the arrays share one supported dtype, which is returned in native byte order.

    Only ``bias`` may be None.
    """
    dtypes = {}
    for name, array in arrays.items():
        if array is None and name == "bias":
            continue
        if not isinstance(array, np.ndarray):
            raise TypeError(f"{name} must be a NumPy array, not {type(array).__name__}")
        if array.dtype.name not in DTYPES:
            raise TypeError(f"{name} has dtype {array.dtype.name}; expected {' or '.join(DTYPES)}")
        dtypes[name] = array.dtype.newbyteorder("=")
    if len(set(dtypes.values())) > 1:
        raise TypeError("mixed dtypes: " + ", ".join(f"{name} is {dtype}" for name, dtype in dtypes.items()))
    return next(iter(dtypes.values()))


def check_shape(name: str, array: Array, expected: Sequence[int]) -> None:
    """ValueError unless the array has that shape."""
    if array.shape != tuple(expected):
        raise ValueError(f"{name} has shape {array.shape}, but the other arguments make it {tuple(expected)}")


def check_bias(bias: Array | None, channels: int) -> None:
    """ValueError unless there is no bias, or one value per output channel."""
    if bias is not None:
        check_shape("bias", bias, (channels,))


def answer(values: Array, dtype: np.dtype[Any], out: Array | None) -> Array:
    """``values`` rounded to the dtype, in ``out`` if there is one. They are new, so ``out`` may overlap an input."""
    if out is None:
        return np.ascontiguousarray(values, dtype)
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be a NumPy array, not {type(out).__name__}")
    if out.shape != values.shape or out.dtype != dtype:
        raise ValueError(
            f"out has shape {out.shape} and dtype {out.dtype}; expected {values.shape} and {dtype}, those of the answer"
        )
    if not out.flags.carray:
        raise ValueError("out must be writeable, C-contiguous and aligned, as numpy.empty makes arrays")
    out[...] = values
    return out


def channels_first(array: Array, layout: str) -> Array:
    """The array as ``(N, C, *spatial)``, whatever its layout."""
    return np.moveaxis(array, -1, 1) if layout == "NHWC" else array


def in_layout(array: Array, layout: str) -> Array:
    """``(N, C, *spatial)`` in the layout that was asked for."""
    return np.moveaxis(array, 1, -1) if layout == "NHWC" else array
