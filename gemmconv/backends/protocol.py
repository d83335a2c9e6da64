"""What a backend is: the arrays it owns, its strategies, its plans, and the functions that take arrays.

A backend is an object. Its functions take their arguments positionally, with nothing left to default, in the words of
the public interface, and the options that functions share as one value; a backend checks its arrays and answers with
new arrays, or in ``out``.
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
    """What every backend's plan is: a frozen problem with its strategy, which one calls.

    ``plan(x, w, bias)``, ``plan(dy, w)`` or ``plan(dy, x)``, by its pass; ``out=`` takes the array to write into.
    A plan holds no scratch memory, and several threads may run it at once.
    """

    @property
    def pass_(self) -> str:
        """``"forward"``, ``"backward_input"`` or ``"backward_weight"``."""

    @property
    def geometry(self) -> _core.Geometry:
        """Sizes, strides, padding, dilation, groups, flip and layout."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of every array it takes and gives."""

    @property
    def strategy(self) -> str:
        """The name of the chosen strategy."""

    @property
    def variant(self) -> str:
        """The name of the algorithm within the strategy."""

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The whole shape of its answer."""

    @property
    def flops(self) -> float:
        """Additions and multiplications of the direct loop, padded cells included."""

    @property
    def workspace_bytes(self) -> int:
        """Scratch memory of one run, in bytes."""

    @property
    def error_bound(self) -> float:
        """The probable error of an output, as a part of ``|x| conv |w|`` at that output."""

    def explain(self) -> str:
        """Why this strategy: a line for each one there is."""

    def pack(self, w: Array) -> Any:
        """The weights laid out for this plan, to be passed in place of ``w``; later changes to ``w`` do not show."""

    def __call__(self, first: Array, second: Any, bias: Array | None = None, *, out: Array | None = None) -> Array:
        """Run it: ``(x, w, bias)``, ``(dy, w)`` or ``(dy, x)``."""


class Backend(Protocol):
    """Where arrays are computed. `ConvOptions` and `PoolOptions` are described in ``_core.pyi``."""

    # Its arrays

    @property
    def name(self) -> str:
        """What the ``backend`` argument of the public functions calls it."""

    @property
    def array_kind(self) -> str:
        """What a message calls its arrays, such as ``"NumPy arrays"``."""

    @property
    def array_maker(self) -> str:
        """What a message says to call for one, such as ``"numpy.asarray(...)"``."""

    @property
    def xp(self) -> Any:
        """The module that makes and changes its arrays, with the names that NumPy has for everything."""

    def owns(self, array: object, /) -> bool:
        """Whether this is one of its arrays."""

    def to_numpy(self, array: Array, /) -> NDArray[Any]:
        """The array itself if it is NumPy's, otherwise a copy in the host's memory."""

    def check_arrays(self, **arrays: Array | None) -> np.dtype[Any]:
        """TypeError unless the arrays are its own and share one supported dtype, which is returned.

        Only ``bias`` may be None.
        """

    def write(self, values: Array, out: Array, /) -> Array:
        """``values`` copied into ``out``, which is returned; ValueError or TypeError if it does not fit."""

    # Its strategies and plans

    def strategies(self) -> dict[str, tuple[str, ...]]:
        """The names of its strategies and of the variants of each, in the order of trial."""

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
        """The largest value of each window, with its index where asked."""

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
        """Errors to their winners."""

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
        """Values to their places."""

    def max_unpool_backward(
        self, dx: Array, indices: Array, layout: str, settings: _core.Settings, out: Array | None, /
    ) -> Array:
        """Derivatives at the places."""

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
        """Errors shared among the cells of their windows."""

    def lp_pool(self, x: Array, options: PoolOptions, p: float, out: Array | None, /) -> Array:
        """The p-norm of each window."""

    def lp_pool_backward(
        self, dy: Array, x: Array, y: Array, options: PoolOptions, p: float, out: Array | None, /
    ) -> Array:
        """The gradient of `lp_pool`."""

    def adaptive_avg_pool(
        self, x: Array, output_size: PerAxis, layout: str, settings: _core.Settings, out: Array | None, /
    ) -> Array:
        """The average of windows that share the input."""

    def adaptive_avg_pool_backward(
        self, dy: Array, input_shape: Sequence[int], layout: str, settings: _core.Settings, out: Array | None, /
    ) -> Array:
        """Its gradient."""

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
        """The largest value of windows that share the input."""

    # Activations

    def activate(self, z: Array, name: str | None, settings: _core.Settings, out: Array | None, /) -> Array:
        """An activation function."""

    def activate_backward(
        self, da: Array, z: Array, name: str | None, settings: _core.Settings, out: Array | None, /
    ) -> Array:
        """Its derivative, times ``da``."""
