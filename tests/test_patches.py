"""Patches: gathered as the oracle's loops meet them, added back where they came from, and the sparse-matrix view."""

from typing import Any

import numpy as np
import oracle
import pytest
from backends import CPU, On, on_every_backend
from cases import CASES, DTYPES, Case, operands, random_cases
from hypothesis import given
from numpy.typing import NDArray

import gemmconv

Array = NDArray[Any]

UNGROUPED = [case for case in CASES if case.groups == 1 and np.prod(case.x_shape) * np.prod(case.kernel) < 200_000]


def window(case: Case) -> dict[str, Any]:
    return {"stride": case.stride, "padding": case.padding, "dilation": case.dilation}


def patches(x: Array, case: Case) -> Array:
    """im2col as loops: row (c, tap), column output."""
    area, pixels = int(np.prod(case.kernel)), int(np.prod(case.output))
    cols = np.zeros((*x.shape[:2], area, pixels))
    for o, t, cell in oracle.meetings(case.output, case.kernel, case.input, **window(case)):
        row, column = np.ravel_multi_index(t, case.kernel), np.ravel_multi_index(o, case.output)
        cols[:, :, row, column] = x[(slice(None), slice(None), *cell)]
    return cols.reshape(len(x), x.shape[1] * area, pixels)


def put_back(cols: Array, case: Case) -> Array:
    """col2im as loops."""
    area, pixels = int(np.prod(case.kernel)), int(np.prod(case.output))
    by_tap = cols.astype(np.float64).reshape(case.batch, case.in_channels, area, pixels)
    x = np.zeros(case.x_shape)
    for o, t, cell in oracle.meetings(case.output, case.kernel, case.input, **window(case)):
        row, column = np.ravel_multi_index(t, case.kernel), np.ravel_multi_index(o, case.output)
        x[(slice(None), slice(None), *cell)] += by_tap[:, :, row, column]
    return x


def columns(case: Case, dtype: str) -> Array:
    shape = (case.batch, case.in_channels * int(np.prod(case.kernel)), int(np.prod(case.output)))
    return np.random.default_rng(3).standard_normal(shape).astype(dtype)


def check(case: Case, dtype: str, backend: On) -> None:
    x, cols = operands(case, "forward", dtype)[0], columns(case, dtype)
    gathered = backend.im2col(x, case.kernel, **window(case))
    assert gathered.dtype == x.dtype
    np.testing.assert_array_equal(gathered, patches(x, case))
    added = backend.col2im(cols, case.input, case.kernel, **window(case))
    assert added.dtype == cols.dtype
    within = 4 * np.finfo(dtype).eps * put_back(np.abs(cols), case)
    assert added.shape == within.shape
    assert (np.abs(added - put_back(cols, case)) <= within).all()


@pytest.mark.parametrize("case", UNGROUPED, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
@on_every_backend
def test_columns_and_back(case: Case, dtype: str, backend: On) -> None:
    check(case, dtype, backend)


@given(case=random_cases())
def test_columns_of_any_geometry(case: Case) -> None:
    check(case, "float64", CPU)


@pytest.mark.parametrize("case", UNGROUPED, ids=str)
def test_col2im_is_the_adjoint(case: Case) -> None:
    x, cols = operands(case, "forward", "float64")[0], columns(case, "float64")
    there = gemmconv.im2col(x, case.kernel, **window(case))
    back = gemmconv.col2im(cols, case.input, case.kernel, **window(case))
    size = np.sum(np.abs(cols) * np.abs(there))
    assert abs(np.sum(cols * there) - np.sum(back * x)) <= 1e-14 * (size + 1)


@pytest.mark.parametrize("case", UNGROUPED, ids=str)
def test_convolution_is_weights_times_columns(case: Case) -> None:
    x, w = operands(case, "forward", "float64")
    product = w.reshape(case.out_channels, -1) @ gemmconv.im2col(x, case.kernel, **window(case))
    np.testing.assert_allclose(product.reshape(case.y_shape), gemmconv.conv(x, w, **case.options), rtol=0, atol=1e-10)


@pytest.mark.parametrize("shape", [(1, 2, 9, 11), (3, 4, 40, 30), (1, 5, 3000), (2, 3, 8, 9, 10)], ids=str)
def test_threads_change_nothing(shape: tuple[int, ...]) -> None:
    """The order in which overlaps add does not depend on how planes are shared out."""
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    answers = []
    for threads in (1, 2, 3):
        with gemmconv.options(threads=threads):
            cols = gemmconv.im2col(x, 3, padding=2, dilation=2)
            strided = gemmconv.im2col(x, 3, stride=2)
            back = gemmconv.col2im(cols, shape[2:], 3, padding=2, dilation=2)
            answers.append([cols, strided, back, gemmconv.col2im(strided, shape[2:], 3, stride=2)])
    for other in answers[1:]:
        for one, two in zip(answers[0], other, strict=True):
            np.testing.assert_array_equal(one, two)
    image = gemmconv.col2im(gemmconv.im2col(x[:1], 3, padding=1), shape[2:], 3, padding=1)
    np.testing.assert_array_equal(image, gemmconv.col2im(gemmconv.im2col(x, 3, padding=1), shape[2:], 3, padding=1)[:1])


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(
    "case", [case for case in CASES if np.prod(case.x_shape) * np.prod(case.w_shape) < 20_000], ids=str
)
def test_matrix_of_a_convolution(case: Case, flip: bool) -> None:
    """vec(y) = M vec(x), and its transpose carries dy back: both passes are one sparse matrix."""
    pytest.importorskip("scipy")
    x, w = operands(case, "forward", "float64")
    matrix = gemmconv.conv_matrix(w, case.x_shape[1:], flip=flip, **case.options)
    rows, cells = int(np.prod(case.y_shape[1:])), int(np.prod(case.x_shape[1:]))
    assert matrix.shape == (rows, cells)
    right = oracle.forward(x, w, **case.options, flip=flip)
    np.testing.assert_allclose((matrix @ x.reshape(case.batch, cells).T).T.reshape(case.y_shape), right, atol=1e-11)
    dy = np.random.default_rng(2).standard_normal(case.y_shape)
    dx = gemmconv.conv_backward_input(dy, w, case.x_shape, flip=flip, **case.options)
    np.testing.assert_allclose((matrix.T @ dy.reshape(case.batch, rows).T).T.reshape(case.x_shape), dx, atol=1e-11)


@pytest.mark.parametrize("rank", [1, 2, 3])
@on_every_backend
def test_rot180_rotates_the_kernel(rank: int, backend: On) -> None:
    """A rotated kernel correlates as the kernel convolves; rotated twice it is itself."""
    w = np.random.default_rng(1).standard_normal((2, 3, *(4, 3, 2)[:rank]))
    x = np.random.default_rng(2).standard_normal((1, 3, *(9, 8, 7)[:rank]))
    rotated = backend.rot180(w)
    np.testing.assert_array_equal(rotated, w[(slice(None), slice(None), *(slice(None, None, -1),) * rank)])
    np.testing.assert_array_equal(backend.rot180(rotated), w)
    np.testing.assert_allclose(backend.conv(x, rotated), backend.conv(x, w, flip=True), rtol=1e-12)


PLANES: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "several_blocks_of_rows": ((1, 2, 150, 131), (3, 3), {"padding": 1}),
    "several_blocks_stride_two": ((2, 2, 141, 150), (7, 7), {"stride": 2, "padding": 3}),
    "odd_padding_and_stride_two": ((1, 3, 9, 14), (3, 2), {"stride": 2, "padding": ((1, 0), (3, 2))}),
    "stride_four": ((1, 2, 23, 51), (11, 11), {"stride": 4, "padding": 2}),
    "stride_three_and_dilation": ((1, 2, 20, 31), (2, 3), {"stride": 3, "dilation": 2, "padding": 2}),
    "gaps": ((2, 3, 15, 16), (1, 1), {"stride": 2}),
    "more_phases_than_held": ((1, 2, 11, 40), (3, 3), {"stride": 9, "padding": 4}),
    "row_longer_than_a_block": ((1, 1, 2, 9000), (2, 3), {"padding": 1}),
    "kernel_is_the_image": ((2, 3, 5, 6), (5, 6), {}),
    "padding_larger_than_the_image": ((1, 2, 3, 2), (3, 3), {"stride": 2, "padding": 4}),
    "a_line": ((2, 5, 301), (5,), {"stride": 2, "padding": 2}),
}


@pytest.mark.parametrize("name", PLANES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_planes_in_blocks(name: str, dtype: str) -> None:
    shape, kernel, options = PLANES[name]
    x = np.random.default_rng(3).standard_normal(shape).astype(dtype)
    right = gemmconv.im2col(x, kernel, **options, backend="reference")
    cols = np.random.default_rng(4).standard_normal(right.shape).astype(dtype)
    for threads in (1, 3):
        with gemmconv.options(threads=threads):
            np.testing.assert_array_equal(gemmconv.im2col(x, kernel, **options), right)
            back = gemmconv.col2im(cols, shape[2:], kernel, **options)
        expected = gemmconv.col2im(cols.astype(np.float64), shape[2:], kernel, **options, backend="reference")
        size = gemmconv.col2im(np.abs(cols).astype(np.float64), shape[2:], kernel, **options, backend="reference")
        assert (np.abs(back - expected) <= 4 * np.finfo(dtype).eps * np.sqrt(np.prod(kernel)) * size).all()


@pytest.mark.parametrize("name", [name for name, (shape, _, _) in PLANES.items() if len(shape) == 4])
def test_blocks_of_pixels_that_end_within_a_row(name: str) -> None:
    """A small limit makes the strategy gather and scatter runs of pixels that begin and end anywhere."""
    shape, kernel, options = PLANES[name]
    x = np.random.default_rng(5).standard_normal(shape)
    w = np.random.default_rng(6).standard_normal((3, shape[1], *kernel))
    y = gemmconv.conv(x, w, **options, strategy="direct")
    dx = gemmconv.conv_backward_input(y, w, shape, **options, strategy="direct")
    for limit in (1 << 15, 1 << 17):
        with gemmconv.options(workspace_limit=limit):
            try:
                got = gemmconv.conv(x, w, **options, strategy="im2col")
                back = gemmconv.conv_backward_input(y, w, shape, **options, strategy="im2col")
            except gemmconv.UnsupportedError:
                continue
        np.testing.assert_allclose(got, y, rtol=0, atol=1e-11)
        np.testing.assert_allclose(back, dx, rtol=0, atol=1e-10)


def test_against_pytorch() -> None:
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).standard_normal((2, 3, 12, 9))
    for options in ({}, {"stride": 2, "padding": 1}, {"dilation": 2, "padding": (2, 1), "stride": (1, 3)}):
        right = torch.nn.functional.unfold(torch.from_numpy(x), (3, 2), **options)
        pairs = {**options, "padding": [(p, p) for p in np.broadcast_to(options.get("padding", 0), 2).tolist()]}
        cols = gemmconv.im2col(x, (3, 2), **pairs)
        np.testing.assert_array_equal(cols, right.numpy())
        back = torch.nn.functional.fold(right, (12, 9), (3, 2), **options)
        np.testing.assert_allclose(gemmconv.col2im(cols, (12, 9), (3, 2), **pairs), back.numpy(), rtol=1e-13)


def test_the_matrix_of_foreign_bytes_is_native() -> None:
    """SciPy takes no big-endian values."""
    w = np.random.default_rng(2).standard_normal((2, 3, 3, 3))
    matrix = gemmconv.conv_matrix(w.astype(">f8"), (3, 5, 5))
    assert matrix.dtype == np.float64
    np.testing.assert_array_equal(matrix.toarray(), gemmconv.conv_matrix(w, (3, 5, 5)).toarray())
