"""Scratch memory from the caller: a run uses no more than the plan announces and the limit allows, with packed weights
too. In the deterministic mode the bits depend neither on threads nor on the batch, however small the limit is."""

import itertools
from typing import Any

import numpy as np
import pytest
from c_interface import CPlan
from cases import LAYOUTS, PASSES, Case, named, operands
from numpy.typing import NDArray
from passes import VARIANTS, answer_shape, plan_for, run_pass

import gemmconv

# What makes workspaces differ: few and many pixels, rows that fill no vector, strides, channels beyond a block, batch.
SMALL = (
    named("five_by_seven", (1, 13, 5, 7), 37, 3, padding=1),
    named("seven_by_seven_batch", (5, 24, 7, 7), 40, 3, padding=1),
    named("tiny_images", (5, 70, 3, 3), 33, 3, padding=1),
    named("one_by_one", (4, 70, 9, 9), 65, 1),
    named("one_by_one_strided", (3, 40, 11, 11), 17, 1, stride=2),
    named("one_by_one_strided_channels", (2, 64, 14, 14), 128, 1, stride=2),
    named("one_by_one_strided_groups", (1, 66, 12, 12), 128, 1, stride=2, groups=2),
    named("strided", (2, 17, 19, 23), 24, 3, stride=2, padding=1),
    named("stride_of_three", (3, 9, 20, 20), 34, (3, 2), stride=3),
    named("grouped", (2, 34, 13, 13), 6, 3, groups=2, padding=1),
    named("padded_band", (2, 32, 30, 30), 64, 3, padding=1),
    named("one_axis", (2, 7, 300), 35, 9, stride=3, padding=4),
    named("three_axes", (2, 5, 6, 7, 8), 20, (2, 3, 3), stride=(1, 2, 2)),
)
WIDE_BAND = named("wide_band", (1, 8, 148, 148), 1024, 8, dilation=20)  # forward: its band is as large as its weights
CANARY = 1 << 16


def scratch(size: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Aligned memory full of NaN, and the part of it that a plan may not write."""
    memory = np.full(size + 64 + CANARY, 0xFF, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start:], memory[start + size :]


@pytest.mark.parametrize("pass_", PASSES)
@pytest.mark.parametrize("strategy", ["auto", *VARIANTS])
def test_no_more_than_announced(strategy: str, pass_: str) -> None:
    cases = (*SMALL, WIDE_BAND) if pass_ == "forward" else SMALL
    for case, layout, threads, deterministic in itertools.product(cases, LAYOUTS, (1, 3), (False, True)):
        first, second = operands(case, pass_, "float32")
        first = np.ascontiguousarray(first if layout == "NCHW" else np.moveaxis(first, 1, -1))
        if pass_ == "backward_weight" and layout == "NHWC":
            second = np.ascontiguousarray(np.moveaxis(second, 1, -1))
        sizes: dict[str, Any] = {"threads": threads, "deterministic": deterministic}
        try:
            roomy = CPlan(case, pass_, "float32", layout, strategy, **sizes).workspace_bytes
        except gemmconv.UnsupportedError:
            continue
        for limit in (64 << 20, roomy, roomy * 2 // 3, roomy // 3, roomy // 8):
            try:
                plan = CPlan(case, pass_, "float32", layout, strategy, workspace_limit=limit, **sizes)
            except gemmconv.UnsupportedError:
                continue
            assert plan.workspace_bytes <= limit
            answers = [np.full(answer_shape(case, pass_, layout), np.nan, np.float32) for _ in range(2)]
            memory, behind = scratch(plan.workspace_bytes)
            plan(first, second, None, answers[0], memory)
            if pass_ != "backward_weight":
                memory[:] = 0xFF
                plan.run_packed(first, second, answers[1], memory)
                np.testing.assert_allclose(answers[1], answers[0], rtol=1e-3, atol=1e-3)
            assert (behind == 0xFF).all(), f"{case} {layout} {sizes} in {limit} bytes"


@pytest.mark.parametrize("pass_", PASSES)
@pytest.mark.parametrize("strategy", ["auto", *VARIANTS])
def test_bits_in_little_memory(strategy: str, pass_: str) -> None:
    for case in SMALL:
        first, second = operands(case, pass_, "float32")
        with gemmconv.options(deterministic=True, threads=1):
            try:
                roomy = plan_for(case, pass_, "float32", strategy=strategy).workspace_bytes
            except gemmconv.UnsupportedError:
                continue
        for limit in (roomy * 2 // 3, roomy // 2, roomy // 4, roomy // 8):
            answers = []
            for threads, batch in itertools.product((1, 2, 5), (case.batch, 1)):
                if pass_ == "backward_weight" and batch != case.batch:
                    continue
                one = Case(**{**case.__dict__, "batch": batch})
                with gemmconv.options(deterministic=True, threads=threads, workspace_limit=limit):
                    try:
                        plan = plan_for(one, pass_, "float32", strategy=strategy)
                    except gemmconv.UnsupportedError:
                        assert strategy not in ("auto", "direct/loops")
                        continue
                    assert plan.workspace_bytes <= limit, f"{one} {threads} threads"
                    answer = run_pass(one, pass_, first[:batch], second, strategy=strategy)
                answers.append(answer if pass_ == "backward_weight" else answer[:1])
            for other in answers[1:]:
                np.testing.assert_array_equal(answers[0], other, err_msg=f"{case} in {limit} bytes")
