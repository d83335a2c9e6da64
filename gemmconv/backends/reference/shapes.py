"""Shapes of arrays and the order of their axes."""

from collections.abc import Sequence

import numpy as np

from gemmconv.annotations import Array


def check_shape(name: str, array: Array, expected: Sequence[int]) -> None:
    """ValueError unless the array has that shape."""
    if array.shape != tuple(expected):
        raise ValueError(f"{name} has shape {array.shape}, but the other arguments make it {tuple(expected)}")


def check_bias(bias: Array | None, channels: int) -> None:
    """ValueError unless there is no bias, or one value per output channel."""
    if bias is not None:
        check_shape("bias", bias, (channels,))


def channels_first(array: Array, layout: str) -> Array:
    """An array of any layout as ``(N, C, *spatial)``."""
    return np.moveaxis(array, -1, 1) if layout == "NHWC" else array


def in_layout(array: Array, layout: str) -> Array:
    """An array ``(N, C, *spatial)``, with its axes in the order of ``layout``."""
    return np.moveaxis(array, 1, -1) if layout == "NHWC" else array
