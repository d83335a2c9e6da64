"""Every public function on arrays, with a small call of each, for tests that all of them must pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import gemmconv

Array = NDArray[Any]

X, W, Y = (2, 4, 7, 6), (6, 2, 3, 2), (2, 6, 4, 3)
OPTIONS: dict[str, Any] = {"stride": 2, "padding": ((1, 1), (1, 0)), "groups": 2}
WINDOW: dict[str, Any] = {"stride": 2, "padding": (1, 0)}
POOLED = (2, 4, 4, 2)
COLUMNS = (2, 4 * 6, 5 * 5)


@dataclass(frozen=True)
class ArrayFunction:
    """A function, and the names and shapes of its arrays in order; indices are made by pooling."""

    made_for: Callable[[str], Callable[..., Array]]
    shapes: dict[str, tuple[int, ...]]
    takes_out: bool = True

    @property
    def call(self) -> Callable[..., Array]:
        """The function for float32. A plan is made for one dtype; other functions take any."""
        return self.made_for("float32")

    def arrays(self, dtype: str = "float32") -> dict[str, Array]:
        """Random arrays, the same at every call."""
        generator = np.random.default_rng(5)
        made = {name: np.abs(generator.standard_normal(shape)).astype(dtype) for name, shape in self.shapes.items()}
        if "indices" in made:  # of windows that do not overlap, so that no two share a cell
            made["indices"] = gemmconv.max_pool(np.abs(generator.standard_normal(X)), 2, return_indices=True)[1]
        return made


def plan(pass_: str, dtype: str) -> Any:
    return gemmconv.plan(pass_, X, W, dtype=dtype, **OPTIONS)


def packed(dtype: str) -> Callable[..., Array]:
    """A call with weights packed for the plan."""
    made = plan("forward", dtype)
    return lambda x, w, **k: made(x, made.pack(w), **k)


def any_dtype(call: Callable[..., Array], shapes: dict[str, tuple[int, ...]], takes_out: bool = True) -> ArrayFunction:
    return ArrayFunction(lambda dtype: call, shapes, takes_out)


FUNCTIONS: dict[str, ArrayFunction] = {
    "conv": any_dtype(
        lambda x, w, bias, **k: gemmconv.conv(x, w, bias, activation="tanh", **OPTIONS, **k),
        {"x": X, "w": W, "bias": (6,)},
    ),
    "conv_1d": any_dtype(lambda x, w, **k: gemmconv.conv(x, w, **k), {"x": (2, 3, 9), "w": (4, 3, 2)}),
    "conv_3d": any_dtype(lambda x, w, **k: gemmconv.conv(x, w, **k), {"x": (1, 2, 3, 4, 5), "w": (3, 2, 2, 2, 2)}),
    "conv_nhwc": any_dtype(
        lambda x, w, **k: gemmconv.conv(x, w, layout="NHWC", **OPTIONS, **k), {"x": (2, 7, 6, 4), "w": W}
    ),
    "conv_backward_input": any_dtype(
        lambda dy, w, **k: gemmconv.conv_backward_input(dy, w, X, **OPTIONS, **k), {"dy": Y, "w": W}
    ),
    "conv_backward_weight": any_dtype(
        lambda dy, x, **k: gemmconv.conv_backward_weight(dy, x, W, **OPTIONS, **k), {"dy": Y, "x": X}
    ),
    "conv_backward_bias": any_dtype(lambda dy: gemmconv.conv_backward_bias(dy), {"dy": Y}, takes_out=False),
    "conv_transpose": any_dtype(
        lambda x, w, bias, **k: gemmconv.conv_transpose(x, w, bias, stride=2, groups=2, **k),
        {"x": Y, "w": (6, 2, 3, 2), "bias": (4,)},
    ),
    "plan_forward": ArrayFunction(partial(plan, "forward"), {"x": X, "w": W, "bias": (6,)}),
    "plan_backward_input": ArrayFunction(partial(plan, "backward_input"), {"dy": Y, "w": W, "bias": (4,)}),
    "plan_backward_weight": ArrayFunction(partial(plan, "backward_weight"), {"dy": Y, "x": X}),
    "plan_packed": ArrayFunction(packed, {"x": X, "w": W}),
    "im2col": any_dtype(lambda x: gemmconv.im2col(x, (3, 2)), {"x": X}, takes_out=False),
    "col2im": any_dtype(lambda cols: gemmconv.col2im(cols, X[2:], (3, 2)), {"cols": COLUMNS}, takes_out=False),
    "max_pool": any_dtype(lambda x, **k: gemmconv.max_pool(x, (2, 3), **WINDOW, **k), {"x": X}),
    "max_pool_backward": any_dtype(
        lambda dy, indices, **k: gemmconv.max_pool_backward(dy, indices, X, **k),
        {"dy": (2, 4, 3, 3), "indices": (2, 4, 3, 3)},
    ),
    "max_unpool": any_dtype(
        lambda y, indices, **k: gemmconv.max_unpool(y, indices, X, **k),
        {"y": (2, 4, 3, 3), "indices": (2, 4, 3, 3)},
    ),
    "max_unpool_backward": any_dtype(
        lambda dx, indices, **k: gemmconv.max_unpool_backward(dx, indices, **k), {"dx": X, "indices": (2, 4, 3, 3)}
    ),
    "avg_pool": any_dtype(lambda x, **k: gemmconv.avg_pool(x, (2, 3), **WINDOW, **k), {"x": X}),
    "avg_pool_backward": any_dtype(
        lambda dy, **k: gemmconv.avg_pool_backward(dy, X, (2, 3), **WINDOW, **k), {"dy": POOLED}
    ),
    "lp_pool": any_dtype(lambda x, **k: gemmconv.lp_pool(x, (2, 3), p=3, **WINDOW, **k), {"x": X}),
    "lp_pool_backward": any_dtype(
        lambda dy, x, y, **k: gemmconv.lp_pool_backward(dy, x, y, (2, 3), p=3, **WINDOW, **k),
        {"dy": POOLED, "x": X, "y": POOLED},
    ),
    "adaptive_avg_pool": any_dtype(lambda x, **k: gemmconv.adaptive_avg_pool(x, (3, 4), **k), {"x": X}),
    "adaptive_avg_pool_backward": any_dtype(
        lambda dy, **k: gemmconv.adaptive_avg_pool_backward(dy, X, **k), {"dy": (2, 4, 3, 4)}
    ),
    "adaptive_max_pool": any_dtype(lambda x, **k: gemmconv.adaptive_max_pool(x, (3, 4), **k), {"x": X}),
    "activate": any_dtype(lambda z, **k: gemmconv.activate(z, "gelu", **k), {"z": X}),
    "activate_backward": any_dtype(
        lambda da, z, **k: gemmconv.activate_backward(da, z, "gelu", **k), {"da": X, "z": X}
    ),
}
ARGUMENTS = [(name, argument) for name, function in FUNCTIONS.items() for argument in function.shapes]
WITH_OUT = [name for name, function in FUNCTIONS.items() if function.takes_out]
