"""Pooling of values that are not ordinary numbers, indices that are not ordinary indices, and threads."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from backends import On, on_every_backend
from cases import DTYPES, LAYOUTS, from_layout, in_layout, shape_in_layout
from numpy.typing import NDArray
from pools import drawn

import gemmconv

Array = NDArray[Any]

INF, NAN = np.inf, np.nan

in_both_dtypes = pytest.mark.parametrize("dtype", DTYPES)


@pytest.mark.parametrize(
    ("cells", "winner"),
    {
        "tie_takes_the_first": ([1, 5, 5, 5], 1),
        "tie_of_zeros_of_both_signs": ([-1, -0.0, 0.0, -1], 1),
        "nan_beats_infinity": ([INF, NAN, INF, 1], 1),
        "first_of_several_nans": ([1, 2, NAN, NAN], 2),
        "nan_first": ([NAN, 3, INF, -INF], 0),
        "only_minus_infinity": ([-INF, -INF, -INF, -INF], 0),
        "minus_infinity_beats_padding": ([-INF, -INF, -INF, -INF], 0),
        "infinity": ([1, -INF, INF, INF], 2),
    }.values(),
)
@pytest.mark.parametrize("columns", [1, 2, 4])
@pytest.mark.parametrize("layout", LAYOUTS)
@in_both_dtypes
@on_every_backend
def test_who_wins(cells: list[float], winner: int, columns: int, layout: str, dtype: str, backend: On) -> None:
    """One window, as a column, a square and a row, with padding around it; the second channel is reversed."""
    plane = np.array(cells, dtype).reshape(-1, columns)
    x = np.stack([plane, np.zeros_like(plane)])[np.newaxis]
    options: dict[str, Any] = {"stride": 9, "padding": 1, "layout": layout}
    kernel = (plane.shape[0] + 2, columns + 2)
    y, indices = backend.max_pool(in_layout(x, layout), kernel, return_indices=True, **options)
    assert from_layout(indices, layout).ravel().tolist() == [winner, 0]
    np.testing.assert_array_equal(from_layout(y, layout).ravel(), [cells[winner], 0])
    np.testing.assert_array_equal(backend.max_pool(in_layout(x, layout), kernel, **options), y)


@pytest.mark.parametrize("layout", LAYOUTS)
@in_both_dtypes
def test_odd_values_in_planes_of_many_vectors(layout: str, dtype: str) -> None:
    """NaN, infinities and ties in whole and partial vectors: the core and the formulas name the same winners."""
    generator = np.random.default_rng(4)
    values = np.array([NAN, INF, -INF, -INF, -INF, 0.0, -0.0, 1.0, 1.0, 2.0], dtype)
    x = generator.choice(values, (2, 37, 23, 45))
    for kernel, options in (((3, 3), {"stride": 2, "padding": 1}), ((2, 2), {}), ((5, 4), {"stride": 1, "padding": 3})):
        keywords: dict[str, Any] = {**options, "layout": layout, "return_indices": True}
        y, indices = gemmconv.max_pool(in_layout(x, layout), kernel, **keywords)
        right, places = gemmconv.max_pool(in_layout(x, layout), kernel, backend="reference", **keywords)
        np.testing.assert_array_equal(indices, places)
        np.testing.assert_array_equal(y, right)
        alone = gemmconv.max_pool(in_layout(x, layout), kernel, **(keywords | {"return_indices": False}))
        np.testing.assert_array_equal(alone, right)
    for size in ((1, 1), (5, 7)):
        y, indices = gemmconv.adaptive_max_pool(in_layout(x, layout), size, return_indices=True, layout=layout)
        right, places = gemmconv.adaptive_max_pool(
            in_layout(x, layout), size, return_indices=True, layout=layout, backend="reference"
        )
        np.testing.assert_array_equal(indices, places)
        np.testing.assert_array_equal(y, right)


@on_every_backend
def test_window_wholly_in_padding(backend: On) -> None:
    """-inf and index -1, which sends no gradient; 0 for averages and norms, whatever they count."""
    x = np.full((1, 1, 1), 3.0)
    options: dict[str, Any] = {"padding": 3, "stride": 3}
    y, indices = backend.max_pool(x, 1, return_indices=True, **options)
    assert y.ravel().tolist() == [-INF, 3, -INF]
    assert indices.ravel().tolist() == [-1, 0, -1]
    dy = np.array([[[5.0, 7, 11]]])
    assert backend.max_pool_backward(dy, indices, x.shape).ravel().tolist() == [7]
    assert backend.max_unpool(dy, indices, x.shape).ravel().tolist() == [7]
    assert backend.max_unpool_backward(x, indices).ravel().tolist() == [0, 3, 0]
    for counted in (True, False):
        assert backend.avg_pool(x, 1, count_include_pad=counted, **options).ravel().tolist() == [0, 3, 0]
        dx = backend.avg_pool_backward(dy, x.shape, 1, count_include_pad=counted, **options)
        assert dx.ravel().tolist() == [7]
    for p in (1, 2, 2.5):
        y = backend.lp_pool(x, 1, p=p, **options)
        np.testing.assert_allclose(y.ravel(), [0, 3, 0], rtol=1e-15)
        np.testing.assert_allclose(backend.lp_pool_backward(dy, x, y, 1, p=p, **options).ravel(), [7], rtol=1e-15)


@on_every_backend
def test_what_an_average_counts(backend: On) -> None:
    """Cells of the input, or of the padded input; never those beyond it that only ceil_mode reaches."""
    x = np.array([[[6.0, 6, 6, 6]]])
    options: dict[str, Any] = {"stride": 2, "padding": 1, "ceil_mode": True}
    assert backend.avg_pool(x, 3, **options).ravel().tolist() == [4, 6, 3]
    assert backend.avg_pool(x, 3, count_include_pad=False, **options).ravel().tolist() == [6, 6, 6]
    assert backend.avg_pool(x, 3, divisor=6, **options).ravel().tolist() == [2, 3, 1]


@pytest.mark.parametrize("layout", LAYOUTS)
@on_every_backend
def test_one_bad_cell_stays_in_its_windows(layout: str, backend: On) -> None:
    x = drawn((1, 2, 9, 9), "float64")
    clean = {
        "max": backend.max_pool(x, 3, stride=2),
        "average": backend.avg_pool(x, 3, stride=2),
        "norm": backend.lp_pool(x, 3, stride=2),
        "adaptive": backend.adaptive_avg_pool(x, 4),
    }
    x[0, 1, 4, 4] = NAN
    dirty = in_layout(x, layout)
    options: dict[str, Any] = {"stride": 2, "layout": layout}
    got = {
        "max": backend.max_pool(dirty, 3, **options),
        "average": backend.avg_pool(dirty, 3, **options),
        "norm": backend.lp_pool(dirty, 3, **options),
        "adaptive": backend.adaptive_avg_pool(dirty, 4, layout=layout),
    }
    touched = np.zeros((1, 2, 4, 4), bool)
    touched[0, 1, 1:3, 1:3] = True
    for name, right in clean.items():
        y = from_layout(got[name], layout)
        assert (np.isnan(y) == touched).all(), name
        np.testing.assert_allclose(y[~touched], right[~touched], rtol=1e-14, err_msg=name)


@pytest.mark.parametrize("p", [1, 2, 3, 7.5, 100])
@pytest.mark.parametrize("layout", LAYOUTS)
@in_both_dtypes
def test_norms_do_not_overflow_needlessly(p: float, layout: str, dtype: str) -> None:
    """(a^p + a^p)^(1/p) = 2^(1/p) a for the largest and the smallest a for which the answer is representable."""
    limits = np.finfo(dtype)
    for size in (limits.max / 4, limits.tiny * 4, limits.smallest_subnormal * 1024):
        x = np.array([size, 0, -size, 0], dtype).reshape(1, 1, 4)
        y = gemmconv.lp_pool(in_layout(x, layout), 4, p=p, layout=layout)
        subnormal = size < limits.tiny  # few digits are left
        right = 2 ** (1 / p) * float(x[0, 0, 0])
        assert float(y.item()) == pytest.approx(right, rel=2e-3 if subnormal else 1e-6)
        dx = gemmconv.lp_pool_backward(np.ones_like(y), in_layout(x, layout), y, 4, p=p, layout=layout)
        slope = 0.5 ** (1 - 1 / p)  # (a / y)^(p - 1)
        np.testing.assert_allclose(dx.ravel(), [slope, 0, -slope, 0], rtol=0.2 if subnormal else 1e-4)


@pytest.mark.parametrize("p", [0.5, 1, 2, 3.5])
@on_every_backend
def test_norm_of_infinity_and_nothing(p: float, backend: On) -> None:
    x = np.array([[[INF, 1, 0, 0, NAN, INF]]])
    y = backend.lp_pool(x, 2, p=p)
    np.testing.assert_array_equal(y.ravel(), [INF, 0, NAN])
    dx = backend.lp_pool_backward(np.ones_like(y), x, y, 2, p=p)
    assert dx.ravel()[2:4].tolist() == [0, 0]


@pytest.mark.parametrize("bad", [-2, 20, 10**12, -(2**62)])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_index_outside_the_plane(bad: int, layout: str) -> None:
    """Refused with the index and its position; with several, the first of them, for any number of threads."""
    shape, pooled = (2, 3, 4, 5), (2, 3, 2, 2)
    indices = np.zeros(pooled, np.int64)
    indices[1, 2, 0, 1] = indices[1, 2, 1, 1] = bad
    place = r"\(1, 2, 0, 1\)" if layout == "NCHW" else r"\(1, 0, 1, 2\)"
    dy, there = in_layout(np.ones(pooled), layout), in_layout(indices, layout)
    whole = shape_in_layout(shape, layout)
    calls: tuple[Callable[[], Array], ...] = (
        lambda: gemmconv.max_pool_backward(dy, there, whole, layout=layout),
        lambda: gemmconv.max_unpool(dy, there, whole, layout=layout),
        lambda: gemmconv.max_unpool_backward(in_layout(np.ones(shape), layout), there, layout=layout),
    )
    for call in calls:
        with pytest.raises(ValueError, match=f"{bad} at {place}.*-1 to 19"):
            call()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(1, 1, 300, 200), (1, 3, 70001), (2, 130, 30, 31), (1, 2, 30, 40, 35)], ids=str)
def test_threads_change_nothing(shape: tuple[int, ...], layout: str) -> None:
    """Large enough for several threads, with few planes and with many: the same bits on 1, 2 and 3."""
    x = in_layout(drawn(shape, "float32"), layout)
    options: dict[str, Any] = {"stride": 2, "padding": 1, "layout": layout}
    answers = []
    for threads in (1, 2, 3):
        with gemmconv.options(threads=threads):
            y, indices = gemmconv.max_pool(x, 3, return_indices=True, **options)
            norms = gemmconv.lp_pool(x, 3, p=3, **options)
            answers.append(
                [
                    y,
                    indices,
                    norms,
                    gemmconv.max_pool(x, 3, **options),
                    gemmconv.max_pool_backward(y, indices, x.shape, layout=layout),
                    gemmconv.max_unpool(y, indices, x.shape, layout=layout),
                    gemmconv.max_unpool_backward(x, indices, layout=layout),
                    gemmconv.avg_pool(x, 3, **options),
                    gemmconv.avg_pool_backward(y, x.shape, 3, **options),
                    gemmconv.lp_pool_backward(y, x, norms, 3, p=3, **options),
                    gemmconv.adaptive_avg_pool(x, 5, layout=layout),
                    gemmconv.adaptive_max_pool(x, 5, layout=layout),
                    gemmconv.conv_backward_bias(x, layout=layout),
                    gemmconv.activate(x, "gelu"),
                ]
            )
    for other in answers[1:]:
        for one, two in zip(answers[0], other, strict=True):
            np.testing.assert_array_equal(one, two)
    largest = np.sort(x.astype(np.float64).ravel())
    assert answers[0][1].max() < np.prod(shape[2:])
    assert set(answers[0][0].ravel()[:50].tolist()) <= set(largest.tolist())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_large_windows_against_numpy(layout: str) -> None:
    """Sizes that fill several tiles and threads, compared with NumPy's own sliding windows."""
    x = drawn((2, 20, 61, 83), "float64")
    padded = np.pad(x, ((0, 0), (0, 0), (2, 1), (1, 2)), constant_values=NAN)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 4), (2, 3))[:, :, ::2, ::3]
    options: dict[str, Any] = {"stride": (2, 3), "padding": ((2, 1), (1, 2)), "layout": layout}
    given = in_layout(x, layout)
    np.testing.assert_array_equal(
        from_layout(gemmconv.max_pool(given, (5, 4), **options), layout), np.nanmax(windows, (4, 5))
    )
    average = gemmconv.avg_pool(given, (5, 4), count_include_pad=False, **options)
    np.testing.assert_allclose(from_layout(average, layout), np.nanmean(windows, (4, 5)), rtol=0, atol=1e-14)
    norms = gemmconv.lp_pool(given, (5, 4), **options)
    np.testing.assert_allclose(from_layout(norms, layout), np.sqrt(np.nansum(windows**2, (4, 5))), rtol=1e-14)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_against_pytorch(layout: str) -> None:
    torch = pytest.importorskip("torch")
    x = drawn((2, 3, 17, 14), "float64")
    x[0, 0, 3:6, 4:8] = 2.5
    x[1, 1, 5, 5] = NAN
    for options in (
        {"stride": 2, "padding": 1},
        {"stride": 3, "padding": 1, "ceil_mode": True},
        {"stride": 2, "padding": 1, "dilation": 2, "ceil_mode": True},
    ):
        right, right_indices = torch.nn.functional.max_pool2d(torch.from_numpy(x), 3, return_indices=True, **options)
        y, indices = gemmconv.max_pool(in_layout(x, layout), 3, return_indices=True, layout=layout, **options)
        np.testing.assert_array_equal(from_layout(y, layout), right.numpy())
        ordinary = ~np.isnan(right.numpy())
        np.testing.assert_array_equal(from_layout(indices, layout)[ordinary], right_indices.numpy()[ordinary])
        if "dilation" in options:
            continue
        for counted in (True, False):
            mean = torch.nn.functional.avg_pool2d(torch.from_numpy(x), 3, count_include_pad=counted, **options)
            got = gemmconv.avg_pool(in_layout(x, layout), 3, count_include_pad=counted, layout=layout, **options)
            np.testing.assert_allclose(from_layout(got, layout), mean.numpy(), rtol=1e-13, atol=1e-15)
    mean = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(x), (5, 4))
    got = gemmconv.adaptive_avg_pool(in_layout(x, layout), (5, 4), layout=layout)
    np.testing.assert_allclose(from_layout(got, layout), mean.numpy(), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("layout", LAYOUTS)
@on_every_backend
def test_padding_words_and_short_forms(layout: str, backend: On) -> None:
    x = in_layout(drawn((1, 2, 7, 10), "float64"), layout)
    options: dict[str, Any] = {"layout": layout}
    same = backend.max_pool(x, 3, stride=2, padding="same", **options)
    assert same.shape == shape_in_layout((1, 2, 4, 5), layout)
    np.testing.assert_array_equal(same, backend.max_pool(x, 3, stride=2, padding=((1, 1), (0, 1)), **options))
    lower = backend.avg_pool(x, (3,), stride=[2, 2], padding="same_lower", **options)
    np.testing.assert_array_equal(lower, backend.avg_pool(x, 3, stride=2, padding=((1, 1), (1, 0)), **options))
    full = backend.lp_pool(x, 2, stride=1, padding="full", **options)
    assert full.shape == shape_in_layout((1, 2, 8, 11), layout)
    by_kernel = backend.max_pool(x, (2, 3), **options)
    np.testing.assert_array_equal(by_kernel, backend.max_pool(x, (2, 3), stride=(2, 3), padding="valid", **options))
