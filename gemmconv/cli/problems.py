"""A convolution as data, as `check` and `bench` run it, with the arguments of `gemmconv.plan`."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gemmconv.annotations import Array

PASSES = ("forward", "backward_input", "backward_weight")
LAYOUTS = ("NCHW", "NHWC")


@dataclass(frozen=True)
class Problem:
    """One convolution, shapes in NCHW order: ``x_shape`` is (N, C, *spatial), ``w_shape`` is (K, C/groups, *kernel).

    ``layout`` is that of the arrays that the measured or checked code gets. `operands`, and the answers to compare
    with, are NCHW in any case.
    """

    name: str
    x_shape: tuple[int, ...]
    w_shape: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int = 1
    flip: bool = False
    layout: str = "NCHW"

    @property
    def output(self) -> tuple[int, ...]:
        """Spatial sizes of the output: ``floor((W - D*(F-1) - 1 + P_low + P_high) / S) + 1`` each."""
        axes = zip(self.x_shape[2:], self.w_shape[2:], self.stride, self.padding, self.dilation, strict=True)
        return tuple((w - d * (f - 1) - 1 + low + high) // s + 1 for w, f, s, (low, high), d in axes)

    @property
    def y_shape(self) -> tuple[int, ...]:
        """(N, K, *output)."""
        return (self.x_shape[0], self.w_shape[0], *self.output)

    @property
    def flops(self) -> int:
        """2*N*K*P*Q: each of N*K*P outputs is a sum of Q products, those with padded cells included."""
        return 2 * int(np.prod(self.y_shape)) * int(np.prod(self.w_shape[1:]))

    def options(self) -> dict[str, Any]:
        """Its keyword arguments for `gemmconv.plan` and `gemmconv.conv`."""
        names = ("stride", "padding", "dilation", "groups", "flip")
        return {name: getattr(self, name) for name in names}

    def operand_shapes(self, pass_: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Shapes of the two arrays that a pass reads: x, w | dy, w | dy, x."""
        return {
            "forward": (self.x_shape, self.w_shape),
            "backward_input": (self.y_shape, self.w_shape),
            "backward_weight": (self.y_shape, self.x_shape),
        }[pass_]

    def result_shape(self, pass_: str) -> tuple[int, ...]:
        """Shape of the array that a pass writes: y | dx | dw."""
        return {"forward": self.y_shape, "backward_input": self.x_shape, "backward_weight": self.w_shape}[pass_]

    def operands(self, pass_: str, dtype: str, seed: int = 0, positive: bool = False) -> tuple[Array, Array]:
        """Random arrays for a pass: standard normal, or their absolute values, in whose sums nothing cancels."""
        generator = np.random.default_rng(seed)
        first, second = (generator.standard_normal(shape).astype(dtype) for shape in self.operand_shapes(pass_))
        return (np.abs(first), np.abs(second)) if positive else (first, second)

    def arranged(self, pass_: str, first: Array, second: Array) -> tuple[Array, Array]:
        """Those arrays in the problem's layout; weights stay as they are."""
        return (
            arranged(first, self.layout),
            arranged(second, self.layout) if pass_ == "backward_weight" else second,
        )


def in_layout(shape: tuple[int, ...], layout: str) -> tuple[int, ...]:
    """An NCHW shape in ``layout``."""
    return shape if layout == "NCHW" else (shape[0], *shape[2:], shape[1])


def arranged(x: Array, layout: str) -> Array:
    """An NCHW array in ``layout``, contiguous."""
    return x if layout == "NCHW" else np.ascontiguousarray(np.moveaxis(x, 1, -1))


def channels_second(answer: Array, pass_: str, layout: str) -> Array:
    """A view of a pass's output in ``layout`` with the axes of NCHW; weight gradients have one order."""
    return answer if layout == "NCHW" or pass_ == "backward_weight" else np.moveaxis(answer, -1, 1)


def make_problem(
    name: str,
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    *,
    stride: int | tuple[int, ...] = 1,
    padding: int | tuple[int | tuple[int, int], ...] = 0,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
    flip: bool = False,
) -> Problem:
    """A `Problem` from arguments where one number stands for all axes, or for both ends of an axis."""
    rank = len(x_shape) - 2
    per_axis = (padding,) * rank if isinstance(padding, int) else padding
    return Problem(
        name,
        x_shape,
        w_shape,
        stride=(stride,) * rank if isinstance(stride, int) else stride,
        padding=tuple((end, end) if isinstance(end, int) else end for end in per_axis),
        dilation=(dilation,) * rank if isinstance(dilation, int) else dilation,
        groups=groups,
        flip=flip,
    )
