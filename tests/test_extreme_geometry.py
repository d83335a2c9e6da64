"""Sizes whose products pass 2**63 although each fits: every strategy answers or refuses."""

import numpy as np
import pytest
from passes import STRATEGIES, TOTAL_VARIANTS, VARIANTS

import gemmconv

FAR = 2**22 - 1  # with one cell more, three axes of it multiply to 2**66: 0 in 64 bits


@pytest.mark.parametrize("strategy", ["auto", *STRATEGIES, *VARIANTS])
def test_strides_whose_product_overflows(strategy: str) -> None:
    x, w = np.ones((1, 2, 4, 4, 4), np.float32), np.ones((2, 1, 2, 2, 2), np.float32)
    dy = np.ones((1, 2, 1, 1, 1), np.float32)
    options = {"groups": 2, "stride": FAR + 1, "strategy": strategy}
    try:
        np.testing.assert_array_equal(gemmconv.conv(x, w, **options), 8)
        dx = gemmconv.conv_backward_input(dy, w, x.shape, **options)
        np.testing.assert_array_equal(gemmconv.conv_backward_weight(dy, x, w.shape, **options), 1)
    except gemmconv.UnsupportedError:
        return
    assert dx.sum() == 16
    assert dx[:, :, :2, :2, :2].sum() == 16


@pytest.mark.parametrize("strategy", ["auto", *STRATEGIES, *VARIANTS])
def test_a_padded_plane_whose_size_overflows(strategy: str) -> None:
    x, w = np.ones((1, 2, 1, 1, 1), np.float32), np.ones((2, 1, 2, 2, 2), np.float32)
    options = {"groups": 2, "dilation": FAR, "padding": [(FAR, 0)] * 3, "strategy": strategy}
    try:
        np.testing.assert_array_equal(gemmconv.conv(x, w, **options), 1)
        np.testing.assert_array_equal(gemmconv.conv_backward_input(x, w, x.shape, **options), 1)
        assert gemmconv.conv_backward_weight(x, x, w.shape, **options).sum() == 2
    except gemmconv.UnsupportedError:
        return


@pytest.mark.parametrize("strategy", ["auto", *STRATEGIES, *VARIANTS])
def test_phases_beyond_counting(strategy: str) -> None:
    """A weight gradient of many outputs a stride of 2^22 apart, all but one of them in the padding."""
    x, w_shape = np.full((1, 1, 1, 1, 1), 3, np.float32), (16, 1, 1, 1, 1)
    far = 4 * (FAR + 1)
    try:
        dw = gemmconv.conv_backward_weight(
            np.ones((1, 16, 8, 8, 8), np.float32),
            x,
            w_shape,
            stride=FAR + 1,
            padding=[(far, far - 1)] * 3,
            strategy=strategy,
        )
    except gemmconv.UnsupportedError:
        assert strategy not in ("auto", "direct", "im2col", "implicit", *TOTAL_VARIANTS)
        return
    np.testing.assert_array_equal(dw, 3)


@pytest.mark.parametrize("strategy", ["auto", *STRATEGIES, *VARIANTS])
def test_a_padded_band_whose_size_overflows(strategy: str) -> None:
    x, w = np.ones((1, 1, 8, 8, 8), np.float32), np.ones((16, 1, 2, 2, 2), np.float32)
    options = {"dilation": FAR - 7, "padding": [(FAR - 7, 0)] * 3, "strategy": strategy}
    try:
        dw = gemmconv.conv_backward_weight(np.ones((1, 16, 8, 8, 8), np.float32), x, w.shape, **options)
    except gemmconv.UnsupportedError:
        assert strategy not in ("auto", "direct", "im2col", "implicit", *TOTAL_VARIANTS)
        return
    right = np.zeros(w.shape, np.float32)
    right[..., 1, 1, 1] = 512
    np.testing.assert_array_equal(dw, right)


@pytest.mark.parametrize("strategy", ["auto", *STRATEGIES, *VARIANTS])
def test_phases_without_a_cell_take_no_time(strategy: str) -> None:
    """A stride of 2^20 on two axes has 2^40 phases, of which 16 hold a cell of dx."""
    x, w, dy = np.ones((1, 2, 4, 4)), np.ones((3, 2, 2, 2)), np.ones((1, 3, 1, 1))
    try:
        dx = gemmconv.conv_backward_input(dy, w, x.shape, stride=2**20, strategy=strategy)
    except gemmconv.UnsupportedError:
        assert strategy not in ("auto", "direct", "im2col", "implicit", *TOTAL_VARIANTS)
        return
    assert dx.sum() == 2 * 4 * 3
    np.testing.assert_array_equal(dx[:, :, :2, :2], 3)
