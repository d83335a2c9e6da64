"""The compiled module: thin bindings over the C interface, no arithmetic.

Each function checks its arrays (type, dtype, shape), copies odd ones (strided, big-endian, unaligned) into order,
releases the GIL and calls one function of ``libgemmconv``. ``settings`` is always the caller's current `Settings`.
"""

from collections.abc import Sequence
from typing import Any, final

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]
PerAxis = int | Sequence[int]
Padding = int | str | Sequence[int] | Sequence[tuple[int, int]]

class UnsupportedError(ValueError): ...

@final
class Settings:
    """Frozen settings of a call; hashable and comparable."""

    def __init__(
        self,
        *,
        threads: int | None = None,
        math: str = "fast",
        deterministic: bool = False,
        workspace_limit: int = 67108864,
    ) -> None: ...
    @property
    def threads(self) -> int | None: ...  # None: the process's default
    @property
    def math(self) -> str: ...
    @property
    def deterministic(self) -> bool: ...
    @property
    def workspace_limit(self) -> int: ...
    def __eq__(self, other: object) -> bool: ...
    def __hash__(self) -> int: ...

@final
class ConvOptions:
    """The options that all passes of a convolution share, as they were given: checked where they are used."""

    def __new__(
        cls,
        stride: PerAxis,
        padding: Padding,
        dilation: PerAxis,
        groups: int,
        flip: bool,
        layout: str,
        strategy: str,
        settings: Settings,
        /,
    ) -> ConvOptions: ...
    @property
    def stride(self) -> PerAxis: ...
    @property
    def padding(self) -> Padding: ...
    @property
    def dilation(self) -> PerAxis: ...
    @property
    def groups(self) -> int: ...
    @property
    def flip(self) -> bool: ...
    @property
    def layout(self) -> str: ...
    @property
    def strategy(self) -> str: ...
    @property
    def settings(self) -> Settings: ...

@final
class PoolOptions:
    """The options that all poolings with windows share, as they were given; a stride of None is the kernel's size."""

    def __new__(
        cls,
        kernel_size: PerAxis,
        stride: PerAxis | None,
        padding: Padding,
        dilation: PerAxis,
        ceil_mode: bool,
        layout: str,
        settings: Settings,
        /,
    ) -> PoolOptions: ...
    @property
    def kernel_size(self) -> PerAxis: ...
    @property
    def stride(self) -> PerAxis | None: ...
    @property
    def padding(self) -> Padding: ...
    @property
    def dilation(self) -> PerAxis: ...
    @property
    def ceil_mode(self) -> bool: ...
    @property
    def layout(self) -> str: ...
    @property
    def settings(self) -> Settings: ...

@final
class Geometry:
    """A checked convolution. The tuples have one entry per spatial axis; shapes are whole, in the layout."""

    def __init__(
        self,
        x_shape: Sequence[int],
        w_shape: Sequence[int],
        *,
        stride: PerAxis = 1,
        padding: Padding = 0,
        dilation: PerAxis = 1,
        groups: int = 1,
        flip: bool = False,
        layout: str = "NCHW",
    ) -> None: ...
    @staticmethod
    def transposed(
        x_shape: Sequence[int],
        w_shape: Sequence[int],
        *,
        stride: PerAxis = 1,
        padding: Padding = 0,
        dilation: PerAxis = 1,
        groups: int = 1,
        flip: bool = False,
        layout: str = "NCHW",
        output_padding: PerAxis = 0,
        output_shape: Sequence[int] | None = None,
    ) -> Geometry:
        """The convolution whose adjoint takes ``x_shape`` to ``geometry.x_shape`` (its y_shape is the given one)."""

    rank: int
    batch: int
    in_channels: int
    out_channels: int
    groups: int
    flip: bool
    layout: str
    input: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding_low: tuple[int, ...]
    padding_high: tuple[int, ...]
    output: tuple[int, ...]
    x_shape: tuple[int, ...]
    w_shape: tuple[int, ...]
    y_shape: tuple[int, ...]

@final
class PoolGeometry:
    """A checked pooling, as `Geometry`."""

    def __init__(
        self,
        x_shape: Sequence[int],
        kernel_size: PerAxis,
        *,
        stride: PerAxis | None = None,
        padding: Padding = 0,
        dilation: PerAxis = 1,
        ceil_mode: bool = False,
        layout: str = "NCHW",
    ) -> None: ...
    rank: int
    batch: int
    channels: int
    layout: str
    input: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding_low: tuple[int, ...]
    padding_high: tuple[int, ...]
    output: tuple[int, ...]
    x_shape: tuple[int, ...]
    y_shape: tuple[int, ...]

@final
class Packed:
    """Weights laid out for one plan."""

@final
class Plan:
    """A problem with its strategy, frozen. ``pass_`` is "forward", "backward_input" or "backward_weight"."""

    def __init__(
        self,
        pass_: str,
        geometry: Geometry,
        *,
        dtype: DTypeLike = "float32",
        activation: str | None = None,
        strategy: str = "auto",
        settings: Settings,
    ) -> None: ...
    @property
    def pass_(self) -> str: ...
    @property
    def geometry(self) -> Geometry: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def strategy(self) -> str: ...
    @property
    def variant(self) -> str: ...
    @property
    def output_shape(self) -> tuple[int, ...]: ...
    @property
    def flops(self) -> float: ...
    @property
    def workspace_bytes(self) -> int: ...
    @property
    def error_bound(self) -> float: ...
    def explain(self) -> str: ...
    def pack(self, w: Array) -> Packed: ...
    def __call__(
        self, first: Array, second: Array | Packed, bias: Array | None = None, *, out: Array | None = None
    ) -> Array: ...

# One-call convolution: geometry, plan lookup and run. All positional, for speed.
def conv(
    x: Array, w: Array, bias: Array | None, options: ConvOptions, activation: str | None, out: Array | None, /
) -> Array: ...
def conv_backward_input(
    dy: Array, w: Array, input_shape: Sequence[int], options: ConvOptions, out: Array | None, /
) -> Array: ...
def conv_backward_weight(
    dy: Array, x: Array, weight_shape: Sequence[int], options: ConvOptions, out: Array | None, /
) -> Array: ...
def conv_backward_bias(dy: Array, layout: str, settings: Settings, /) -> Array: ...
def conv_transpose(
    x: Array,
    w: Array,
    bias: Array | None,
    options: ConvOptions,
    output_padding: PerAxis,
    output_shape: Sequence[int] | None,
    activation: str | None,
    out: Array | None,
    /,
) -> Array: ...

# Patches
def im2col(
    x: Array, kernel_size: PerAxis, stride: PerAxis, padding: Padding, dilation: PerAxis, settings: Settings, /
) -> Array: ...
def col2im(
    cols: Array,
    output_shape: Sequence[int],
    kernel_size: PerAxis,
    stride: PerAxis,
    padding: Padding,
    dilation: PerAxis,
    settings: Settings,
    /,
) -> Array: ...

# Pooling. indices are int64. `out` as everywhere.
def max_pool(
    x: Array, options: PoolOptions, return_indices: bool, out: Array | None, /
) -> Array | tuple[Array, Array]: ...
def max_pool_backward(
    dy: Array, indices: Array, input_shape: Sequence[int], layout: str, settings: Settings, out: Array | None, /
) -> Array: ...
def max_unpool(
    y: Array, indices: Array, output_shape: Sequence[int], layout: str, settings: Settings, out: Array | None, /
) -> Array: ...
def max_unpool_backward(dx: Array, indices: Array, layout: str, settings: Settings, out: Array | None, /) -> Array: ...
def avg_pool(
    x: Array, options: PoolOptions, count_include_pad: bool, divisor: float | None, out: Array | None, /
) -> Array: ...
def avg_pool_backward(
    dy: Array,
    input_shape: Sequence[int],
    options: PoolOptions,
    count_include_pad: bool,
    divisor: float | None,
    out: Array | None,
    /,
) -> Array: ...
def lp_pool(x: Array, options: PoolOptions, p: float, out: Array | None, /) -> Array: ...
def lp_pool_backward(dy: Array, x: Array, y: Array, options: PoolOptions, p: float, out: Array | None, /) -> Array: ...
def adaptive_avg_pool(
    x: Array, output_size: PerAxis, layout: str, settings: Settings, out: Array | None, /
) -> Array: ...
def adaptive_avg_pool_backward(
    dy: Array, input_shape: Sequence[int], layout: str, settings: Settings, out: Array | None, /
) -> Array: ...
def adaptive_max_pool(
    x: Array, output_size: PerAxis, return_indices: bool, layout: str, settings: Settings, out: Array | None, /
) -> Array | tuple[Array, Array]: ...

# Activations
def activate(z: Array, name: str | None, settings: Settings, out: Array | None, /) -> Array: ...
def activate_backward(da: Array, z: Array, name: str | None, settings: Settings, out: Array | None, /) -> Array: ...

# The readers of arguments, for backends in Python: a checked value, or an error that names the argument.
def read_axes(value: PerAxis, name: str, rank: int, /) -> tuple[int, ...]: ...
def read_shape(value: Sequence[int], name: str, meaning: str, /) -> tuple[int, ...]: ...
def read_bool(value: bool, name: str, /) -> bool: ...
def read_number(value: float, name: str, /) -> float: ...
def read_pass(value: str, /) -> str: ...
def read_activation(value: str | None, /) -> str | None: ...
def read_dtype(value: DTypeLike, /) -> str: ...

# Facts
def config_json() -> str: ...
def version() -> str: ...
def strategies() -> dict[str, tuple[str, ...]]: ...
def strategy_names() -> tuple[str, ...]: ...
def activation_names() -> tuple[str, ...]: ...
def default_threads() -> int: ...
def multiply_add(dtype: str, steps: int) -> int: ...  # operations done in registers: over its time, a core's peak
def cached_plans() -> int: ...
def retained_workspace_bytes() -> int: ...
def clear_caches() -> None: ...
