"""What a backend is: a module with these functions.

All arguments come positionally, with nothing left to default, already in the words of the public interface; a backend
checks its arrays and answers with new arrays, or in ``out``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from gemmconv import _core
from gemmconv.annotations import Array, Padding, PerAxis

if TYPE_CHECKING:
    from gemmconv.planning import Plan


class Backend(Protocol):
    """The doors, as the compiled core has them (see ``_core.pyi``)."""

    def plan(
        self,
        pass_: str,
        geometry: _core.Geometry,
        *,
        dtype: str,
        activation: str | None,
        strategy: str,
        settings: _core.Settings,
    ) -> Plan:
        """A plan for one pass of a geometry."""

    def conv(
        self,
        x: Array,
        w: Array,
        bias: Array | None,
        stride: PerAxis,
        padding: Padding,
        dilation: PerAxis,
        groups: int,
        flip: bool,
        layout: str,
        activation: str | None,
        strategy: str,
        settings: _core.Settings,
        out: Array | None,
        /,
    ) -> Array:
        """The forward pass."""

    def conv_backward_input(
        self,
        dy: Array,
        w: Array,
        input_shape: Sequence[int],
        stride: PerAxis,
        padding: Padding,
        dilation: PerAxis,
        groups: int,
        flip: bool,
        layout: str,
        strategy: str,
        settings: _core.Settings,
        out: Array | None,
        /,
    ) -> Array:
        """The gradient with respect to ``x``."""

    def conv_backward_weight(
        self,
        dy: Array,
        x: Array,
        weight_shape: Sequence[int],
        stride: PerAxis,
        padding: Padding,
        dilation: PerAxis,
        groups: int,
        flip: bool,
        layout: str,
        strategy: str,
        settings: _core.Settings,
        out: Array | None,
        /,
    ) -> Array:
        """The gradient with respect to ``w``."""

    def conv_backward_bias(self, dy: Array, layout: str, settings: _core.Settings, /) -> Array:
        """The gradient with respect to the bias."""

    def conv_transpose(
        self,
        x: Array,
        w: Array,
        bias: Array | None,
        stride: PerAxis,
        padding: Padding,
        dilation: PerAxis,
        groups: int,
        flip: bool,
        layout: str,
        output_padding: PerAxis,
        output_shape: Sequence[int] | None,
        activation: str | None,
        strategy: str,
        settings: _core.Settings,
        out: Array | None,
        /,
    ) -> Array:
        """The adjoint of a convolution."""

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

    def max_pool(
        self,
        x: Array,
        kernel_size: PerAxis,
        stride: PerAxis | None,
        padding: Padding,
        dilation: PerAxis,
        ceil_mode: bool,
        return_indices: bool,
        layout: str,
        settings: _core.Settings,
        out: Array | None,
        /,
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
        self,
        x: Array,
        kernel_size: PerAxis,
        stride: PerAxis | None,
        padding: Padding,
        dilation: PerAxis,
        ceil_mode: bool,
        count_include_pad: bool,
        divisor: float | None,
        layout: str,
        settings: _core.Settings,
        out: Array | None,
        /,
    ) -> Array:
        """The average of each window."""

    def avg_pool_backward(
        self,
        dy: Array,
        input_shape: Sequence[int],
        kernel_size: PerAxis,
        stride: PerAxis | None,
        padding: Padding,
        dilation: PerAxis,
        ceil_mode: bool,
        count_include_pad: bool,
        divisor: float | None,
        layout: str,
        settings: _core.Settings,
        out: Array | None,
        /,
    ) -> Array:
        """Errors shared among the cells of their windows."""

    def lp_pool(
        self,
        x: Array,
        kernel_size: PerAxis,
        p: float,
        stride: PerAxis | None,
        padding: Padding,
        dilation: PerAxis,
        ceil_mode: bool,
        layout: str,
        settings: _core.Settings,
        out: Array | None,
        /,
    ) -> Array:
        """The p-norm of each window."""

    def lp_pool_backward(
        self,
        dy: Array,
        x: Array,
        y: Array,
        kernel_size: PerAxis,
        p: float,
        stride: PerAxis | None,
        padding: Padding,
        dilation: PerAxis,
        ceil_mode: bool,
        layout: str,
        settings: _core.Settings,
        out: Array | None,
        /,
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

    def activate(self, z: Array, name: str | None, settings: _core.Settings, out: Array | None, /) -> Array:
        """An activation function."""

    def activate_backward(
        self, da: Array, z: Array, name: str | None, settings: _core.Settings, out: Array | None, /
    ) -> Array:
        """Its derivative, times ``da``."""
