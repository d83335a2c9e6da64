"""Poolings as data, each named for the difficulty that it tests, with the oracle's windows."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import oracle
from numpy.typing import NDArray

Array = NDArray[Any]
Sizes = tuple[int, ...]
Windows = list[tuple[Sizes, list[Sizes], int]]


@dataclass(frozen=True)
class Pool:
    """One pooling of an (batch, channels, *input) array. Empty options are the defaults of the public functions."""

    name: str
    input: Sizes
    kernel: Sizes
    stride: Sizes = ()
    padding: tuple[tuple[int, int], ...] = ()
    dilation: Sizes = ()
    ceil_mode: bool = False
    batch: int = 2
    channels: int = 3

    def __str__(self) -> str:
        return self.name

    @property
    def rank(self) -> int:
        return len(self.input)

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments for gemmconv."""
        given = {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}
        return {name: value for name, value in given.items() if value} | {"ceil_mode": self.ceil_mode}

    @functools.cached_property
    def windows(self) -> Windows:
        """The oracle's windows."""
        return oracle.pool_windows(
            self.input,
            self.kernel,
            stride=self.stride or self.kernel,
            padding=self.padding or ((0, 0),) * self.rank,
            dilation=self.dilation or (1,) * self.rank,
            ceil_mode=self.ceil_mode,
        )

    @property
    def x_shape(self) -> Sizes:
        return (self.batch, self.channels, *self.input)

    @property
    def y_shape(self) -> Sizes:
        return (self.batch, self.channels, *(last + 1 for last in self.windows[-1][0]))

    @property
    def longest_chain(self) -> int:
        """The largest number of terms of one sum: cells of a window, or windows that contain a cell."""
        over: dict[Sizes, int] = {}
        for _, inside, _ in self.windows:
            for cell in inside:
                over[cell] = over.get(cell, 0) + 1
        return max([len(inside) for _, inside, _ in self.windows] + [*over.values(), 1])


POOLS = (
    Pool("stride_does_not_divide", (7, 9), (2, 3), (2, 2)),
    Pool("overlapping", (8, 7), (3, 3), (1, 1), ((1, 1), (1, 1))),
    Pool("kernel_is_the_image", (5, 6), (5, 6)),
    Pool("gaps_between_windows", (11, 9), (2, 1), (4, 3)),
    Pool("one_cell_windows_far_apart", (9, 10), (1, 1), (5, 4)),
    Pool("ceil_overhang", (6, 7), (3, 3), (2, 2), ceil_mode=True),
    Pool("ceil_drops_window_in_padding", (3, 4), (2, 2), (2, 2), ((1, 1), (1, 1)), ceil_mode=True),
    Pool("ceil_overhang_beyond_padding", (6, 5), (3, 3), (2, 3), ((1, 1), (0, 1)), ceil_mode=True),
    Pool("ceil_kernel_larger_than_input", (2, 5), (3, 2), (2, 2), ceil_mode=True),
    Pool("padding_larger_than_half_the_kernel", (5, 6), (3, 3), (2, 2), ((2, 2), (2, 2))),
    Pool("window_wholly_in_padding", (2, 3), (2, 2), (1, 1), ((4, 3), (3, 5))),
    Pool("asymmetric_padding", (6, 5), (3, 2), (2, 1), ((0, 2), (1, 0))),
    Pool("dilation_jumps_past_edge", (4, 5), (3, 3), (1, 2), ((3, 3), (3, 3)), (3, 3)),
    Pool("dilation_with_stride", (13, 11), (3, 2), (2, 1), ((1, 1), (2, 2)), (2, 3)),
    Pool("dilation_and_ceil", (9, 10), (2, 3), (3, 2), ((1, 0), (0, 1)), (3, 2), ceil_mode=True),
    Pool("one_axis", (10,), (3,), (2,), ((1, 1),)),
    Pool("one_axis_longer_than_a_tile", (5000,), (3,), (2,), ((1, 1),), batch=1, channels=1),
    Pool("window_wider_than_a_tile", (6003,), (2500,), (1250,), ((700, 50),), batch=1, channels=2),
    Pool("dilated_window_wider_than_a_tile", (6000,), (4,), (900,), ((500, 500),), (1100,), batch=1, channels=2),
    Pool("three_axes", (4, 5, 6), (2, 3, 2), (1, 2, 2), ((1, 0), (1, 1), (0, 1))),
    Pool("three_axes_dilated", (5, 4, 7), (2, 2, 3), (2, 1, 1), ((0, 0), (1, 1), (2, 2)), (2, 3, 2)),
    Pool("more_channels_than_a_tile", (4, 3), (2, 2), (1, 1), batch=1, channels=300),
    Pool("more_columns_than_a_tile", (2, 150), (2, 3), (1, 2), batch=1, channels=2),
    Pool("one_channel", (6, 6), (2, 2), channels=1),
    Pool("one_cell", (1, 1), (1, 1)),
    Pool("stride_four_deinterleaved_twice", (13, 45), (4, 4), (4, 4), ((1, 1), (3, 2)), ceil_mode=True),
    Pool("stride_four_on_one_axis", (333,), (4,), (4,), channels=5),
    Pool("stride_three_side_by_side", (12, 40), (3, 3), (3, 3)),
    Pool("phases_that_no_window_reads", (40, 41), (1, 2), (3, 4), ((0, 0), (1, 1))),
    Pool("dilation_is_a_multiple_of_the_stride", (17, 23), (3, 3), (2, 2), ((2, 2), (3, 3)), (2, 4)),
    Pool("stride_of_more_phases_than_held", (40, 60), (3, 2), (17, 18)),
    Pool("more_taps_than_held", (20, 21), (12, 12), (3, 5), ((5, 5), (6, 4))),
    Pool("seventeen_cells_summed_in_double", (6, 40), (1, 17), (1, 3), ((0, 0), (8, 8))),
    Pool("vectors_of_channels_with_a_tail", (5, 6), (3, 3), (2, 2), ((1, 1), (1, 1)), batch=1, channels=83),
    Pool("empty_batch", (5, 5), (2, 2), batch=0),
)

# Planes of NCHW that take several blocks, of rows and of columns: too large for the oracle's loops.
LARGE_POOLS = (
    Pool("plane_larger_than_a_block", (95, 130), (3, 3), (2, 2), ((1, 1), (1, 1)), batch=1, channels=2),
    Pool("unit_stride_plane_larger_than_a_block", (90, 110), (3, 2), (1, 1), ((1, 1), (1, 0)), batch=1, channels=1),
    Pool("rows_longer_than_a_block", (3, 9001), (2, 3), (1, 2), ((0, 1), (2, 1)), batch=1, channels=1),
    Pool("volume_in_blocks", (5, 30, 31), (3, 3, 3), (2, 2, 2), ((1, 1), (1, 1), (1, 1)), batch=1, channels=1),
)

# (input, output) of adaptive poolings
ADAPTIVE = (
    ((7, 9), (3, 4)),
    ((6, 8), (1, 1)),
    ((5, 4), (5, 4)),
    ((4, 3), (7, 5)),  # more outputs than cells: windows repeat
    ((10,), (4,)),
    ((5003,), (2,)),  # windows wider than a tile
    ((3000,), (1700,)),
    ((5, 6, 7), (2, 4, 3)),
    ((1, 1), (1, 1)),
    ((12, 15), (4, 5)),  # shared evenly: sliding windows
    ((6, 8, 4), (3, 2, 4)),
    ((31, 37), (1, 1)),
    ((90,), (1,)),
)


def drawn(shape: Sizes, dtype: str, seed: int = 0) -> Array:
    """Normal values, the same ones every time."""
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def few_values(shape: Sizes, dtype: str) -> Array:
    """Small integers, so that most windows have equal values."""
    return np.random.default_rng(7).integers(-2, 3, shape).astype(dtype)
