"""The plan of the reference backend: the direct loop for a problem whose options are checked once."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from gemmconv import _core
from gemmconv.annotations import Array
from gemmconv.backends.numpy_arrays import answer, check_arrays
from gemmconv.backends.reference.convolution import backward_input, backward_weight, finished, forward
from gemmconv.backends.reference.shapes import channels_first, check_bias, check_shape, in_layout
from gemmconv.backends.reference.strategies import chosen
from gemmconv.backends.reference.windows import reach

# For each pass, the names of its two arguments and the attributes of a geometry that hold their shapes; last, the
# attribute that holds the output's shape.
SIGNATURES = {
    "forward": (("x", "x_shape"), ("w", "w_shape"), "y_shape"),
    "backward_input": (("dy", "y_shape"), ("w", "w_shape"), "x_shape"),
    "backward_weight": (("dy", "y_shape"), ("x", "x_shape"), "w_shape"),
}


@dataclass(frozen=True, eq=False)
class Packed:
    """A copy of the weights, so that later changes to them have no effect."""

    plan: "ReferencePlan"
    w: Array


@dataclass(frozen=True, eq=False)
class ReferencePlan:
    """A problem for the direct loop in NumPy."""

    pass_: str
    geometry: _core.Geometry
    dtype: np.dtype[Any]
    activation: str | None
    strategy: str
    variant: str

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of the output, batch and channels included."""
        shape: tuple[int, ...] = getattr(self.geometry, SIGNATURES[self.pass_][2])
        return shape

    @property
    def flops(self) -> float:
        """``2 N K P Q``: padded cells included."""
        taps = math.prod(self.geometry.w_shape[1:])
        return 2.0 * math.prod(self.geometry.y_shape) * taps

    @property
    def workspace_bytes(self) -> int:
        """The bytes of the padded input, the sums and the products of one tap, all in float64."""
        g = self.geometry
        padded = g.batch * g.in_channels * math.prod(reach(g))
        return 8 * (padded + 2 * math.prod(self.output_shape) + math.prod(g.y_shape))

    @property
    def error_bound(self) -> float:
        """Sums of n terms in float64, then one rounding: ``u64 * sqrt(n) + u``."""
        g = self.geometry
        terms = {
            "forward": math.prod(g.w_shape[1:]),
            "backward_input": g.out_channels // g.groups * math.prod(g.kernel),
            "backward_weight": max(1, g.batch * math.prod(g.output)),
        }[self.pass_]
        unit = 0.5 * float(np.finfo(self.dtype).eps)
        return 2.0**-53 * math.sqrt(terms) + unit

    def explain(self) -> str:
        """A line for the direct loop, and one for each strategy of the CPU."""
        lines = [f"{self.pass_}, {self.flops / 1e9:.3g} GFLOP, reference backend"]
        for name in _core.strategy_names():
            if name == self.strategy:
                bound = f"{self.error_bound:.3g} * (|x| conv |w|)"
                cost = f"workspace {self.workspace_bytes} bytes, error bound {bound}"
                lines.append(f"  {f'{name}/{self.variant}':<12} chosen; {cost}")
            else:
                lines.append(f"  {name:<12} refused: the reference backend has only the direct loop")
        return "\n".join(lines)

    def pack(self, w: Array) -> Packed:
        """A copy of the weights, for this plan."""
        if self.pass_ == "backward_weight":
            raise ValueError("pack lays out weights, and a backward_weight plan takes none")
        self._check(w=w)
        check_shape("w", w, self.geometry.w_shape)
        return Packed(self, w.copy())

    def __call__(
        self, first: Array, second: Array | Packed, bias: Array | None = None, *, out: Array | None = None
    ) -> Array:
        """Compute the output from ``(x, w, bias)``, ``(dy, w)`` or ``(dy, x)``."""
        (first_name, first_shape), (second_name, second_shape), _ = SIGNATURES[self.pass_]
        if isinstance(second, Packed):
            if second.plan is not self:
                raise ValueError("these weights were packed for another plan")
            second = second.w
        self._check(**{first_name: first, second_name: second, "bias": bias})
        check_shape(first_name, first, getattr(self.geometry, first_shape))
        check_shape(second_name, second, getattr(self.geometry, second_shape))
        layout = self.geometry.layout
        first = channels_first(first, layout)
        if self.pass_ == "backward_weight":
            if bias is not None:
                raise ValueError("a backward_weight plan takes no bias")
            return answer(backward_weight(self.geometry, first, channels_first(second, layout)), self.dtype, out)
        if self.pass_ == "forward":
            check_bias(bias, self.geometry.out_channels)
            values = forward(self.geometry, first, second)
        else:
            check_bias(bias, self.geometry.in_channels)
            values = backward_input(self.geometry, first, second)
        return answer(in_layout(finished(values, bias, self.activation), layout), self.dtype, out)

    def _check(self, **arrays: Array | None) -> None:
        dtype = check_arrays(**arrays)
        if dtype != self.dtype:
            raise TypeError(f"the arrays are {dtype.name}, but this plan was made for {self.dtype.name}")


def plan(
    pass_: str,
    geometry: _core.Geometry,
    *,
    dtype: DTypeLike,
    activation: str | None,
    strategy: str,
    settings: _core.Settings,
) -> ReferencePlan:
    """A plan for the direct loop."""
    pass_ = _core.read_pass(pass_)
    real = np.dtype(_core.read_dtype(dtype))
    activation = _core.read_activation(activation)
    if activation is not None and pass_ == "backward_weight":
        raise ValueError("a backward_weight plan takes no activation")
    return ReferencePlan(pass_, geometry, real, activation, *chosen(strategy))
