"""What the backends for NumPy arrays share: which arrays they own, checks of arrays, and writing results to ``out``."""

from typing import TYPE_CHECKING, Any

import numpy as np

from gemmconv import _core
from gemmconv.annotations import Array
from gemmconv.backends.connections import connections

if TYPE_CHECKING:
    import scipy.sparse

DTYPES = ("float32", "float64")


def is_array(value: object) -> bool:
    """Whether this is a NumPy array. `numpy.memmap` is; a masked array is not, as its mask would be ignored."""
    return isinstance(value, np.ndarray) and not isinstance(value, np.ma.MaskedArray)


def check_array(name: str, value: object) -> None:
    """TypeError unless this is a NumPy array."""
    if not is_array(value):
        raise TypeError(f"{name} must be a NumPy array, not {type(value).__name__}")


def check_arrays(**arrays: Array | None) -> np.dtype[Any]:
    """TypeError unless the arrays share one supported dtype, which is returned in native byte order.

    Only ``bias`` may be None.
    """
    dtypes = {}
    for name, array in arrays.items():
        if array is None and name == "bias":
            continue
        check_array(name, array)
        assert array is not None
        if array.dtype.name not in DTYPES:
            raise TypeError(f"{name} has dtype {array.dtype.name}; expected {' or '.join(DTYPES)}")
        dtypes[name] = array.dtype.newbyteorder("=")
    if len(set(dtypes.values())) > 1:
        raise TypeError("mixed dtypes: " + ", ".join(f"{name} is {dtype}" for name, dtype in dtypes.items()))
    return next(iter(dtypes.values()))


def answer(values: Array, dtype: np.dtype[Any], out: Array | None) -> Array:
    """``values`` rounded to the dtype, in ``out`` if given. They are a new array, so ``out`` may overlap an input."""
    if out is None:
        return np.asarray(values, dtype, order="C")  # ascontiguousarray would make 0 axes into 1
    check_array("out", out)
    if out.shape != values.shape or out.dtype != dtype:
        raise ValueError(
            f"out has shape {out.shape} and dtype {out.dtype}; expected {values.shape} and {dtype}, those of the answer"
        )
    if not out.flags.carray:
        raise ValueError("out must be writeable, C-contiguous and aligned, as numpy.empty makes arrays")
    out[...] = values
    return out


class NumPyArrays:
    """The part of `Backend` that concerns arrays, for NumPy arrays."""

    __slots__ = ()
    array_kind = "NumPy arrays"
    array_maker = "numpy.asarray(...)"
    xp = np

    owns = staticmethod(is_array)
    check_arrays = staticmethod(check_arrays)

    @staticmethod
    def to_numpy(array: Array) -> Array:
        """The array itself."""
        return array

    @staticmethod
    def write(values: Array, out: Array) -> Array:
        """``values`` copied into ``out``."""
        return answer(values, values.dtype, out)

    @staticmethod
    def conv_matrix(w: Array, geometry: _core.Geometry) -> "scipy.sparse.csr_array":
        """The sparse matrix of a convolution of one image."""
        try:
            import scipy.sparse
        except ModuleNotFoundError as error:
            raise ImportError("conv_matrix needs SciPy: run `pip install scipy`") from error
        rows, columns, tap, shape = connections(geometry)
        values = w.astype(w.dtype.newbyteorder("="), copy=False).reshape(*w.shape[:2], -1)[:, :, tap]
        rows, columns = np.broadcast_to(rows, values.shape), np.broadcast_to(columns, values.shape)
        return scipy.sparse.coo_array((values.ravel(), (rows.ravel(), columns.ravel())), shape=shape).tocsr()
