"""Activations and their slopes, against formulas in float64 that neither cancel nor overflow."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from backends import On, on_every_backend
from numpy.typing import NDArray

import gemmconv
from gemmconv import _core

Array = NDArray[Any]

INF, NAN = math.inf, math.nan


def softplus(z: float) -> float:
    return z + math.log1p(math.exp(-z)) if z > 0 else math.log1p(math.exp(z))


def normal_cdf(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))


def normal_density(z: float) -> float:
    return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)


# name: (sigma, sigma', what a relative error of z does to either, times 1 + |z| or 1 + z^2)
FORMULAS: dict[str | None, tuple[Callable[[float], float], Callable[[float], float], int]] = {
    None: (lambda z: z, lambda z: 1, 0),
    "relu": (lambda z: max(z, 0.0), lambda z: float(z > 0), 0),
    "leaky_relu": (lambda z: z if z > 0 else 0.01 * z, lambda z: 1 if z > 0 else 0.01, 0),
    "sigmoid": (lambda z: 1 / (1 + math.exp(-z)), lambda z: 1 / (4 * math.cosh(z / 2) ** 2), 1),
    "tanh": (math.tanh, lambda z: 1 / math.cosh(z) ** 2, 1),
    "softplus": (softplus, lambda z: 1 / (1 + math.exp(-z)), 1),
    "gelu": (lambda z: z * normal_cdf(z), lambda z: normal_cdf(z) + z * normal_density(z), 2),
}


def points(dtype: str) -> Array:
    """Fine around zero, coarse far out, both signs of zero."""
    near = np.random.default_rng(0).standard_normal(2000)
    return np.concatenate([near, 1e-4 * near[:200], np.linspace(-30, 30, 1201), [0.0, -0.0, 80, -80]]).astype(dtype)


def test_the_table_is_whole() -> None:
    assert set(FORMULAS) - {None} == set(_core.activation_names()) - {None, "identity", "none"}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FORMULAS)
@on_every_backend
def test_values_and_slopes(name: str | None, dtype: str, backend: On) -> None:
    """To a few roundings, relative to the answer: far below zero too, where most libraries return noise."""
    value, slope, power = FORMULAS[name]
    z = points(dtype)
    da = np.random.default_rng(1).standard_normal(z.size).astype(dtype)
    limits = np.finfo(dtype)
    conditioned = 8 * limits.eps * (1 + np.abs(z.astype(np.float64)) ** power)

    a = backend.activate(z, name)
    assert a.dtype == z.dtype
    right = np.array([value(v) for v in z.tolist()])
    assert (np.abs(a - right) <= conditioned * np.abs(right) + limits.tiny * (1 + np.abs(z))).all()

    dz = backend.activate_backward(da, z, name)
    assert dz.dtype == z.dtype
    right = np.array([slope(v) for v in z.tolist()])
    # the two terms of gelu's slope cancel near its minimum
    terms = np.array([normal_cdf(v) + abs(v) * normal_density(v) for v in z.tolist()]) if name == "gelu" else right
    within = conditioned * np.abs(terms) + limits.tiny * (1 + np.abs(z))
    assert (np.abs(dz - right * da) <= within * np.abs(da) + limits.tiny).all()


@pytest.mark.parametrize(
    ("name", "at_infinity", "at_minus_infinity", "slopes"),
    [
        (None, INF, -INF, (1, 1)),
        ("relu", INF, 0, (1, 0)),
        ("leaky_relu", INF, -INF, (1, 0.01)),
        ("sigmoid", 1, 0, (0, 0)),
        ("tanh", 1, -1, (0, 0)),
        ("softplus", INF, 0, (1, 0)),
        ("gelu", INF, 0, (1, 0)),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@on_every_backend
def test_far_out(
    name: str | None,
    at_infinity: float,
    at_minus_infinity: float,
    slopes: tuple[float, float],
    dtype: str,
    backend: On,
) -> None:
    """The limits are reached, without a NaN on the way; a NaN goes through."""
    z = np.array([INF, -INF, 1e4, -1e4, NAN], dtype)
    a = backend.activate(z, name)
    above = at_infinity if abs(at_infinity) < INF else 1e4
    below = {None: -1e4, "leaky_relu": -100}.get(name, at_minus_infinity)
    np.testing.assert_allclose(a, [at_infinity, at_minus_infinity, above, below, NAN], rtol=1e-6)
    dz = backend.activate_backward(np.ones_like(z), z, name)
    np.testing.assert_allclose(dz[:4], [*slopes, *slopes], rtol=1e-6)
    assert name is None or np.isnan(dz[4])


@on_every_backend
def test_kinks_take_the_slope_from_below(backend: On) -> None:
    zeros, ones = np.array([0.0, -0.0]), np.ones(2)
    assert backend.activate_backward(ones, zeros, "relu").tolist() == [0, 0]
    assert backend.activate_backward(ones, zeros, "leaky_relu").tolist() == [0.01, 0.01]


def test_a_unit_that_is_off_sends_nothing() -> None:
    da = np.array([INF, NAN, -INF, 2.0])
    assert gemmconv.activate_backward(da, np.full(4, -1.0), "relu").tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("name", FORMULAS)
def test_slopes_by_finite_differences(name: str | None) -> None:
    z = np.linspace(-4, 4, 81) + 0.013  # off the kinks
    step = 1e-6
    rise = gemmconv.activate(z + step, name) - gemmconv.activate(z - step, name)
    np.testing.assert_allclose(
        gemmconv.activate_backward(np.ones_like(z), z, name), rise / (2 * step), rtol=1e-6, atol=1e-8
    )


@pytest.mark.parametrize("name", FORMULAS)
def test_in_place_and_any_shape(name: str | None) -> None:
    z = np.random.default_rng(0).standard_normal((3, 1, 4, 5)).astype(np.float32)
    right = gemmconv.activate(z, name)
    strided = np.repeat(z, 2, axis=3)[..., ::2]
    np.testing.assert_array_equal(gemmconv.activate(strided, name), right)
    own = z.copy()
    assert gemmconv.activate(own, name, out=own) is own
    np.testing.assert_array_equal(own, right)
    dz = gemmconv.activate_backward(z, z, name)
    own = z.copy()
    gemmconv.activate_backward(own, own, name, out=own)
    np.testing.assert_array_equal(own, dz)
    assert gemmconv.activate(z[:0], name).shape == (0, 1, 4, 5)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("shape", [(3, 5, 7, 11), (1, 1, 50000), (2, 300, 2, 3, 2), (40, 3, 33, 9)], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bias_gradient_is_hardly_rounded(shape: tuple[int, ...], dtype: str, layout: str) -> None:
    """Sums of many terms keep their digits: the error is one rounding of the answer and next to none of the terms."""
    dy = (1 + np.random.default_rng(0).standard_normal(shape)).astype(dtype)
    spatial = (0, *range(2, len(shape)))
    right = np.array([math.fsum(values) for values in np.moveaxis(dy, 1, 0).reshape(shape[1], -1).tolist()])
    absolute = np.abs(dy.astype(np.float64)).sum(spatial)
    given = dy if layout == "NCHW" else np.ascontiguousarray(np.moveaxis(dy, 1, -1))
    db = gemmconv.conv_backward_bias(given, layout=layout)
    assert db.dtype == dy.dtype
    assert (np.abs(db - right) <= np.finfo(dtype).eps * np.abs(right) + 2.0**-50 * absolute).all()


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_bias_gradient_of_an_infinity_and_a_nan(layout: str) -> None:
    dy = np.ones((2, 3, 40, 40), np.float32)
    dy[1, 0, 3, 3], dy[0, 1, 0, 0] = INF, NAN
    given = dy if layout == "NCHW" else np.ascontiguousarray(np.moveaxis(dy, 1, -1))
    np.testing.assert_array_equal(gemmconv.conv_backward_bias(given, layout=layout), [INF, NAN, 3200])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FORMULAS)
def test_bits_do_not_depend_on_the_place(name: str | None, dtype: str) -> None:
    """The result is the same in a full vector and in the remainder after the last one, to the bit."""
    z = (3 * np.random.default_rng(2).standard_normal(77)).astype(dtype)
    a, dz = gemmconv.activate(z, name), gemmconv.activate_backward(z, z, name)
    for start in range(0, 77, 3):
        for end in (start + 1, start + 5, 77):
            part = z[start:end].copy()
            np.testing.assert_array_equal(gemmconv.activate(part, name), a[start:end])
            np.testing.assert_array_equal(gemmconv.activate_backward(part, part, name), dz[start:end])
