"""Sizes whose products pass 2**63 although each fits: every strategy answers or refuses."""

import numpy as np
import pytest
from passes import STRATEGIES

import gemmconv

FAR = 2**22 - 1  # with one cell more, three axes of it multiply to 2**66: 0 in 64 bits


@pytest.mark.parametrize("strategy", ["auto", *STRATEGIES])
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


@pytest.mark.parametrize("strategy", ["auto", *STRATEGIES])
def test_a_padded_plane_whose_size_overflows(strategy: str) -> None:
    x, w = np.ones((1, 2, 1, 1, 1), np.float32), np.ones((2, 1, 2, 2, 2), np.float32)
    options = {"groups": 2, "dilation": FAR, "padding": [(FAR, 0)] * 3, "strategy": strategy}
    try:
        np.testing.assert_array_equal(gemmconv.conv(x, w, **options), 1)
        np.testing.assert_array_equal(gemmconv.conv_backward_input(x, w, x.shape, **options), 1)
        assert gemmconv.conv_backward_weight(x, x, w.shape, **options).sum() == 2
    except gemmconv.UnsupportedError:
        return
