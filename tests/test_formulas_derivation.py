"""The formulas and worked examples of the other two documents, as in test_formulas.py.

*Understanding Backpropagation for ConvNets*, and *Convolutional Neural Networks backpropagation: from intuition to
derivation*, which derives the passes of true convolution and ends with the five steps of training.
"""

import math

import numpy as np
from numpy.testing import assert_allclose
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
    sigmoid,
    sigmoid_slope,
    table,
    weight_gradient,
)

import gemmconv

# ---- Understanding Backpropagation for ConvNets ----------------------------------------------------------------------


def test_three_by_three_image_with_two_by_two_filter() -> None:
    """Understanding Backpropagation for ConvNets, second figure: a 3x3 image and a 2x2 filter give 2x2."""
    x, w = np.arange(1.0, 10).reshape(3, 3), np.array([[1.0, 10], [100, 1000]])
    expected = table(2, 2, lambda i, j: sum(x[i + m, j + n] * w[m, n] for m in range(2) for n in range(2)))
    close(filtered(x, w), expected)


def test_sparse_connections_are_a_sparse_matrix() -> None:
    """Understanding Backpropagation for ConvNets, third figure: an output is joined to a few inputs, by shared weights;
    backwards the same connections run the other way."""
    w = np.array([[1.0, 10], [100, 1000]])
    matrix = gemmconv.conv_matrix(plane(w), (1, 3, 3))
    expected = np.zeros((4, 9))
    for i in range(2):
        for j in range(2):
            for m in range(2):
                for n in range(2):
                    expected[2 * i + j, 3 * (i + m) + j + n] = w[m, n]
    assert matrix.shape == (4, 9)
    assert matrix.nnz == 16
    np.testing.assert_array_equal(matrix.toarray(), expected)
    x, dy = np.arange(1.0, 10), np.array([1.0, -2, 3, 5])
    close(filtered(x.reshape(3, 3), w).ravel(), expected @ x)
    close(input_gradient(dy.reshape(2, 2), w, (3, 3)).ravel(), expected.T @ dy)


def test_gradient_is_the_one_ahead_times_the_local_one(image: Array, kernel: Array, delta: Array) -> None:
    """Understanding Backpropagation for ConvNets, first figure: the gradient of an input is the gradient of the output
    times the local derivative, summed over the outputs; taken here from the outputs themselves, one cell at a time."""
    expected = np.zeros((H, W))
    for i in range(H):
        for j in range(W):
            one = np.zeros((H, W))
            one[i, j] = 1
            expected[i, j] = (delta * eq7(one, kernel)).sum()
    gradients = gemmconv.conv_backward(plane(delta), plane(image), plane(kernel))
    close(gradients.input[0, 0], expected)
    close(gradients.weight[0, 0], eq13(delta, image))
    close(gradients.bias, np.array([delta.sum()]))


# ---- Convolutional Neural Networks backpropagation: from intuition to derivation -------------------------------------


def test_perceptron_is_a_kernel_that_covers_its_input(image: Array) -> None:
    """From intuition to derivation, MLP: z_j = sum of w_jk a_k + b_j is a convolution whose kernel covers the input."""
    weights, biases = np.random.default_rng(5).standard_normal((4, 1, H, W)), np.arange(4.0)
    expected = [
        sum(weights[j, 0, r, s] * image[r, s] for r in range(H) for s in range(W)) + biases[j] for j in range(4)
    ]
    close(gemmconv.conv(plane(image), weights, biases)[0, :, 0, 0], np.array(expected))


def test_cutting_and_sharing_makes_a_convolution(image: Array, kernel: Array) -> None:
    """From intuition to derivation, first pictures: a perceptron with connections cut and weights shared convolves."""
    dense = np.zeros(((H - K1 + 1) * (W - K2 + 1), H * W))
    for i in range(H - K1 + 1):
        for j in range(W - K2 + 1):
            for m in range(K1):
                for n in range(K2):
                    dense[i * (W - K2 + 1) + j, (i + m) * W + j + n] = kernel[m, n]
    close(filtered(image, kernel).ravel(), dense @ image.ravel())
    np.testing.assert_array_equal(gemmconv.conv_matrix(plane(kernel), (1, H, W)).toarray(), dense)


def test_feedforward_of_activations(image: Array, kernel: Array) -> None:
    """From intuition to derivation, feedforward: z_(x,y) = sum of w_ab sigma(z_(x-a, y-b)) + b, a convolution."""
    expected = table(
        H - K1 + 1,
        W - K2 + 1,
        lambda x, y: (
            sum(
                kernel[a, b] / (1 + math.exp(-image[x + K1 - 1 - a, y + K2 - 1 - b]))
                for a in range(K1)
                for b in range(K2)
            )
            + 0.2
        ),
    )
    close(filtered(gemmconv.activate(image, "sigmoid"), kernel, flip=True, bias=np.array([0.2])), expected)


def derivation_delta(errors: Array, kernel: Array) -> Array:
    """The sum over x', y' of delta_(x', y') w_(x'-x, y'-y), outputs counted from the first that sees all of w."""
    return table(
        H,
        W,
        lambda x, y: sum(
            errors[i, j] * at(kernel, i + K1 - 1 - x, j + K2 - 1 - y)
            for i in range(errors.shape[0])
            for j in range(errors.shape[1])
        ),
    )


def test_error_of_a_layer(image: Array, kernel: Array, delta: Array) -> None:
    """From intuition to derivation, delta^l: sum of delta^(l+1)_(x', y') w_(x'-x, y'-y) sigma'(z_(x, y))."""
    passed = input_gradient(delta, kernel, (H, W), flip=True)
    close(passed, derivation_delta(delta, kernel))
    close(gemmconv.activate_backward(passed, image, "sigmoid"), derivation_delta(delta, kernel) * sigmoid_slope(image))


def test_error_of_a_layer_is_a_full_convolution_with_the_rotated_kernel(kernel: Array, delta: Array) -> None:
    """From intuition to derivation, "Where is the rotation": delta * ROT180(w), full where forward is valid."""
    rotated = gemmconv.rot180(plane(kernel))[0, 0]
    close(filtered(delta, rotated, padding="full", flip=True), derivation_delta(delta, kernel))


def test_whether_the_kernel_is_rotated_depends_on_the_forward_pass(kernel: Array, delta: Array) -> None:
    """The two derivations disagree: delta * w (after eq. 14) against delta * ROT180(w) (from intuition to derivation).
    Each is right for its own forward pass, correlation and convolution, and wrong for the other's."""
    rotated = gemmconv.rot180(plane(kernel))[0, 0]
    with_kernel = filtered(delta, kernel, padding="full", flip=True)
    with_rotated = filtered(delta, rotated, padding="full", flip=True)
    close(input_gradient(delta, kernel, (H, W)), with_kernel)
    close(input_gradient(delta, kernel, (H, W), flip=True), with_rotated)
    differs(with_kernel, with_rotated)


def test_rotation_counts_from_the_far_end(kernel: Array) -> None:
    """From intuition to derivation: ROT180(w_(x, y)) = w_(-x, -y) holds up to the origin, which moves to the far end;
    w[-x, -y] as an array language counts is another array."""
    rotated = gemmconv.rot180(plane(kernel))[0, 0]
    close(rotated, table(K1, K2, lambda x, y: kernel[K1 - 1 - x, K2 - 1 - y]))
    differs(rotated, table(K1, K2, lambda x, y: kernel[-x, -y]))
    np.testing.assert_array_equal(gemmconv.rot180(plane(rotated))[0, 0], kernel)


def derivation_weight_gradient(errors: Array, activations: Array) -> Array:
    return table(
        K1,
        K2,
        lambda a, b: sum(
            errors[x, y] * activations[x + K1 - 1 - a, y + K2 - 1 - b]
            for x in range(errors.shape[0])
            for y in range(errors.shape[1])
        ),
    )


def test_weight_gradient_of_the_derivation(image: Array, delta: Array) -> None:
    """From intuition to derivation, dC/dw_ab = sum of delta_(x, y) sigma(z_(x-a, y-b)) = delta * sigma(ROT180(z))."""
    expected = derivation_weight_gradient(delta, sigmoid(image))
    close(weight_gradient(delta, sigmoid(image), (K1, K2), flip=True), expected)
    rotated = gemmconv.activate(gemmconv.rot180(plane(image)), "sigmoid")
    close(gemmconv.conv(rotated, plane(delta), flip=True)[0, 0], expected)
    close(rotated, gemmconv.rot180(plane(sigmoid(image))))


def test_weight_gradient_takes_the_layer_below(image: Array, kernel: Array) -> None:
    """From intuition to derivation, dC/dw^l: the middle lines print sigma(z^l), the last sigma(z^(l-1)). The layer
    below is right: only its sizes fit the sum, and a change of a weight shows it."""
    below = sigmoid(image)
    z = filtered(below, kernel, flip=True)
    for a in range(K1):
        for b in range(K2):
            moved = kernel.copy()
            moved[a, b] += 1.0  # z is linear in w: the difference is the derivative
            slope = filtered(below, moved, flip=True) - z
            close(slope, table(*z.shape, lambda x, y, a=a, b=b: below[x + K1 - 1 - a, y + K2 - 1 - b]))


def test_five_steps_give_the_slope_of_the_cost(image: Array) -> None:
    """From intuition to derivation, the five steps: two layers, quadratic cost, every weight against the slope found by
    moving it."""
    generator = np.random.default_rng(6)
    weights = [generator.standard_normal(shape) for shape in ((3, 2), (2, 2))]
    biases, target = [0.1, -0.2], generator.standard_normal((H - 3, W - 2))

    def cost() -> float:
        a = sigmoid(image)
        for w, b in zip(weights, biases, strict=True):
            a = sigmoid(eq7(a, w[::-1, ::-1], b))
        return 0.5 * float(((a - target) ** 2).sum())

    z = [image]
    for w, b in zip(weights, biases, strict=True):  # 1, 2: input and feedforward
        z.append(filtered(gemmconv.activate(z[-1], "sigmoid"), w, flip=True, bias=np.array([b])))
    error = gemmconv.activate_backward(sigmoid(z[2]) - target, z[2], "sigmoid")  # 3: output error
    below = input_gradient(error, weights[1], z[1].shape, flip=True)  # 4: backpropagate
    errors = [gemmconv.activate_backward(below, z[1], "sigmoid"), error]
    for layer, w in enumerate(weights):  # 5: the gradient
        gradient = weight_gradient(errors[layer], sigmoid(z[layer]), w.shape, flip=True)
        bias_gradient = gemmconv.conv_backward_bias(plane(errors[layer]))[0]
        step = 1e-5
        for index in np.ndindex(w.shape):
            kept = w[index]
            w[index] = kept + step
            up = cost()
            w[index] = kept - step
            down = cost()
            w[index] = kept
            assert_allclose(gradient[index], (up - down) / (2 * step), rtol=1e-6, atol=1e-8)
        kept_bias = biases[layer]
        biases[layer] = kept_bias + step
        up = cost()
        biases[layer] = kept_bias - step
        down = cost()
        biases[layer] = kept_bias
        assert_allclose(bias_gradient, (up - down) / (2 * step), rtol=1e-6, atol=1e-8)
