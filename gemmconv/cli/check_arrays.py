"""Patches, pooling and activations of the CPU backend compared with the reference backend in float64."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import gemmconv
from gemmconv import _core
from gemmconv.annotations import Array

X_SHAPE = (2, 5, 13, 14)
KERNEL = (3, 2)
WINDOW: dict[str, Any] = {"stride": (2, 1), "padding": 1}
CONSTANT = 8  # c in the bound c * u * sqrt(n + 1): an activation function rounds a few times


@dataclass(frozen=True)
class Operation:
    """A function of one array. An output sums ``terms`` terms; 0 is for a copy of an element, which must be exact."""

    name: str
    terms: int
    run: Callable[[Array, str], Array]
    linear: bool = False  # its bound is relative to what it gives for |x|, not to its own answer


@dataclass(frozen=True)
class ArrayFinding:
    """The outcome of one operation in one dtype."""

    operation: str
    dtype: str
    largest_difference: float
    share_of_bound: float

    @property
    def exceeded(self) -> bool:
        """Whether the bound was exceeded (a NaN exceeds every bound)."""
        return not self.share_of_bound <= 1


def routed(x: Array, backend: str) -> Array:
    """`max_pool_backward`, with the pooled values in the role of dy."""
    y, indices = gemmconv.max_pool(x, KERNEL, return_indices=True, backend=backend, **WINDOW)
    return gemmconv.max_pool_backward(y, indices, x.shape, backend=backend)


def unpooled(x: Array, backend: str) -> Array:
    """`max_unpool` after a pooling whose windows do not overlap."""
    y, indices = gemmconv.max_pool(x, 2, return_indices=True, backend=backend)
    return gemmconv.max_unpool(y, indices, x.shape, backend=backend)


def won(x: Array, backend: str) -> Array:
    """The indices of `max_pool`."""
    indices = gemmconv.max_pool(x, KERNEL, return_indices=True, backend=backend, **WINDOW)[1]
    return np.asarray(indices, np.float64)


def shared(x: Array, backend: str) -> Array:
    """`lp_pool_backward`, with ones in the role of dy."""
    y = gemmconv.lp_pool(x, KERNEL, p=3, backend=backend, **WINDOW)
    return gemmconv.lp_pool_backward(np.ones_like(y), x, y, KERNEL, p=3, backend=backend, **WINDOW)


def added_back(x: Array, backend: str) -> Array:
    """`col2im` of patches in reversed order, so that different numbers are added."""
    columns = gemmconv.im2col(x, KERNEL, backend=backend, **WINDOW)
    return gemmconv.col2im(columns[..., ::-1], x.shape[2:], KERNEL, backend=backend, **WINDOW)


def averaged_back(x: Array, backend: str) -> Array:
    """`avg_pool_backward`, with x in the role of dy."""
    shape = (*x.shape[:2], x.shape[2] * 2 - 1, x.shape[3] - 1)
    return gemmconv.avg_pool_backward(x, shape, KERNEL, backend=backend, **WINDOW)


OPERATIONS = (
    Operation("im2col", 0, lambda x, b: gemmconv.im2col(x, KERNEL, backend=b, **WINDOW)),
    Operation("col2im", 6, added_back, linear=True),
    Operation("max_pool", 0, lambda x, b: gemmconv.max_pool(x, KERNEL, backend=b, **WINDOW)),
    Operation("max_pool, indices", 0, won),
    Operation("max_pool_backward", 6, routed, linear=True),
    Operation("max_unpool", 0, unpooled),
    Operation("avg_pool", 6, lambda x, b: gemmconv.avg_pool(x, KERNEL, backend=b, **WINDOW), linear=True),
    Operation("avg_pool_backward", 6, averaged_back, linear=True),
    Operation("lp_pool", 6, lambda x, b: gemmconv.lp_pool(x, KERNEL, p=3, backend=b, **WINDOW)),
    Operation("lp_pool_backward", 12, shared, linear=True),
    Operation("adaptive_avg_pool", 9, lambda x, b: gemmconv.adaptive_avg_pool(x, (5, 6), backend=b), linear=True),
    Operation("adaptive_max_pool", 0, lambda x, b: gemmconv.adaptive_max_pool(x, (5, 6), backend=b)),
)


def activation(name: str) -> Operation:
    """An activation function; its error bound is relative to the larger of the answer and 1."""
    return Operation(f"activate {name}", 2, lambda x, b: gemmconv.activate(x, name, backend=b))


def operations() -> tuple[Operation, ...]:
    """Everything that is compared."""
    return (*OPERATIONS, *(activation(name) for name in _core.activation_names()))


def compare(operation: Operation, dtype: str) -> ArrayFinding:
    """One operation on normal random numbers of ``dtype``."""
    x = np.random.default_rng(3).standard_normal(X_SHAPE).astype(dtype)
    answer = operation.run(x, "cpu")
    expected = operation.run(x.astype(np.float64), "reference")
    difference = np.abs(answer - expected)
    magnitude = operation_magnitude(operation, x, expected)
    unit = float(np.finfo(dtype).eps) / 2
    bound = CONSTANT * unit * np.sqrt(operation.terms + 1) * magnitude if operation.terms else np.zeros_like(magnitude)
    share = np.divide(difference, bound, out=np.where(difference > 0, np.inf, difference), where=bound > 0)
    return ArrayFinding(operation.name, dtype, float(difference.max()), float(share.max()))


def operation_magnitude(operation: Operation, x: Array, expected: Array) -> Array:
    """What the error bound is relative to."""
    if operation.linear:
        return np.abs(operation.run(np.abs(x).astype(np.float64), "reference")) + np.abs(expected)
    if operation.name.startswith("activate"):
        return np.maximum(np.abs(expected), 1)
    return np.abs(expected)
