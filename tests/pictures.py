"""Two-dimensional arrays with the library applied to them, and the formulas that several tests share, as loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.testing import assert_allclose
from numpy.typing import NDArray

import gemmconv

Array = NDArray[Any]

H, W, K1, K2 = 6, 5, 3, 2  # an image and a kernel with no two sizes alike


def close(got: Array, expected: Array) -> None:
    assert_allclose(got, expected, rtol=1e-12, atol=1e-11)


def differs(got: Array, expected: Array) -> None:
    assert np.abs(got - expected).max() > 0.1


def plane(a: Array) -> Array:
    """A picture as a batch of one with one channel, or a filter as one of one channel."""
    return a[np.newaxis, np.newaxis]


def filtered(a: Array, w: Array, **options: Any) -> Array:
    return gemmconv.conv(plane(a), plane(w), **options)[0, 0]


def input_gradient(delta: Array, w: Array, shape: tuple[int, int], **options: Any) -> Array:
    return gemmconv.conv_backward_input(plane(delta), plane(w), (1, 1, *shape), **options)[0, 0]


def weight_gradient(delta: Array, a: Array, shape: tuple[int, int], **options: Any) -> Array:
    return gemmconv.conv_backward_weight(plane(delta), plane(a), (1, 1, *shape), **options)[0, 0]


def at(a: Array, i: int, j: int) -> float:
    """a[i, j], and 0 outside: the documents' pictures are surrounded by zeros."""
    return float(a[i, j]) if 0 <= i < a.shape[0] and 0 <= j < a.shape[1] else 0.0


def table(rows: int, columns: int, value: Callable[[int, int], float]) -> Array:
    return np.array([[value(i, j) for j in range(columns)] for i in range(rows)])


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def sigmoid_slope(z: Array) -> Array:
    return sigmoid(z) * (1 - sigmoid(z))


def eq7(a: Array, w: Array, b: float = 0.0) -> Array:
    k1, k2 = w.shape
    return table(
        a.shape[0] - k1 + 1,
        a.shape[1] - k2 + 1,
        lambda i, j: sum(w[m, n] * a[i + m, j + n] for m in range(k1) for n in range(k2)) + b,
    )


def eq13(delta: Array, a: Array) -> Array:
    return table(
        K1,
        K2,
        lambda m, n: sum(delta[i, j] * a[i + m, j + n] for i in range(H - K1 + 1) for j in range(W - K2 + 1)),
    )
