"""The interface of a backend: the arrays it owns, its strategies, its plans, and the functions on arrays.

A backend is an object. Its functions are those of the package, but all arguments are positional and required, and the
options that several functions share are one value. A backend checks its arrays, and returns new arrays or ``out``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gemmconv import _core
from gemmconv._core import ConvOptions, PoolOptions
from gemmconv.annotations import Array, Padding, PerAxis

if TYPE_CHECKING:
    import scipy.sparse

__all__ = ["Backend", "ConvOptions", "Plan", "PoolOptions"]


class Plan(Protocol):
    """The interface of every backend's plan: an immutable, callable object for one problem, with its variant chosen.

    It is called as ``plan(x, w, bias)``, ``plan(dy, w)`` or ``plan(dy, x)``, according to the pass; ``out=`` takes the
    array to write to. A plan holds no scratch memory, and several threads may run it at once.
    """

    @property
    def pass_(self) -> str:
        """``"forward"``, ``"backward_input"`` or ``"backward_weight"``."""

    @property
    def geometry(self) -> _core.Geometry:
        """Sizes, strides, padding, dilation, groups, flip and layout."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of all arrays."""

    @property
    def strategy(self) -> str:
        """The name of the chosen strategy, such as ``"implicit"``."""

    @property
    def variant(self) -> str:
        """The name of the chosen algorithm of that strategy, such as ``"bands"``."""

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of the output, batch and channels included."""

    @property
    def flops(self) -> float:
        """The number of additions and multiplications of the direct loop, padded cells included."""

    @property
    def workspace_bytes(self) -> int:
        """Scratch memory of one run, in bytes."""

    @property
    def error_bound(self) -> float:
        """The (probabilistic) bound on an output's error, relative to ``|x| conv |w|`` at that output."""

    def explain(self) -> str:
        """Why this variant: a line for each variant, and for each strategy that the backend does not have."""

    def pack(self, w: Array) -> Any:
        """The weights in the order in which this plan reads them, to be passed in place of ``w``.

        They are a copy: later changes to ``w`` have no effect.
        """

    def __call__(self, first: Array, second: Any, bias: Array | None = None, *, out: Array | None = None) -> Array:
        """Compute the output from ``(x, w, bias)``, ``(dy, w)`` or ``(dy, x)``."""


class Backend(Protocol):
    """The interface of a backend. `ConvOptions` and `PoolOptions` are described in ``_core.pyi``."""

    # Its arrays

    @property
    def name(self) -> str:
        """Its name in the argument ``backend`` of the public functions."""

    @property
    def array_kind(self) -> str:
        """The name of its arrays in error messages, such as ``"NumPy arrays"``."""

    @property
    def array_maker(self) -> str:
        """The call that makes such an array, for error messages: for example ``"numpy.asarray(...)"``."""

    @property
    def xp(self) -> Any:
        """The module with the functions on its arrays, under the names of NumPy."""

    def owns(self, array: object, /) -> bool:
        """Whether this is one of its arrays."""

    def to_numpy(self, array: Array, /) -> NDArray[Any]:
        """The array as a NumPy array: itself if it is one already, otherwise a copy."""

    def check_arrays(self, **arrays: Array | None) -> np.dtype[Any]:
        """TypeError unless the arrays are its own and share one supported dtype, which is returned.

        Only ``bias`` may be None.
        """

    def write(self, values: Array, out: Array, /) -> Array:
        """``values`` copied into ``out``, which is returned; ValueError or TypeError if it does not fit."""

    # Its strategies and plans

    def strategies(self) -> dict[str, tuple[str, ...]]:
        """The names of its strategies, and those of their variants in the order in which they are tried."""

    def plan(
        self,
        pass_: str,
        geometry: _core.Geometry,
        *,
        dtype: DTypeLike,
        activation: str | None,
        strategy: str,
        settings: _core.Settings,
    ) -> Plan:
        """A plan for one pass of a geometry."""

    # Convolution

    def conv(
        self,
        x: Array,
        w: Array,
        bias: Array | None,
        options: ConvOptions,
        activation: str | None,
        out: Array | None,
        /,
    ) -> Array:
        """The forward pass."""

    def conv_backward_input(
        self, dy: Array, w: Array, input_shape: Sequence[int], options: ConvOptions, out: Array | None, /
    ) -> Array:
        """The gradient with respect to ``x``."""

    def conv_backward_weight(
        self, dy: Array, x: Array, weight_shape: Sequence[int], options: ConvOptions, out: Array | None, /
    ) -> Array:
        """The gradient with respect to ``w``."""

    def conv_backward_bias(self, dy: Array, layout: str, settings: _core.Settings, /) -> Array:
        """The gradient with respect to the bias."""

    def conv_transpose(
        self,
        x: Array,
        w: Array,
        bias: Array | None,
        options: ConvOptions,
        output_padding: PerAxis,
        output_shape: Sequence[int] | None,
        activation: str | None,
        out: Array | None,
        /,
    ) -> Array:
        """The adjoint of a convolution."""

    # Patches

    def im2col(
        self,
        x: Array,
        kernel_size: PerAxis,
        stride: PerAxis,
        padding: Padding,
        dilation: PerAxis,
        settings: _core.Settings,
        /,
    ) -> Array:
        """Patches as columns."""

    def col2im(
        self,
        cols: Array,
        output_shape: Sequence[int],
        kernel_size: PerAxis,
        stride: PerAxis,
        padding: Padding,
        dilation: PerAxis,
        settings: _core.Settings,
        /,
    ) -> Array:
        """The adjoint of `im2col`."""

    def conv_matrix(self, w: Array, geometry: _core.Geometry, /) -> scipy.sparse.csr_array:
        """The sparse matrix of a convolution of one image."""

    # Pooling

    def max_pool(
        self, x: Array, options: PoolOptions, return_indices: bool, out: Array | None, /
    ) -> Array | tuple[Array, Array]:
        """The largest value of each window, and on request its index."""

    def max_pool_backward(
        self,
        dy: Array,
        indices: Array,
        input_shape: Sequence[int],
        layout: str,
        settings: _core.Settings,
        out: Array | None,
        /,
    ) -> Array:
        """The gradient of `max_pool` and `adaptive_max_pool`."""

    def max_unpool(
        self,
        y: Array,
        indices: Array,
        output_shape: Sequence[int],
        layout: str,
        settings: _core.Settings,
        out: Array | None,
        /,
    ) -> Array:
        """Each value at the position of its index, zeros elsewhere."""

    def max_unpool_backward(
        self, dx: Array, indices: Array, layout: str, settings: _core.Settings, out: Array | None, /
    ) -> Array:
        """The gradient of `max_unpool`."""

    def avg_pool(
        self, x: Array, options: PoolOptions, count_include_pad: bool, divisor: float | None, out: Array | None, /
    ) -> Array:
        """The average of each window."""

    def avg_pool_backward(
        self,
        dy: Array,
        input_shape: Sequence[int],
        options: PoolOptions,
        count_include_pad: bool,
        divisor: float | None,
        out: Array | None,
        /,
    ) -> Array:
        """The gradient of `avg_pool`."""

    def lp_pool(self, x: Array, options: PoolOptions, p: float, out: Array | None, /) -> Array:
        """The p-norm of each window."""

    def lp_pool_backward(
        self, dy: Array, x: Array, y: Array, options: PoolOptions, p: float, out: Array | None, /
    ) -> Array:
        """The gradient of `lp_pool`."""

    def adaptive_avg_pool(
        self, x: Array, output_size: PerAxis, layout: str, settings: _core.Settings, out: Array | None, /
    ) -> Array:
        """Average pooling to a given output size."""

    def adaptive_avg_pool_backward(
        self, dy: Array, input_shape: Sequence[int], layout: str, settings: _core.Settings, out: Array | None, /
    ) -> Array:
        """The gradient of `adaptive_avg_pool`."""

    def adaptive_max_pool(
        self,
        x: Array,
        output_size: PerAxis,
        return_indices: bool,
        layout: str,
        settings: _core.Settings,
        out: Array | None,
        /,
    ) -> Array | tuple[Array, Array]:
        """Max pooling to a given output size."""

    # Activations

    def activate(self, z: Array, name: str | None, settings: _core.Settings, out: Array | None, /) -> Array:
        """An activation function, element by element."""

    def activate_backward(
        self, da: Array, z: Array, name: str | None, settings: _core.Settings, out: Array | None, /
    ) -> Array:
        """The derivative of an activation function at ``z``, times ``da``."""
