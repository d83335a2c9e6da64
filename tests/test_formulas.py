"""The formulas and worked examples of the documents this library grew from, one test each; the first two documents.

They are named by title: *Backpropagation In Convolutional Neural Networks* (numbered equations) and the lecture
*Backpropagation in CNNs* (IIT Hyderabad, No. 33). Every test writes the printed formula as loops and holds the library
against it. Where documents disagree or slip, a test shows which reading is right.
"""

import math

import numpy as np
import pytest
from pictures import (
    K1,
    K2,
    Array,
    H,
    W,
    at,
    close,
    differs,
    eq7,
    eq13,
    filtered,
    input_gradient,
    plane,
    sigmoid_slope,
    table,
    weight_gradient,
)

import gemmconv

# ---- Backpropagation In Convolutional Neural Networks ----------------------------------------------------------------


def eq2(image: Array, kernel: Array) -> Array:
    return table(
        H + K1 - 1,
        W + K2 - 1,
        lambda i, j: sum(at(image, i - m, j - n) * kernel[m, n] for m in range(K1) for n in range(K2)),
    )


def test_eq2_convolution(image: Array, kernel: Array) -> None:
    """Backpropagation In Convolutional Neural Networks, eq. 2: I * K is `flip=True`, all of it with "full" padding."""
    close(filtered(image, kernel, flip=True, padding="full"), eq2(image, kernel))


def test_eq3_holds_for_negative_indices(image: Array, kernel: Array) -> None:
    """Backpropagation In Convolutional Neural Networks, eq. 3: equals eq. 2 where m and n run from 1 - k to 0."""
    eq3 = table(
        H + K1 - 1,
        W + K2 - 1,
        lambda i, j: sum(at(image, i + m, j + n) * kernel[-m, -n] for m in range(1 - K1, 1) for n in range(1 - K2, 1)),
    )
    close(filtered(image, kernel, flip=True, padding="full"), eq3)


def test_eq3_as_printed_keeps_one_weight_only(image: Array, kernel: Array) -> None:
    """Backpropagation In Convolutional Neural Networks, eq. 3: its limits m = 0 .. k - 1 leave only K(0, 0)."""
    printed = table(
        H, W, lambda i, j: sum(at(image, i + m, j + n) * at(kernel, -m, -n) for m in range(K1) for n in range(K2))
    )
    close(printed, image * kernel[0, 0])
    differs(filtered(image, kernel, flip=True, padding="full")[:H, :W], printed)


def test_eq3_over_a_rotated_kernel_is_eq2_moved(image: Array, kernel: Array) -> None:
    """Backpropagation In Convolutional Neural Networks, eq. 3: K(-m, -n) as the kernel rotated about its middle gives
    the valid part of eq. 2, which begins k - 1 cells later."""
    rotated = table(K1, K2, lambda m, n: kernel[K1 - 1 - m, K2 - 1 - n])
    valid = filtered(image, kernel, flip=True)
    close(valid, eq7(image, rotated))
    close(valid, eq2(image, kernel)[K1 - 1 : H, K2 - 1 : W])


def test_eq6_forward_as_convolution_with_the_rotated_filter(image: Array, kernel: Array) -> None:
    """Backpropagation In Convolutional Neural Networks, eq. 6: z = rot180(w) * a + b, the valid part of eq. 2."""
    bias = np.array([0.7])
    rotated = gemmconv.rot180(plane(kernel))[0, 0]
    close(eq2(image, rotated)[K1 - 1 : H, K2 - 1 : W] + 0.7, eq7(image, kernel, 0.7))
    close(filtered(image, rotated, flip=True, bias=bias), eq7(image, kernel, 0.7))


def test_eq7_forward_as_correlation(image: Array, kernel: Array) -> None:
    """Backpropagation In Convolutional Neural Networks, eq. 7: z_ij = sum of w_mn a_(i+m, j+n) + b, the default."""
    close(filtered(image, kernel, bias=np.array([-0.3])), eq7(image, kernel, -0.3))


def test_eq7_bias_is_one_number_for_all_pixels(image: Array, kernel: Array, delta: Array) -> None:
    """Backpropagation In Convolutional Neural Networks, eq. 7 prints b_ij: weights are shared and so is the bias, or
    its gradient would not be the sum of all errors."""
    plain = filtered(image, kernel)
    close(filtered(image, kernel, bias=np.array([2.0])) - plain, np.full(plain.shape, 2.0))
    total = sum(delta[i, j] for i in range(delta.shape[0]) for j in range(delta.shape[1]))
    close(gemmconv.conv_backward_bias(plane(delta)), np.array([total]))


def test_activation_after_eq7(image: Array, kernel: Array) -> None:
    """Backpropagation In Convolutional Neural Networks, below eq. 7: a_ij = sigma(z_ij), fused or not."""
    z = eq7(image, kernel, 0.1)
    expected = table(*z.shape, lambda i, j: 1 / (1 + math.exp(-z[i, j])))
    close(filtered(image, kernel, bias=np.array([0.1]), activation="sigmoid"), expected)
    close(gemmconv.activate(z, "sigmoid"), expected)


def test_eq13_weight_gradient(image: Array, delta: Array) -> None:
    """Backpropagation In Convolutional Neural Networks, eq. 13: dC/dw_mn = sum of delta_ij a_(i+m, j+n)."""
    close(weight_gradient(delta, image, (K1, K2)), eq13(delta, image))


def test_eq14_weight_gradient_as_convolution_with_rotated_errors(image: Array, delta: Array) -> None:
    """Backpropagation In Convolutional Neural Networks, eq. 14: dC/dw = rot180(delta) * a, where * is eq. 2, valid."""
    close(filtered(image, gemmconv.rot180(plane(delta))[0, 0], flip=True), eq13(delta, image))


def test_eq14_is_wrong_where_star_means_correlation(image: Array, delta: Array) -> None:
    """Backpropagation In Convolutional Neural Networks, eq. 14: read with what networks call convolution (eq. 7), the
    errors must not be rotated."""
    differs(filtered(image, gemmconv.rot180(plane(delta))[0, 0]), eq13(delta, image))
    close(filtered(image, delta), eq13(delta, image))


@pytest.mark.parametrize(("row", "column"), [(0, 0), (2, 3), (H - 1, W - 1)])
def test_box_q_of_a_pixel_in_correlation(kernel: Array, row: int, column: int) -> None:
    """Backpropagation In Convolutional Neural Networks, above the last derivation: pixel (i', j') reaches the outputs
    from (i' - k1 + 1, j' - k2 + 1) to (i', j'), as far as there are outputs."""
    spot = np.zeros((H, W))
    spot[row, column] = 1
    reached = filtered(spot, kernel) != 0
    box = table(*reached.shape, lambda i, j: row - K1 + 1 <= i <= row and column - K2 + 1 <= j <= column)
    np.testing.assert_array_equal(reached, box.astype(bool))


def test_input_gradient_over_box_q(image: Array, kernel: Array, delta: Array) -> None:
    """Backpropagation In Convolutional Neural Networks, last derivation, fifth line: sum over the box Q of
    delta_ij w_(i'-i, j'-j) sigma'(z)."""
    expected = table(
        H,
        W,
        lambda row, column: sum(
            at(delta, i, j) * kernel[row - i, column - j]
            for i in range(row - K1 + 1, row + 1)
            for j in range(column - K2 + 1, column + 1)
        ),
    )
    passed = input_gradient(delta, kernel, (H, W))
    close(passed, expected)
    close(gemmconv.activate_backward(passed, image, "sigmoid"), expected * sigmoid_slope(image))


def test_input_gradient_is_a_full_convolution(kernel: Array, delta: Array) -> None:
    """Backpropagation In Convolutional Neural Networks, last line: sum of delta_(i'-m, j'-n) w_mn, that is delta * w in
    the sense of eq. 2 with zeros around delta."""
    expected = table(
        H, W, lambda i, j: sum(at(delta, i - m, j - n) * kernel[m, n] for m in range(K1) for n in range(K2))
    )
    close(input_gradient(delta, kernel, (H, W)), expected)
    close(filtered(delta, kernel, padding="full", flip=True), expected)
    close(filtered(delta, gemmconv.rot180(plane(kernel))[0, 0], padding="full"), expected)


def test_max_pooling_routes_the_error_to_the_winning_unit(image: Array) -> None:
    """Backpropagation In Convolutional Neural Networks, Pooling Layer: the noted index gets the error, the rest 0."""
    a, errors = image[:4, :4], np.array([[1.0, -2.0], [3.0, 4.0]])
    pooled, indices = gemmconv.max_pool(plane(a), 2, return_indices=True)
    expected = np.zeros((4, 4))
    for i in range(2):
        for j in range(2):
            block = [(2 * i + m, 2 * j + n) for m in range(2) for n in range(2)]
            winner = max(block, key=lambda cell: a[cell])
            assert pooled[0, 0, i, j] == a[winner]
            assert indices[0, 0, i, j] == winner[0] * 4 + winner[1]
            expected[winner] = errors[i, j]
    close(gemmconv.max_pool_backward(plane(errors), indices, (1, 1, 4, 4))[0, 0], expected)


@pytest.mark.parametrize("n", [2, 3])
def test_average_pooling_spreads_the_error(n: int) -> None:
    """Backpropagation In Convolutional Neural Networks, Pooling Layer: the error times 1 / (N x N) to all units; the
    lecture Backpropagation in CNNs, 20:23: a quarter each for 2x2, a ninth each for 3x3."""
    errors = np.array([[1.0, -2.0], [3.0, 4.0]])
    expected = table(2 * n, 2 * n, lambda i, j: errors[i // n, j // n] / (n * n))
    close(gemmconv.avg_pool_backward(plane(errors), (1, 1, 2 * n, 2 * n), n)[0, 0], expected)


def test_average_pooling_forward(image: Array) -> None:
    """Backpropagation In Convolutional Neural Networks, Pooling Layer: a block is reduced to its mean."""
    expected = table(3, 2, lambda i, j: sum(image[2 * i + m, 2 * j + n] for m in range(2) for n in range(2)) / 4)
    close(gemmconv.avg_pool(plane(image), 2)[0, 0], expected)


def test_l2_norm_pooling(image: Array) -> None:
    """Backpropagation In Convolutional Neural Networks, Pooling Layer: L2 norm of a block, gradient x / norm."""
    norms = table(
        3, 2, lambda i, j: math.sqrt(sum(image[2 * i + m, 2 * j + n] ** 2 for m in range(2) for n in range(2)))
    )
    errors = table(3, 2, lambda i, j: 1.0 + i - 2 * j)
    pooled = gemmconv.lp_pool(plane(image), 2, p=2)
    close(pooled[0, 0], norms)
    expected = table(H, W, lambda i, j: errors[i // 2, j // 2] * image[i, j] / norms[i // 2, j // 2] if j < 4 else 0.0)
    close(gemmconv.lp_pool_backward(plane(errors), plane(image), pooled, 2, p=2)[0, 0], expected)


# ---- The lecture Backpropagation in CNNs -----------------------------------------------------------------------------


def test_output_volume_of_the_exercise() -> None:
    """Backpropagation in CNNs, 0:42: 32x32x3 and six filters 5x5x3, stride 1, padding 0, give 28x28x6."""
    x, w = np.ones((1, 3, 32, 32)), np.ones((6, 3, 5, 5))
    y = gemmconv.conv(x, w)
    assert y.shape == (1, 6, 28, 28)
    assert gemmconv.plan("forward", x.shape, w.shape).output_shape == (1, 6, 28, 28)
    assert gemmconv.conv(x.transpose(0, 2, 3, 1), w, layout="NHWC").shape == (1, 28, 28, 6)
    close(y, np.full(y.shape, 75.0))


@pytest.mark.parametrize("size", [7, 8, 32])
@pytest.mark.parametrize("f", [1, 2, 5])
@pytest.mark.parametrize("p", [0, 1, 3])
@pytest.mark.parametrize("s", [1, 2, 3])
def test_output_size_formula(size: int, f: int, p: int, s: int) -> None:
    """Backpropagation in CNNs, 0:42: W2 = (W1 - F + 2P) / s + 1; where s does not divide, rounded down."""
    starts = [i for i in range(0, size + 2 * p, s) if i + f <= size + 2 * p]
    y = gemmconv.conv(np.ones((1, 1, size)), np.ones((1, 1, f)), stride=s, padding=p)
    assert y.shape[2] == len(starts)
    if (size - f + 2 * p) % s == 0:
        assert y.shape[2] == (size - f + 2 * p) / s + 1
    else:
        assert y.shape[2] < (size - f + 2 * p) / s + 1


def test_definition_of_convolution(image: Array, kernel: Array) -> None:
    """Backpropagation in CNNs, 2:27: Y[i, j] = sum of X[i-a, j-b] W[a, b], `flip=True`: the corner, not the centre."""
    expected = table(
        H + K1 - 1,
        W + K2 - 1,
        lambda i, j: sum(at(image, i - a, j - b) * kernel[a, b] for a in range(K1) for b in range(K2)),
    )
    close(filtered(image, kernel, flip=True, padding="full"), expected)


def lecture_weight_gradient(x: Array, wide_delta: Array) -> Array:
    return table(
        K1,
        K2,
        lambda a, b: sum(wide_delta[i, j] * at(x, i - a, j - b) for i in range(H + K1 - 1) for j in range(W + K2 - 1)),
    )


def test_weight_gradient_of_convolution(image: Array, wide_delta: Array) -> None:
    """Backpropagation in CNNs, 7:57: dL/dW[a', b'] = sum of dL/dY[i, j] X[i-a', y-b'], where y is a slip for j."""
    got = weight_gradient(wide_delta, image, (K1, K2), flip=True, padding="full")
    close(got, lecture_weight_gradient(image, wide_delta))


def test_weight_gradient_of_convolution_is_a_correlation(image: Array, wide_delta: Array) -> None:
    """Backpropagation in CNNs, 7:57, calls the sum above X * dL/dY: it is the correlation of dL/dY with X, a
    convolution only with X rotated, as *from intuition to derivation* has it (delta * ROT180)."""
    right = lecture_weight_gradient(image, wide_delta)
    as_convolution = table(
        K1,
        K2,
        lambda a, b: sum(
            wide_delta[i, j] * at(image, a - i, b - j) for i in range(H + K1 - 1) for j in range(W + K2 - 1)
        ),
    )
    differs(as_convolution, right)
    shifts = table(  # correlation of dL/dY with X at the shifts 0 .. k - 1
        K1, K2, lambda a, b: sum(wide_delta[i + a, j + b] * image[i, j] for i in range(H) for j in range(W))
    )
    close(shifts, right)
    close(filtered(wide_delta, image)[:K1, :K2], right)
    close(filtered(wide_delta, gemmconv.rot180(plane(image))[0, 0], flip=True)[:K1, :K2], right)


def test_chain_rule_of_a_weight_sums_errors_of_outputs(image: Array, kernel: Array, wide_delta: Array) -> None:
    """Backpropagation in CNNs, 6:47, prints dL/dW[a', b'] on both sides: the factor in the sum must be dL/dY[i, j]."""
    chained = np.zeros((K1, K2))
    for a in range(K1):
        for b in range(K2):
            one = np.zeros((K1, K2))
            one[a, b] = 1  # dY/dW[a, b], since Y is linear in W
            slope = filtered(image, one, flip=True, padding="full")
            chained[a, b] = sum(wide_delta[i, j] * slope[i, j] for i in range(H + K1 - 1) for j in range(W + K2 - 1))
    close(weight_gradient(wide_delta, image, (K1, K2), flip=True, padding="full"), chained)


def test_every_weight_reaches_every_output(image: Array) -> None:
    """Backpropagation in CNNs, 4:23: a weight affects every pixel in Y (those that it meets a cell of X for)."""
    ones = np.ones((H, W))
    for a in range(K1):
        for b in range(K2):
            one = np.zeros((K1, K2))
            one[a, b] = 1
            assert (filtered(ones, one, flip=True) == 1).all()
            assert (filtered(ones, one, flip=True, padding="full") == 1).sum() == H * W


@pytest.mark.parametrize(("row", "column"), [(0, 0), (2, 3), (H - 1, W - 1)])
def test_region_p_of_a_pixel_in_convolution(kernel: Array, row: int, column: int) -> None:
    """Backpropagation in CNNs, 10:52: X[i', j'] reaches Y from [i', j'] to [i' + K1 - 1, j' + K2 - 1]. Its definition
    is convolution; for correlation the box lies before the pixel, as eq. 7's document says."""
    spot = np.zeros((H, W))
    spot[row, column] = 1
    reached = filtered(spot, kernel, flip=True, padding="full") != 0
    region = table(*reached.shape, lambda i, j: row <= i < row + K1 and column <= j < column + K2)
    np.testing.assert_array_equal(reached, region.astype(bool))


def test_input_gradient_of_convolution_is_a_correlation(kernel: Array, wide_delta: Array) -> None:
    """Backpropagation in CNNs, 14:17: dL/dX[i', j'] = sum of dL/dY[i'+a, j'+b] W[a, b] = dL/dY * flip180(W)."""
    expected = table(
        H, W, lambda i, j: sum(wide_delta[i + a, j + b] * kernel[a, b] for a in range(K1) for b in range(K2))
    )
    close(input_gradient(wide_delta, kernel, (H, W), flip=True, padding="full"), expected)
    close(filtered(wide_delta, kernel), expected)
    close(filtered(wide_delta, gemmconv.rot180(plane(kernel))[0, 0], flip=True), expected)


def test_convolution_by_fourier_transform(image: Array, kernel: Array) -> None:
    """Backpropagation in CNNs, 14:17: a convolution may be evaluated through a Fourier transform."""
    size = (H + K1 - 1, W + K2 - 1)
    product = np.fft.rfft2(image, size) * np.fft.rfft2(kernel, size)
    close(filtered(image, kernel, flip=True, padding="full"), np.fft.irfft2(product, size))


PICTURE = np.array([[1.0, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])


def test_max_pooling_of_the_four_by_four_picture() -> None:
    """Backpropagation in CNNs, 17:22: 1156 -> 6, 2478 -> 8, 3212 -> 3, 1034 -> 4."""
    for (i, j), digits in {(0, 0): "1156", (0, 2): "2478", (2, 0): "3212", (2, 2): "1034"}.items():
        assert [int(digit) for digit in digits] == PICTURE[i : i + 2, j : j + 2].ravel().tolist()
    pooled, indices = gemmconv.max_pool(plane(PICTURE), 2, return_indices=True)
    assert pooled[0, 0].tolist() == [[6, 8], [3, 4]]
    assert indices[0, 0].tolist() == [[5, 7], [8, 15]]


def test_gradients_of_the_four_by_four_picture() -> None:
    """Backpropagation in CNNs, 17:22: the whole gradient at 6 goes to the place 6 came from, and so for the others."""
    _, indices = gemmconv.max_pool(plane(PICTURE), 2, return_indices=True)
    errors = np.array([[10.0, 20], [30, 40]])
    expected = np.array([[0.0, 0, 0, 0], [0, 10, 0, 20], [30, 0, 0, 0], [0, 0, 0, 40]])
    close(gemmconv.max_pool_backward(plane(errors), indices, (1, 1, 4, 4))[0, 0], expected)


def test_max_pooling_is_differentiable_where_one_unit_wins() -> None:
    """Backpropagation in CNNs, 0:42 and 17:22: where winners are unique, the routed error is the derivative."""
    errors = np.array([[1.0, -2.0], [0.5, 3.0]])
    _, indices = gemmconv.max_pool(plane(PICTURE), 2, return_indices=True)
    routed = gemmconv.max_pool_backward(plane(errors), indices, (1, 1, 4, 4))[0, 0]
    step = 2.0**-10
    for i in range(4):
        for j in range(4):
            up, down = PICTURE.copy(), PICTURE.copy()
            up[i, j] += step
            down[i, j] -= step
            change = gemmconv.max_pool(plane(up), 2) - gemmconv.max_pool(plane(down), 2)
            assert (change[0, 0] * errors).sum() / (2 * step) == routed[i, j]
