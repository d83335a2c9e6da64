"""The oracle against hand-worked numbers, seven plain loops and SciPy."""

import itertools
from typing import Any

import numpy as np
import oracle
import pytest
import scipy.signal
from cases import CASES, Case, random_cases
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

Array = NDArray[Any]


def seven_loops(case: Case, x: Array, w: Array, flip: bool) -> Array:
    """A convolution over two axes with nothing folded together: every multiplication is one line of Python."""
    y = np.zeros(case.y_shape)
    group_inputs, group_outputs = case.in_channels // case.groups, case.out_channels // case.groups
    for n, k, p, q in itertools.product(*map(range, case.y_shape)):
        for c, r, s in itertools.product(*map(range, case.w_shape[1:])):
            i = p * case.stride[0] + r * case.dilation[0] - case.padding[0][0]
            j = q * case.stride[1] + s * case.dilation[1] - case.padding[1][0]
            if 0 <= i < case.input[0] and 0 <= j < case.input[1]:
                weight = w[k, c, -1 - r, -1 - s] if flip else w[k, c, r, s]
                y[n, k, p, q] += x[n, k // group_outputs * group_inputs + c, i, j] * weight
    return y


SMALL = [case for case in CASES if case.rank == 2 and np.prod(case.y_shape) * np.prod(case.w_shape[1:]) < 15000]


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("case", SMALL, ids=str)
def test_forward_is_seven_loops(case: Case, flip: bool) -> None:
    generator = np.random.default_rng(0)
    x, w = (generator.integers(-9, 10, shape).astype(float) for shape in (case.x_shape, case.w_shape))
    np.testing.assert_array_equal(oracle.forward(x, w, **case.options, flip=flip), seven_loops(case, x, w, flip))


@given(random_cases(), st.booleans(), st.integers(0, 2**32 - 1))
@settings(max_examples=100)
def test_backward_passes_are_the_adjoints(case: Case, flip: bool, seed: int) -> None:
    """In whole numbers, so that the three inner products are equal to the last bit."""
    generator = np.random.default_rng(seed)
    shapes = (case.x_shape, case.w_shape, case.y_shape)
    x, w, dy = (generator.integers(-9, 10, shape).astype(float) for shape in shapes)
    product = (dy * oracle.forward(x, w, **case.options, flip=flip)).sum()
    assert (oracle.backward_input(dy, w, case.input, **case.options, flip=flip) * x).sum() == product
    assert (oracle.backward_weight(dy, x, case.kernel, **case.options, flip=flip) * w).sum() == product
    same_as_transposed = oracle.transposed(dy, w, case.input, **case.options, flip=flip)
    np.testing.assert_array_equal(
        oracle.backward_input(dy, w, case.input, **case.options, flip=flip), same_as_transposed
    )


@pytest.mark.parametrize("mode", ["valid", "full"])
def test_against_scipy(mode: str) -> None:
    generator = np.random.default_rng(1)
    for shape, kernel in (((7, 6), (3, 2)), ((9,), (4,)), ((4, 5, 6), (2, 3, 3))):
        x, w = generator.standard_normal(shape), generator.standard_normal(kernel)
        ones = (1,) * len(shape)
        options = {"stride": ones, "dilation": ones, "padding": oracle.word_padding(mode, shape, kernel, ones, ones)}
        for flip, peer in ((True, scipy.signal.convolve), (False, scipy.signal.correlate)):
            got = oracle.forward(x[None, None], w[None, None], **options, flip=flip)[0, 0]
            np.testing.assert_allclose(got, peer(x, w, mode, "direct"), atol=1e-12)


def test_output_size_is_the_formula() -> None:
    for cells, f, s, d, low, high in itertools.product(
        range(1, 9), range(1, 5), range(1, 4), range(1, 4), (0, 2), (0, 3)
    ):
        expected = max(0, (cells - d * (f - 1) - 1 + low + high) // s + 1)
        assert oracle.output_size(cells, f, s, d, low, high) == expected


def test_padding_words() -> None:
    assert oracle.word_padding("same", (5, 6), (3, 4), (1, 1), (1, 1)) == ((1, 1), (1, 2))
    assert oracle.word_padding("same_lower", (5, 6), (3, 4), (1, 1), (1, 1)) == ((1, 1), (2, 1))
    assert oracle.word_padding("same", (6,), (3,), (2,), (1,)) == ((0, 1),)
    assert oracle.word_padding("full", (6,), (3,), (1,), (2,)) == ((4, 4),)


def test_pooling_by_hand() -> None:
    x = np.array([[[3.0, 1, 4, 1, 5]]])
    windows = oracle.pool_windows((5,), (2,), stride=(2,), padding=((1, 0),), dilation=(1,))
    values, indices = oracle.max_pool(x, windows)
    assert values.tolist() == [[[3, 4, 5]]]
    assert indices.tolist() == [[[0, 2, 4]]]
    assert oracle.avg_pool(x, windows).tolist() == [[[1.5, 2.5, 3]]]
    assert oracle.avg_pool(x, windows, count_include_pad=False).tolist() == [[[3, 2.5, 3]]]
    ceil = oracle.pool_windows((5,), (2,), stride=(2,), padding=((0, 0),), dilation=(1,), ceil_mode=True)
    assert oracle.max_pool(x, ceil)[0].tolist() == [[[3, 4, 5]]]
    assert oracle.avg_pool(x, ceil).tolist() == [[[2, 2.5, 5]]]
    pairs = oracle.pool_windows((4,), (2,), stride=(2,), padding=((0, 0),), dilation=(1,))
    np.testing.assert_allclose(oracle.lp_pool(np.array([[[3.0, -4, 0, 0]]]), pairs), [[[5, 0]]])
    gradient = oracle.lp_pool_backward(np.array([[[10.0, 10]]]), np.array([[[3.0, -4, 0, 0]]]), pairs)
    np.testing.assert_allclose(gradient, [[[6, -8, 0, 0]]])
