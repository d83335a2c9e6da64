"""Tensors of more than 2^31 elements: offsets are 64 bits wide everywhere. 8.6 GB for x; nothing here takes 20 GiB.

Answers are checked where an offset that was cut to 32 bits would show: at the first and last elements, around element
2^31 and at random, each against the formula for that one element in float64.
"""

import itertools
import os
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from passes import STRATEGIES

import gemmconv

Array = NDArray[Any]

ROWS, COLUMNS, CHANNELS = 16_400, 16_384, 8
SHAPE = (1, CHANNELS, ROWS, COLUMNS)
ELEMENTS = CHANNELS * ROWS * COLUMNS
FREE_BYTES = 20 << 30
SAMPLES = 120
TOLERANCE = 1e-5  # of the largest term: 72 products of float32, 8 u sqrt(72) = 4e-6


def free_bytes() -> int:
    """Memory that is free or can be freed, where the system says so."""
    if os.path.exists("/proc/meminfo"):
        with open("/proc/meminfo", encoding="ascii") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(free_bytes() < FREE_BYTES, reason="needs 20 GiB of free memory"),
]


@pytest.fixture(scope="module")
def huge() -> Array:
    """More than 2^31 random elements, flat: a block whose length is prime, repeated, so that no two rows are alike."""
    assert ELEMENTS > 2**31
    block = np.random.default_rng(1).standard_normal(4_194_301).astype(np.float32)
    x = np.empty(ELEMENTS, np.float32)
    for start in range(0, ELEMENTS, block.size):
        part = x[start : start + block.size]
        part[:] = block[: part.size]
    return x


def seen(huge: Array, layout: str, channels: int = CHANNELS) -> Array:
    """The elements as an array of the layout; channels last if it has them so."""
    rows = ELEMENTS // channels // COLUMNS
    return huge.reshape((1, channels, rows, COLUMNS) if layout == "NCHW" else (1, rows, COLUMNS, channels))


def places(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Indices of an array: its corners, around element 2^31 where it has one, and random ones."""
    flat = {0, 1, int(np.prod(shape)) - 1, int(np.prod(shape)) - 2}
    flat |= {2**31 + near for near in (-1, 0, 1) if int(np.prod(shape)) > 2**31 + 1}
    corners = set(itertools.product(*((0, size - 1) for size in shape)))
    generator = np.random.default_rng(3)
    random = {tuple(int(generator.integers(size)) for size in shape) for _ in range(SAMPLES)}
    return sorted(corners | random | {tuple(map(int, np.unravel_index(one, shape))) for one in flat})


def channels_second(array: Array, layout: str) -> Array:
    """A view."""
    return array if layout == "NCHW" else np.moveaxis(array, -1, 1)


def close(got: float, terms: list[float], what: str) -> None:
    """`got` is the sum of the terms."""
    bound = TOLERANCE * max(1.0, sum(map(abs, terms)))
    assert abs(got - sum(terms)) <= bound, f"{what}: got {got}, expected {sum(terms)} within {bound:.2g}"


def window(x: Array, w: Array, channel: int, row: int, column: int, stride: int, group: int) -> list[float]:
    """The products behind one output of a 3x3 kernel with padding 1."""
    found = []
    per_group = w.shape[1]
    for c, r, s in np.ndindex(per_group, 3, 3):
        i, j = row * stride + r - 1, column * stride + s - 1
        if 0 <= i < x.shape[2] and 0 <= j < x.shape[3]:
            found.append(float(x[0, group * per_group + c, i, j]) * float(w[channel, c, r, s]))
    return found


def able(pass_: str, layout: str, strategy: str, out_channels: int, **options: Any) -> bool:
    """Whether the strategy takes a pass over x with so many outputs."""
    x_shape = SHAPE if layout == "NCHW" else (1, ROWS, COLUMNS, CHANNELS)
    w_shape = (out_channels, CHANNELS // options.get("groups", 1), 3, 3)
    try:
        gemmconv.plan(pass_, x_shape, w_shape, padding=1, layout=layout, strategy=strategy, **options)
    except gemmconv.UnsupportedError:
        return False
    return True


@pytest.fixture(scope="module")
def weights() -> Array:
    return np.random.default_rng(2).standard_normal((1, CHANNELS, 3, 3)).astype(np.float32)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_forward(huge: Array, weights: Array, strategy: str, layout: str) -> None:
    if not able("forward", layout, strategy, 1):
        pytest.skip("refused")
    x = seen(huge, layout)
    y = channels_second(gemmconv.conv(x, weights, padding=1, layout=layout, strategy=strategy), layout)
    for n, k, i, j in places(y.shape):
        close(y[n, k, i, j], window(channels_second(x, layout), weights, k, i, j, 1, 0), f"y{(n, k, i, j)}")


@pytest.mark.parametrize("strategy", ["auto", "depthwise"])
def test_forward_of_many_channels(huge: Array, strategy: str) -> None:
    """32,800 planes of 256 x 256, each by itself."""
    x = huge.reshape(1, -1, 256, 256)
    w = np.random.default_rng(2).standard_normal((x.shape[1], 1, 3, 3)).astype(np.float32)
    y = gemmconv.conv(x, w, padding=1, stride=2, groups=x.shape[1], strategy=strategy)
    for n, k, i, j in places(y.shape):
        close(y[n, k, i, j], window(x, w, k, i, j, 2, k), f"y{(n, k, i, j)}")


def test_forward_of_many_images(huge: Array) -> None:
    """1,025 images of 8 channels, which the workspace does not hold at once."""
    x = huge.reshape(1025, 8, 512, 512)
    w = np.random.default_rng(2).standard_normal((2, 8, 3, 3)).astype(np.float32)
    y = gemmconv.conv(x, w, padding=1, stride=2)
    for n, k, i, j in places(y.shape):
        close(y[n, k, i, j], window(x[n : n + 1], w, k, i, j, 2, 0), f"y{(n, k, i, j)}")


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_backward_weight(huge: Array, strategy: str, layout: str) -> None:
    """dy is 0 but in some hundred pixels, so that each of them counts."""
    if not able("backward_weight", layout, strategy, 1):
        pytest.skip("refused")
    x = seen(huge, layout)
    dy = np.zeros((1, 1, ROWS, COLUMNS), np.float32)
    generator = np.random.default_rng(4)
    pixels = {(i, j) for _, _, i, j in places(SHAPE)}
    for i, j in pixels:
        dy[0, 0, i, j] = generator.standard_normal()
    shaped = dy if layout == "NCHW" else dy.reshape(1, ROWS, COLUMNS, 1)
    dw = gemmconv.conv_backward_weight(shaped, x, (1, CHANNELS, 3, 3), padding=1, layout=layout, strategy=strategy)
    seen_x = channels_second(x, layout)
    for c, r, s in np.ndindex(CHANNELS, 3, 3):
        inside = [(i, j) for i, j in pixels if 0 <= i + r - 1 < ROWS and 0 <= j + s - 1 < COLUMNS]
        terms = [float(dy[0, 0, i, j]) * float(seen_x[0, c, i + r - 1, j + s - 1]) for i, j in inside]
        close(dw[0, c, r, s], terms, f"dw{(0, c, r, s)}")


def test_max_pool(huge: Array) -> None:
    x = seen(huge, "NCHW")
    y = gemmconv.max_pool(x, 2)
    for n, c, i, j in places(y.shape):
        assert y[n, c, i, j] == x[n, c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max()


def test_max_pool_of_a_plane_with_more_cells_than_32_bits_count(huge: Array) -> None:
    """Indices are places in a plane: here they pass 2^31."""
    x = seen(huge, "NCHW", channels=1)
    y, indices = gemmconv.max_pool(x, (8, 4), return_indices=True)
    for n, c, i, j in places(y.shape):
        assert y[n, c, i, j] == x[n, c, 8 * i : 8 * i + 8, 4 * j : 4 * j + 4].max()
        assert x[n, c].reshape(-1)[indices[n, c, i, j]] == y[n, c, i, j]
    assert indices.max() > 2**31


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_average_pool(huge: Array, layout: str) -> None:
    x = seen(huge, layout)
    y = channels_second(gemmconv.avg_pool(x, 3, stride=2, padding=1, layout=layout), layout)
    x = channels_second(x, layout)
    for n, c, i, j in places(y.shape):
        cells = x[n, c, max(2 * i - 1, 0) : 2 * i + 2, max(2 * j - 1, 0) : 2 * j + 2]
        close(y[n, c, i, j], (cells.astype(np.float64) / 9).ravel().tolist(), f"y{(n, c, i, j)}")


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_backward_input(huge: Array, weights: Array, strategy: str, layout: str) -> None:
    """Written over x, which is not needed any more: this test comes last."""
    if not able("backward_input", layout, strategy, 1):
        pytest.skip("refused")
    dy = np.random.default_rng(5).standard_normal((1, 1, ROWS, COLUMNS), dtype=np.float32)
    out = seen(huge, layout)
    out.fill(np.nan)
    shaped = dy if layout == "NCHW" else dy.reshape(1, ROWS, COLUMNS, 1)
    dx = gemmconv.conv_backward_input(shaped, weights, out.shape, padding=1, layout=layout, strategy=strategy, out=out)
    dx = channels_second(dx, layout)
    for n, c, i, j in places(dx.shape):
        terms = []
        for r, s in np.ndindex(3, 3):
            if 0 <= i + 1 - r < ROWS and 0 <= j + 1 - s < COLUMNS:
                terms.append(float(dy[0, 0, i + 1 - r, j + 1 - s]) * float(weights[0, c, r, s]))
        close(dx[n, c, i, j], terms, f"dx{(n, c, i, j)}")
