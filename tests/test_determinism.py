"""The same bits: from run to run; with `deterministic=True` also for any threads, and for an image in any batch."""

from typing import Any

import numpy as np
import pytest
from cases import CASES, DTYPES, LAYERS, LAYOUTS, PASSES, Case, from_layout, in_layout, named, operands
from installation import fresh_python
from numpy.typing import NDArray
from passes import TOTAL_VARIANTS, VARIANTS, refusal, run_pass

import gemmconv

Array = NDArray[Any]

# Enough images and pixels that a batch is split, several images share a product, and threads have work to divide.
BATCHES = (
    named("several_images_to_a_product", (7, 64, 7, 7), 64, 3, padding=1),
    named("image_split_over_threads", (5, 24, 28, 28), 40, 3, padding=1),
    named("one_by_one_batch", (6, 96, 7, 7), 80, 1),
    named("strided_batch", (5, 16, 15, 15), 24, 3, stride=2, padding=1),
    named("grouped_batch", (5, 32, 9, 9), 48, 3, groups=4, padding=1),
    named("depthwise_batch", (5, 40, 12, 12), 40, 3, groups=40, padding=1),
    named("one_axis_batch", (9, 12, 200), 16, 5, padding=2),
    named("three_axes_batch", (5, 6, 6, 6, 6), 8, 3, padding=1),
    named("many_tiny_images_batch", (33, 3, 4, 4), 5, 3),
)


def assert_same_bits(a: Array, b: Array, what: str) -> None:
    assert a.dtype == b.dtype
    assert a.tobytes() == b.tobytes(), f"{what}: bits differ by up to {np.abs(a - b).max()}"


def solvable(case: Case, pass_: str, dtype: str, strategy: str, layout: str) -> bool:
    refused = refusal(case, pass_, dtype, strategy, layout) is not None
    assert not (refused and strategy in ("auto", *TOTAL_VARIANTS))
    return not refused


@pytest.mark.parametrize("pass_", PASSES)
@pytest.mark.parametrize("strategy", ["auto", *VARIANTS])
def test_from_run_to_run(strategy: str, pass_: str) -> None:
    for case in BATCHES + CASES[::7]:
        for layout in LAYOUTS:
            for threads in (1, 2, 3):
                with gemmconv.options(threads=threads):
                    if not solvable(case, pass_, "float32", strategy, layout):
                        continue
                    first, second = operands(case, pass_, "float32")
                    first_run, *more = (
                        run_pass(case, pass_, first, second, layout=layout, strategy=strategy) for _ in range(3)
                    )
                    for again in more:
                        assert_same_bits(first_run, again, f"{case} {layout} on {threads} threads")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("pass_", PASSES)
@pytest.mark.parametrize("strategy", ["auto", *VARIANTS])
def test_for_any_number_of_threads(strategy: str, pass_: str, dtype: str) -> None:
    for case in BATCHES + LAYERS:
        for layout in LAYOUTS:
            with gemmconv.options(deterministic=True):
                if not solvable(case, pass_, dtype, strategy, layout):
                    continue
            first, second = operands(case, pass_, dtype)
            for limit in (64 << 20, 160 << 10):  # scratch memory for all threads, and for hardly one
                answers = []
                for threads in (1, 2, 3, 5):
                    with gemmconv.options(threads=threads, workspace_limit=limit):
                        refusal(case, pass_, dtype, strategy, layout)  # leaves a plan of the other mode in the cache
                    with gemmconv.options(deterministic=True, threads=threads, workspace_limit=limit):
                        if limit == 64 << 20 or refusal(case, pass_, dtype, strategy, layout) is None:
                            answers.append(run_pass(case, pass_, first, second, layout=layout, strategy=strategy))
                for other in answers[1:]:
                    assert_same_bits(answers[0], other, f"{case} {layout} in {limit} bytes")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("pass_", ["forward", "backward_input"])
@pytest.mark.parametrize("strategy", ["auto", *VARIANTS])
def test_for_an_image_in_any_batch(strategy: str, pass_: str, dtype: str) -> None:
    for whole in BATCHES:
        first, second = operands(whole, pass_, dtype)
        for layout in LAYOUTS:
            with gemmconv.options(deterministic=True, threads=3):
                if not solvable(whole, pass_, dtype, strategy, layout):
                    continue
                together = run_pass(whole, pass_, first, second, layout=layout, strategy=strategy)
            for images, threads in ((slice(0, 1), 1), (slice(2, 4), 2), (slice(4, 5), 3), (slice(1, 5), 1)):
                part = Case(**{**whole.__dict__, "batch": images.stop - images.start})
                with gemmconv.options(deterministic=True, threads=threads):
                    apart = run_pass(part, pass_, first[images], second, layout=layout, strategy=strategy)
                assert_same_bits(
                    np.ascontiguousarray(together[images]), np.ascontiguousarray(apart), f"{whole} {layout} {images}"
                )


@pytest.mark.parametrize("dtype", DTYPES)
def test_other_functions_for_any_number_of_threads(dtype: str) -> None:
    """Bias, its gradient, transposed convolution, pooling and activations in the deterministic mode."""
    generator = np.random.default_rng(4)
    x = generator.standard_normal((5, 24, 19, 17)).astype(dtype)
    w, bias = generator.standard_normal((24, 16, 3, 3)).astype(dtype), generator.standard_normal(16).astype(dtype)
    seen: list[list[bytes]] = []
    for threads in (1, 2, 3):
        with gemmconv.options(deterministic=True, threads=threads):
            _, indices = gemmconv.max_pool(x, 3, stride=2, return_indices=True)
            results = [
                gemmconv.conv_backward_bias(x),
                gemmconv.conv_backward_bias(in_layout(x, "NHWC"), layout="NHWC"),
                gemmconv.conv_transpose(x, w, bias, stride=2, activation="gelu"),
                gemmconv.conv(x, w.transpose(1, 0, 2, 3).copy(), bias, activation="tanh"),
                gemmconv.avg_pool(x, 3, stride=2),
                gemmconv.lp_pool(x, 3, stride=2),
                gemmconv.max_pool_backward(x[:, :, :9, :8].copy(), indices, x.shape),
                gemmconv.avg_pool_backward(x[:, :, :9, :8].copy(), x.shape, 3, stride=2),
                gemmconv.activate(x, "softplus"),
                gemmconv.im2col(x, 3),
                gemmconv.col2im(gemmconv.im2col(x, 3), x.shape[2:], 3),
            ]
            seen.append([result.tobytes() for result in results])
    for other in seen[1:]:
        assert [a == b for a, b in zip(seen[0], other, strict=True)] == [True] * len(other)


def test_a_plan_keeps_the_mode_it_was_made_under() -> None:
    whole = BATCHES[1]
    x, w = operands(whole, "forward", "float32")
    with gemmconv.options(deterministic=True, threads=1):
        expected = run_pass(whole, "forward", x, w)
    with gemmconv.options(deterministic=True, threads=3):
        plan = gemmconv.plan("forward", whole.x_shape, whole.w_shape, **whole.options)
    assert_same_bits(plan(x, w), expected, "a plan outside its options")
    one = gemmconv.plan("forward", (1, *whole.x_shape[1:]), whole.w_shape, **whole.options)
    assert from_layout(one(x[:1], w), "NCHW").shape == (1, *whole.y_shape[1:])


SCRIPT = """
import hashlib, numpy as np, gemmconv
generator = np.random.default_rng(0)
x, w = generator.standard_normal((3, 32, 20, 20), np.float32), generator.standard_normal((48, 32, 3, 3), np.float32)
with gemmconv.options(deterministic=True):
    y = gemmconv.conv(x, w, padding=1)
    gradients = gemmconv.conv_backward(y, x, w, padding=1)
print(hashlib.sha256(b"".join(a.tobytes() for a in (y, *gradients))).hexdigest())
"""


def test_for_processes_with_other_thread_settings() -> None:
    digests = {fresh_python(SCRIPT, OMP_NUM_THREADS=threads, OPENBLAS_NUM_THREADS=threads) for threads in "123"}
    assert len(digests) == 1


@pytest.mark.parametrize("pass_", ["forward", "backward_input"])
def test_copies_of_odd_arrays_do_not_choose_the_bits(pass_: str) -> None:
    """A copy takes workspace that grows with the batch; the strategy must not depend on what is left."""
    generator = np.random.default_rng(4)
    images = generator.standard_normal((16, 64, 28, 28)).astype(np.float32)
    w = generator.standard_normal((64, 64, 3, 3)).astype(np.float32)

    def run(images: Any) -> Any:
        odd = np.asfortranarray(images)
        if pass_ == "forward":
            return gemmconv.conv(odd, w, padding=1)
        return gemmconv.conv_backward_input(odd, w, images.shape, padding=1)

    with gemmconv.options(deterministic=True, workspace_limit=images.nbytes // 2):
        np.testing.assert_array_equal(run(images)[:1], run(images[:1]))
