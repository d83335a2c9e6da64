"""Real images that come with scikit-learn: two photographs and 1,797 handwritten digits."""

import numpy as np

from gemmconv.annotations import Array

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


def photograph(name: str) -> Array:
    """``"china"`` (a temple) or ``"flower"``: (3, 427, 640), float32, from 0 to 1."""
    from sklearn.datasets import load_sample_image

    return np.ascontiguousarray(np.moveaxis(load_sample_image(f"{name}.jpg"), -1, 0), np.float32) / 255


def grey(colours: Array) -> Array:
    """(3, H, W) as brightness (H, W)."""
    return np.asarray(np.tensordot(LUMA, colours, axes=1))


def digit(value: int, which: int = 0) -> Array:
    """The ``which``-th handwritten ``value``: (8, 8), float32, from 0 to 1."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return np.asarray(digits.images[digits.target == value][which], np.float32) / 16


def mirrored(x: Array, margin: int) -> Array:
    """``x`` (..., H, W) continued beyond its borders by reflection, so that a filter has no black frame around it."""
    return np.pad(x, ((0, 0),) * (x.ndim - 2) + ((margin, margin),) * 2, mode="reflect")


def for_display(x: Array) -> Array:
    """(3, H, W) as matplotlib takes it: (H, W, 3), clipped to [0, 1]."""
    return np.clip(np.moveaxis(x, 0, -1), 0, 1)
