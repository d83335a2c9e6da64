"""Every pooling and its gradient, on named cases, in both layouts and backends, against loops in float64."""

from typing import Any

import numpy as np
import oracle
import pytest
from backends import On, on_every_backend
from cases import DTYPES, LAYOUTS, from_layout, in_layout, shape_in_layout
from numpy.typing import NDArray
from passes import Guarded
from pools import ADAPTIVE, LARGE_POOLS, POOLS, Pool, drawn, few_values
from tolerance import UNIT_ROUNDOFF, assert_within

import gemmconv

Array = NDArray[Any]

NORMS = (1, 2, 3, 0.5, 1.5, 7.3)

on_every_pool = pytest.mark.parametrize("pool", POOLS, ids=str)
in_every_layout = pytest.mark.parametrize("layout", LAYOUTS)
in_both_dtypes = pytest.mark.parametrize("dtype", DTYPES)


def rounding(dtype: str, chain: int) -> float:
    """Relative to the sum of absolute values: an addition rounds once, and so do the few steps around the sum."""
    return 4 * UNIT_ROUNDOFF[dtype] * np.sqrt(chain)


def into(shape: tuple[int, ...], layout: str, dtype: str) -> Guarded:
    """An output full of NaN with guard areas on both sides."""
    return Guarded(shape_in_layout(shape, layout), dtype)


def written(guarded: Guarded, answer: Array, layout: str) -> Array:
    """The answer with channels second, which must be the array given and nothing around it."""
    assert answer is guarded.out
    guarded.check()
    return from_layout(answer, layout)


@on_every_pool
@in_every_layout
@in_both_dtypes
@on_every_backend
def test_max_pool(pool: Pool, layout: str, dtype: str, backend: On) -> None:
    for x in (drawn(pool.x_shape, dtype), few_values(pool.x_shape, dtype)):
        right, right_indices = oracle.max_pool(x, pool.windows)
        guarded = into(pool.y_shape, layout, dtype)
        keywords = {**pool.options, "layout": layout}
        answer, indices = backend.max_pool(
            in_layout(x, layout), pool.kernel, return_indices=True, out=guarded.out, **keywords
        )
        np.testing.assert_array_equal(written(guarded, answer, layout), right)
        np.testing.assert_array_equal(from_layout(indices, layout), right_indices)
        assert indices.dtype == np.int64
        alone = into(pool.y_shape, layout, dtype)
        only_values = backend.max_pool(in_layout(x, layout), pool.kernel, out=alone.out, **keywords)
        np.testing.assert_array_equal(written(alone, only_values, layout), right)


@on_every_pool
@in_every_layout
@in_both_dtypes
@on_every_backend
def test_max_pool_backward_and_unpooling(pool: Pool, layout: str, dtype: str, backend: On) -> None:
    """By indices: gradients of windows that share a winner are added, of unpooled values the last one stays."""
    _, indices = oracle.max_pool(few_values(pool.x_shape, dtype), pool.windows)
    dy, dx = drawn(pool.y_shape, dtype, 1), drawn(pool.x_shape, dtype, 2)
    there = in_layout(indices, layout)
    keywords = {"layout": layout}

    guarded = into(pool.x_shape, layout, dtype)
    shape = shape_in_layout(pool.x_shape, layout)
    back = backend.max_pool_backward(in_layout(dy, layout), there, shape, out=guarded.out, **keywords)
    right = oracle.max_pool_backward(dy, indices, pool.x_shape)
    absolute = oracle.max_pool_backward(np.abs(dy), indices, pool.x_shape)
    assert_within(written(guarded, back, layout), right, rounding(dtype, pool.longest_chain) * absolute)

    flat = np.zeros((pool.batch, pool.channels, int(np.prod(pool.input))))
    taken = np.zeros(pool.y_shape)
    for at in oracle.positions(pool.y_shape):
        if indices[at] >= 0:
            flat[(*at[:2], indices[at])] = dy[at]
            taken[at] = dx.reshape(flat.shape)[(*at[:2], indices[at])]
    guarded = into(pool.x_shape, layout, dtype)
    unpooled = backend.max_unpool(in_layout(dy, layout), there, shape, out=guarded.out, **keywords)
    np.testing.assert_array_equal(written(guarded, unpooled, layout), flat.reshape(pool.x_shape))
    guarded = into(pool.y_shape, layout, dtype)
    gathered = backend.max_unpool_backward(in_layout(dx, layout), there, out=guarded.out, **keywords)
    np.testing.assert_array_equal(written(guarded, gathered, layout), taken)


@pytest.mark.parametrize(
    ("count_include_pad", "divisor"), [(True, None), (False, None), (True, 2.5), (False, -3)], ids=str
)
@on_every_pool
@in_every_layout
@in_both_dtypes
@on_every_backend
def test_avg_pool(
    pool: Pool, layout: str, dtype: str, backend: On, count_include_pad: bool, divisor: float | None
) -> None:
    x, dy = drawn(pool.x_shape, dtype), drawn(pool.y_shape, dtype, 1)
    keywords = {**pool.options, "count_include_pad": count_include_pad, "divisor": divisor}
    keywords |= {"layout": layout}
    relative = rounding(dtype, pool.longest_chain)

    guarded = into(pool.y_shape, layout, dtype)
    y = backend.avg_pool(in_layout(x, layout), pool.kernel, out=guarded.out, **keywords)
    right = oracle.avg_pool(x, pool.windows, count_include_pad, divisor)
    absolute = np.abs(oracle.avg_pool(np.abs(x), pool.windows, count_include_pad, divisor))
    assert_within(written(guarded, y, layout), right, relative * absolute)

    guarded = into(pool.x_shape, layout, dtype)
    shape = shape_in_layout(pool.x_shape, layout)
    dx = backend.avg_pool_backward(in_layout(dy, layout), shape, pool.kernel, out=guarded.out, **keywords)
    right = oracle.avg_pool_backward(dy, pool.x_shape, pool.windows, count_include_pad, divisor)
    absolute = np.abs(oracle.avg_pool_backward(np.abs(dy), pool.x_shape, pool.windows, count_include_pad, divisor))
    assert_within(written(guarded, dx, layout), right, relative * absolute)


@pytest.mark.parametrize("p", NORMS)
@on_every_pool
@in_every_layout
@in_both_dtypes
@on_every_backend
def test_lp_pool(pool: Pool, layout: str, dtype: str, backend: On, p: float) -> None:
    x, dy = drawn(pool.x_shape, dtype), drawn(pool.y_shape, dtype, 1)
    x[np.abs(x) < 0.2] = 0  # the kink of p <= 1, and windows of nothing
    keywords = {**pool.options, "p": p, "layout": layout}
    # a relative error e of a sum of powers is e / p in its root; a power of p multiplies that of its base by p
    relative = rounding(dtype, pool.longest_chain) * (1 + 1 / p)

    guarded = into(pool.y_shape, layout, dtype)
    y = backend.lp_pool(in_layout(x, layout), pool.kernel, out=guarded.out, **keywords)
    right = oracle.lp_pool(x, pool.windows, p)
    assert_within(written(guarded, y, layout), right, relative * right)

    guarded = into(pool.x_shape, layout, dtype)
    dx = backend.lp_pool_backward(
        in_layout(dy, layout), in_layout(x, layout), y, pool.kernel, out=guarded.out, **keywords
    )
    right = oracle.lp_pool_backward(dy, x, pool.windows, p)
    absolute = np.abs(oracle.lp_pool_backward(np.abs(dy), np.abs(x), pool.windows, p))
    assert_within(written(guarded, dx, layout), right, (1 + p) * relative * absolute)


@pytest.mark.parametrize(("cells", "outputs"), ADAPTIVE, ids=str)
@in_every_layout
@in_both_dtypes
@on_every_backend
def test_adaptive(cells: tuple[int, ...], outputs: tuple[int, ...], layout: str, dtype: str, backend: On) -> None:
    windows = oracle.adaptive_windows(cells, outputs)
    x_shape, y_shape = (2, 3, *cells), (2, 3, *outputs)
    x, dy = few_values(x_shape, dtype), drawn(y_shape, dtype, 1)
    relative = rounding(dtype, max(len(inside) for _, inside, _ in windows) + 4)
    keywords = {"layout": layout}

    guarded = into(y_shape, layout, dtype)
    y, indices = backend.adaptive_max_pool(
        in_layout(x, layout), outputs, return_indices=True, out=guarded.out, **keywords
    )
    right, right_indices = oracle.max_pool(x, windows)
    np.testing.assert_array_equal(written(guarded, y, layout), right)
    np.testing.assert_array_equal(from_layout(indices, layout), right_indices)
    only_values = backend.adaptive_max_pool(in_layout(x, layout), outputs, **keywords)
    np.testing.assert_array_equal(from_layout(only_values, layout), right)

    guarded = into(y_shape, layout, dtype)
    y = backend.adaptive_avg_pool(in_layout(x, layout), outputs, out=guarded.out, **keywords)
    absolute = oracle.avg_pool(np.abs(x), windows)
    assert_within(written(guarded, y, layout), oracle.avg_pool(x, windows), relative * absolute)

    guarded = into(x_shape, layout, dtype)
    shape = shape_in_layout(x_shape, layout)
    dx = backend.adaptive_avg_pool_backward(in_layout(dy, layout), shape, out=guarded.out, **keywords)
    absolute = oracle.avg_pool_backward(np.abs(dy), x_shape, windows)
    assert_within(written(guarded, dx, layout), oracle.avg_pool_backward(dy, x_shape, windows), relative * absolute)


@on_every_pool
@in_every_layout
def test_gradients_are_adjoints(pool: Pool, layout: str) -> None:
    """<dy, pool(x)> == <dx, x> for the linear poolings: the average, and selection by fixed indices."""
    x, dy = in_layout(drawn(pool.x_shape, "float64"), layout), in_layout(drawn(pool.y_shape, "float64", 1), layout)
    for options in ({}, {"count_include_pad": False}, {"divisor": 7}):
        keywords = {**pool.options, **options, "layout": layout}
        y = gemmconv.avg_pool(x, pool.kernel, **keywords)
        dx = gemmconv.avg_pool_backward(dy, x.shape, pool.kernel, **keywords)
        assert np.sum(dy * y) == pytest.approx(np.sum(dx * x), abs=1e-11)
    _, indices = gemmconv.max_pool(x, pool.kernel, return_indices=True, layout=layout, **pool.options)
    picked = gemmconv.max_unpool_backward(x, indices, layout=layout)
    dx = gemmconv.max_pool_backward(dy, indices, x.shape, layout=layout)
    assert np.sum(dy * picked) == pytest.approx(np.sum(dx * x), abs=1e-11)


@pytest.mark.parametrize("p", NORMS)
@in_every_layout
def test_lp_gradient_by_finite_differences(p: float, layout: str) -> None:
    x = in_layout(drawn((1, 2, 6, 7), "float64"), layout)
    x += np.where(x < 0, -0.3, 0.3)  # away from the kink
    options: dict[str, Any] = {"stride": 2, "padding": 1, "dilation": (1, 2), "p": p, "layout": layout}
    y = gemmconv.lp_pool(x, 3, **options)
    dy = np.random.default_rng(1).standard_normal(y.shape)
    dx = gemmconv.lp_pool_backward(dy, x, y, 3, **options)
    for seed in range(5):
        step = 1e-6 * np.random.default_rng(seed).standard_normal(x.shape)
        rise = gemmconv.lp_pool(x + step, 3, **options) - gemmconv.lp_pool(x - step, 3, **options)
        assert np.sum(dy * rise) / 2 == pytest.approx(np.sum(dx * step), rel=1e-6, abs=1e-13)


@pytest.mark.parametrize("pool", LARGE_POOLS, ids=str)
@pytest.mark.parametrize("threads", [1, 3])
@in_every_layout
@in_both_dtypes
def test_planes_in_several_blocks(pool: Pool, threads: int, layout: str, dtype: str) -> None:
    """The core against the formulas in float64."""
    x = in_layout(few_values(pool.x_shape, dtype), layout)
    options = {**pool.options, "layout": layout}
    wide: dict[str, Any] = {**options, "backend": "reference"}
    with gemmconv.options(threads=threads):
        y, indices = gemmconv.max_pool(x, pool.kernel, return_indices=True, **options)
        right, places = gemmconv.max_pool(x, pool.kernel, return_indices=True, **wide)
        np.testing.assert_array_equal(indices, places)
        np.testing.assert_array_equal(y, right)
        np.testing.assert_array_equal(gemmconv.max_pool(x, pool.kernel, **options), right)
        dy = in_layout(drawn(right.shape if layout == "NCHW" else from_layout(right, layout).shape, dtype, 1), layout)
        pairs = [
            (gemmconv.max_pool_backward, (dy, indices, x.shape), {"layout": layout}),
            (gemmconv.max_unpool, (dy, indices, x.shape), {"layout": layout}),
            (gemmconv.max_unpool_backward, (x, indices), {"layout": layout}),
            (gemmconv.avg_pool, (x, pool.kernel), options),
            (gemmconv.avg_pool, (x, pool.kernel), {**options, "count_include_pad": False}),
            (gemmconv.avg_pool_backward, (dy, x.shape, pool.kernel), options),
            (gemmconv.avg_pool_backward, (dy, x.shape, pool.kernel), {**options, "count_include_pad": False}),
            (gemmconv.lp_pool, (x, pool.kernel), options),
            (gemmconv.lp_pool, (x, pool.kernel), {**options, "p": 1}),
        ]
        norm = gemmconv.lp_pool(x, pool.kernel, **options)
        pairs.append((gemmconv.lp_pool_backward, (dy, x, norm, pool.kernel), options))
        for function, operands, keywords in pairs:
            exact = [a.astype(np.float64) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in operands]
            expected = function(*exact, **keywords, backend="reference")
            scale = 16 * UNIT_ROUNDOFF[dtype] * max(float(np.abs(expected).max()), 1)
            np.testing.assert_allclose(function(*operands, **keywords), expected, rtol=0, atol=scale)
