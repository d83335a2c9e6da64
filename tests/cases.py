"""Adversarial convolutions as data, each named for the difficulty that it tests, and strategies that draw random ones.

A case has shapes and options, and the oracle's answers for it. The answers are cached, since every strategy is compared
with the same ones.
"""

from __future__ import annotations

import functools
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import oracle
from hypothesis import strategies as st
from numpy.typing import NDArray

Array = NDArray[Any]
Sizes = tuple[int, ...]

PASSES = ("forward", "backward_input", "backward_weight")
DTYPES = ("float32", "float64")
LAYOUTS = ("NCHW", "NHWC")
KINDS = ("normal", "positive", "cancelling")


@dataclass(frozen=True)
class Case:
    """One convolution. `padding` holds a (low, high) pair per axis."""

    name: str
    batch: int
    in_channels: int
    out_channels: int
    input: Sizes
    kernel: Sizes
    stride: Sizes
    dilation: Sizes
    padding: tuple[tuple[int, int], ...]
    groups: int = 1

    @property
    def rank(self) -> int:
        return len(self.input)

    @property
    def x_shape(self) -> Sizes:
        return (self.batch, self.in_channels, *self.input)

    @property
    def w_shape(self) -> Sizes:
        return (self.out_channels, self.in_channels // self.groups, *self.kernel)

    @property
    def output(self) -> Sizes:
        return oracle.output_sizes(self.input, self.kernel, self.stride, self.dilation, self.padding)

    @property
    def y_shape(self) -> Sizes:
        return (self.batch, self.out_channels, *self.output)

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments of both gemmconv and the oracle, without flip."""
        return {"stride": self.stride, "padding": self.padding, "dilation": self.dilation, "groups": self.groups}

    def shapes(self, pass_: str) -> tuple[Sizes, Sizes, Sizes]:
        """Shapes of the two operands and the answer of a pass, channels second."""
        x, w, y = self.x_shape, self.w_shape, self.y_shape
        return {"forward": (x, w, y), "backward_input": (y, w, x), "backward_weight": (y, x, w)}[pass_]

    def longest_chain(self, pass_: str) -> int:
        """The number of terms that one element of the answer sums, padded taps included."""
        taps = int(np.prod(self.kernel))
        return {
            "forward": self.in_channels // self.groups * taps,
            "backward_input": self.out_channels // self.groups * taps,
            "backward_weight": self.batch * int(np.prod(self.output)),
        }[pass_]

    def __str__(self) -> str:
        return self.name


def _per_axis(value: int | Sizes, rank: int) -> Sizes:
    return (value,) * rank if isinstance(value, int) else value


def named(
    name: str,
    x_shape: Sizes,
    out_channels: int,
    kernel: int | Sizes,
    *,
    stride: int | Sizes = 1,
    dilation: int | Sizes = 1,
    padding: int | tuple[Any, ...] = 0,
    groups: int = 1,
) -> Case:
    """A case from arguments of which one number stands for all axes; a padding is a number or a (low, high) pair."""
    rank = len(x_shape) - 2
    entries = (padding,) * rank if isinstance(padding, int) else padding
    pairs = tuple((entry, entry) if isinstance(entry, int) else entry for entry in entries)
    sizes = [_per_axis(value, rank) for value in (kernel, stride, dilation)]
    return Case(name, x_shape[0], x_shape[1], out_channels, x_shape[2:], *sizes, pairs, groups)


CASES = (
    # Sizes at their smallest
    named("one_number", (1, 1, 1, 1), 1, 1),
    named("one_pixel_output", (2, 3, 3, 3), 2, 3),
    named("one_pixel_input_all_padding_around", (1, 2, 1, 1), 3, 3, padding=1),
    named("one_wide_window_over_padding", (1, 2, 1, 1), 2, 5, padding=2),
    named("single_channel", (2, 1, 6, 7), 1, 3, padding=1),
    named("single_input_channel", (2, 1, 6, 6), 5, 3),
    named("single_output_channel", (2, 5, 6, 6), 1, 3),
    named("batch_one", (1, 4, 6, 6), 5, 3, padding=1),
    named("kernel_covers_input", (2, 3, 5, 4), 3, (5, 4)),
    named("kernel_larger_than_input", (2, 2, 3, 3), 3, 5, padding=2),
    named("row_kernel", (2, 3, 5, 6), 2, (1, 3), padding=((0, 0), (1, 1))),
    named("column_kernel", (2, 3, 6, 5), 2, (3, 1), padding=((1, 1), (0, 0))),
    named("even_kernel", (2, 3, 6, 6), 2, 2),
    named("even_kernel_padded_to_same", (2, 3, 6, 6), 2, 4, padding=((1, 2), (1, 2))),
    # Stride
    named("stride_does_not_divide", (2, 3, 8, 8), 4, 3, stride=2),
    named("stride_leaves_last_cells_unread", (2, 3, 10, 11), 2, 3, stride=4),
    named("stride_larger_than_kernel", (2, 3, 9, 9), 4, 2, stride=3),
    named("stride_larger_than_input", (2, 3, 4, 5), 4, 3, stride=7, padding=1),
    named("stride_larger_than_input_of_many_phases", (2, 3, 2, 9), 4, 3, stride=(9, 2), padding=1),
    named(
        "only_window_in_the_padding_of_the_first_axis",
        (1, 2, 1, 3, 4),
        3,
        (1, 2, 2),
        stride=(2, 1, 1),
        padding=((1, 0), 0, 0),
    ),
    named("stride_differs_by_axis", (2, 3, 9, 8), 4, 3, stride=(2, 3), padding=1),
    named("stride_two_even_size", (2, 4, 8, 8), 3, 3, stride=2, padding=1),
    named("stride_two_odd_size", (2, 4, 7, 9), 3, 3, stride=2, padding=1),
    named("stride_three_kernel_seven", (1, 3, 13, 12), 4, 7, stride=3, padding=3),
    # Padding
    named("asymmetric_padding", (2, 3, 6, 5), 4, 3, padding=((0, 2), (3, 1))),
    named("padding_at_high_end_only", (2, 3, 6, 6), 2, 3, stride=2, padding=((0, 1), (0, 1))),
    named("padding_at_low_end_only", (2, 3, 6, 6), 2, 3, stride=2, padding=((1, 0), (1, 0))),
    named("pad_larger_than_kernel", (1, 2, 4, 4), 3, 2, padding=((3, 4), (5, 2))),
    named("pad_larger_than_kernel_strided", (1, 2, 4, 4), 3, 2, stride=3, padding=5),
    named("windows_wholly_in_padding", (1, 2, 2, 2), 2, 1, padding=2),
    named("full_padding", (2, 2, 5, 4), 3, 3, padding=2),
    # Dilation
    named("dilation", (2, 3, 9, 9), 4, 3, dilation=2, padding=2),
    named("dilation_jumps_past_edge", (2, 2, 5, 5), 3, 3, dilation=4, padding=4),
    named("dilation_only_middle_tap_inside", (1, 2, 3, 3), 2, 3, dilation=5, padding=5),
    named("dilation_differs_by_axis", (2, 3, 9, 8), 2, (2, 3), dilation=(3, 2)),
    named("dilation_and_stride_share_factor", (2, 3, 10, 10), 3, 3, stride=2, dilation=2, padding=2),
    named("dilation_and_stride_coprime", (2, 3, 11, 12), 3, 3, stride=3, dilation=2, padding=1),
    named("dilation_of_one_tap_kernel", (2, 3, 5, 5), 3, 1, dilation=3),
    # Groups
    named("groups_of_two", (2, 6, 6, 6), 4, 3, groups=2, padding=1),
    named("groups_of_odd_size", (2, 9, 5, 5), 15, 3, groups=3, padding=1),
    named("groups_many_small", (1, 32, 5, 5), 32, 3, groups=8, padding=1),
    named("groups_strided_dilated", (2, 4, 9, 9), 6, 3, groups=2, stride=2, dilation=2, padding=1),
    named("groups_of_one_by_one", (2, 6, 5, 5), 9, 1, groups=3),
    named("depthwise", (2, 7, 6, 6), 7, 3, groups=7, padding=1),
    named("depthwise_past_vector_width", (1, 19, 5, 19), 19, 3, groups=19, padding=1),
    named("depthwise_strided", (2, 5, 9, 8), 5, 3, groups=5, stride=2, padding=1),
    named("depthwise_dilated", (1, 5, 9, 9), 5, 3, groups=5, dilation=2, padding=2),
    named("depthwise_multiplier", (2, 3, 6, 6), 6, 3, groups=3, padding=1),
    named("depthwise_even_kernel", (2, 3, 6, 7), 3, (2, 4), groups=3),
    named("grouped_to_one_channel_each", (2, 6, 5, 5), 3, 3, groups=3),
    # One by one
    named("one_by_one", (2, 5, 6, 6), 7, 1),
    named("one_by_one_strided", (2, 5, 7, 6), 7, 1, stride=2),
    named("one_by_one_padded", (1, 3, 4, 4), 5, 1, padding=1),
    named("one_by_one_of_one_pixel", (5, 7, 1, 1), 4, 1),
    # Shapes that break vectors and blocks
    named("prime_sizes", (3, 7, 11, 13), 5, 3, padding=1),
    named("wide_short", (1, 3, 2, 67), 4, (2, 5), padding=((0, 0), (2, 2))),
    named("tall_narrow", (1, 3, 53, 2), 4, (5, 2), padding=((2, 2), (0, 0))),
    named("seven_by_seven", (1, 17, 7, 7), 33, 3, padding=1),
    named("channels_past_vector_width", (1, 33, 5, 5), 49, 3, padding=1),
    named("channels_fill_a_block", (1, 64, 6, 6), 64, 3, padding=1),
    named("chain_past_a_block", (1, 90, 4, 5), 9, 3, padding=1),
    named("rows_past_a_block", (1, 2, 5, 5), 260, 3, padding=1),
    named("pixels_past_a_block", (1, 2, 23, 29), 3, 2),
    named("rows_a_power_of_two_apart", (1, 390, 16, 32), 260, 1),
    named("many_tiny_images", (19, 3, 3, 3), 4, 2),
    named("stem_seven_by_seven", (1, 3, 15, 15), 8, 7, stride=2, padding=3),
    named("lenet_five_by_five", (2, 6, 14, 14), 16, 5),
    # One and three axes
    named("one_axis", (2, 3, 11), 4, 3, padding=1),
    named("one_axis_long", (1, 2, 331), 3, 9, padding=4),
    named("one_axis_causal_dilated", (2, 3, 17), 4, 2, dilation=4, padding=((4, 0),)),
    named("one_axis_strided_groups", (2, 4, 23), 6, 5, stride=3, groups=2, padding=2),
    named("one_axis_depthwise", (2, 5, 21), 5, 4, groups=5, padding=((2, 1),)),
    named("three_axes", (1, 3, 4, 5, 6), 4, 3, padding=1),
    named(
        "three_axes_all_options",
        (2, 4, 5, 6, 7),
        2,
        (2, 3, 1),
        stride=(1, 2, 3),
        dilation=(2, 1, 1),
        padding=(1, (0, 2), 0),
        groups=2,
    ),
    named("three_axes_depthwise", (1, 3, 4, 4, 5), 3, 3, groups=3, padding=1),
    named("three_axes_one_by_one", (2, 3, 2, 3, 4), 5, 1),
    # No images
    named("empty_batch", (0, 3, 6, 6), 4, 3, padding=1),
    named("empty_batch_groups_strided", (0, 4, 7, 7), 6, 3, groups=2, stride=2),
    named("empty_batch_one_axis", (0, 3, 8), 4, 3),
)

# Small layers as real networks have them: channels enough for BLAS and the kernels, pixels few enough for the oracle.
LAYERS = (
    named("resnet_3x3", (2, 64, 7, 7), 64, 3, padding=1),
    named("resnet_1x1_stride_2", (1, 128, 8, 8), 96, 1, stride=2),
    named("mobilenet_depthwise", (1, 96, 9, 9), 96, 3, groups=96, padding=1),
    named("resnext_32_groups", (1, 128, 5, 5), 128, 3, groups=32, padding=1),
)


def in_layout(array: Array, layout: str) -> Array:
    """An (N, C, *spatial) array in the layout, contiguous."""
    return np.ascontiguousarray(array if layout == "NCHW" else np.moveaxis(array, 1, -1))


def from_layout(array: Array, layout: str) -> Array:
    """The inverse of `in_layout`; a view."""
    return array if layout == "NCHW" else np.moveaxis(array, -1, 1)


def shape_in_layout(shape: Sizes, layout: str) -> Sizes:
    """An (N, C, *spatial) shape in the layout."""
    return shape if layout == "NCHW" else (shape[0], *shape[2:], shape[1])


def operands(case: Case, pass_: str, dtype: str, kind: str = "normal") -> tuple[Array, Array]:
    """The two arrays of a pass, the same ones every time.

    "positive" makes every rounding push the same way; "cancelling" sums large terms to a small answer.
    """
    generator = np.random.default_rng(zlib.crc32(f"{case} {pass_} {dtype} {kind}".encode()))
    first, second = (generator.standard_normal(shape) for shape in case.shapes(pass_)[:2])
    if kind == "positive":
        first, second = np.abs(first) + 0.5, np.abs(second) + 0.5
    elif kind == "cancelling":
        first, second = 100 + first, second - second.mean() if second.size else second
    return first.astype(dtype), second.astype(dtype)


def oracle_answer(case: Case, pass_: str, first: Array, second: Array, flip: bool) -> Array:
    """The oracle's answer for a pass, channels second."""
    if pass_ == "forward":
        return oracle.forward(first, second, **case.options, flip=flip)
    if pass_ == "backward_input":
        return oracle.backward_input(first, second, case.input, **case.options, flip=flip)
    return oracle.backward_weight(first, second, case.kernel, **case.options, flip=flip)


@functools.cache
def expected_answer(case: Case, pass_: str, dtype: str, kind: str, flip: bool) -> tuple[Array, Array]:
    """(the right answer, the same pass over absolute values) for these `operands`; not to be written to."""
    first, second = operands(case, pass_, dtype, kind)
    right = oracle_answer(case, pass_, first, second, flip)
    return right, right if kind == "positive" else oracle_answer(case, pass_, np.abs(first), np.abs(second), flip)


@st.composite
def random_cases(draw: st.DrawFn, largest: int = 8, channels: int = 4, batch: int = 2) -> Case:
    """Any geometry whose output has a pixel: 1 to 3 axes, every option, sizes up to `largest`."""
    rank = draw(st.integers(1, 3))
    groups = draw(st.integers(1, 3))
    limit = largest if rank < 3 else max(2, largest - 3)
    kernel, stride, dilation, cells, padding = [], [], [], [], []
    for _ in range(rank):
        f, d = draw(st.integers(1, 4 if rank < 3 else 3)), draw(st.integers(1, 3))
        low, high = draw(st.integers(0, 4)), draw(st.integers(0, 4))
        smallest = max(1, d * (f - 1) + 1 - low - high)
        cells.append(draw(st.integers(smallest, max(smallest, limit))))
        kernel.append(f)
        dilation.append(d)
        padding.append((low, high))
        stride.append(draw(st.integers(1, 4)))
    return Case(
        name="random",
        batch=0 if draw(st.integers(0, 15)) == 15 else draw(st.integers(1, batch)),
        in_channels=groups * draw(st.integers(1, channels)),
        out_channels=groups * draw(st.integers(1, channels)),
        input=tuple(cells),
        kernel=tuple(kernel),
        stride=tuple(stride),
        dilation=tuple(dilation),
        padding=tuple(padding),
        groups=groups,
    )
