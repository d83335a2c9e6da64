"""How far an answer may be from the oracle's: a formula, and not a number that was adjusted to the tests.

For every element: bound x (|x| conv |w|), where bound = c * u * sqrt(n) with c the strategy's constant, u the unit
roundoff and n the longest chain of additions. The bound is the one the plan states, since that is what a user is
promised; `stated_bound` refuses a plan that promises less than could be checked.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from cases import Case
from numpy.typing import NDArray

import gemmconv

Array = NDArray[Any]

UNIT_ROUNDOFF = {"float32": 2.0**-24, "float64": 2.0**-53}
# No strategy with an elementwise bound may claim a larger constant than this, whatever its table row says.
LARGEST_CONSTANT = 8.0
# The bound of these holds against the largest value of a neighbourhood, not of each element.
BY_NEIGHBOURHOOD = {"winograd": 300.0, "fft": 300.0}
# The oracle itself adds one by one in float64.
ORACLE_CONSTANT = 2.0
# The steepest slope of each activation, and the rounding of evaluating it, in units of its value.
STEEPEST = {None: 1.0, "relu": 1.0, "leaky_relu": 1.0, "sigmoid": 0.25, "tanh": 1.0, "softplus": 1.0, "gelu": 1.13}
ACTIVATION_ROUNDOFFS = 8.0


def largest_bound(strategy: str, dtype: str, chain: int) -> float:
    """The largest error bound that a strategy may state for a chain of this many additions."""
    return BY_NEIGHBOURHOOD.get(strategy, LARGEST_CONSTANT) * UNIT_ROUNDOFF[dtype] * math.sqrt(max(chain, 1))


def stated_bound(plan: gemmconv.Plan, case: Case, pass_: str, dtype: str) -> float:
    """`plan.error_bound`, checked: positive, and no larger than `largest_bound`."""
    ceiling = largest_bound(plan.strategy, dtype, case.longest_chain(pass_) + 1)
    assert 0 < plan.error_bound <= ceiling, (
        f"{plan.strategy} states an error bound of {plan.error_bound}, above {ceiling}"
    )
    return plan.error_bound


def tolerance(bound: float, absolute: Array, chain: int, strategy: str = "direct") -> Array:
    """The allowed error of each element, given |x| conv |w| of that element."""
    own = ORACLE_CONSTANT * UNIT_ROUNDOFF["float64"] * math.sqrt(max(chain, 1))
    if strategy in BY_NEIGHBOURHOOD and absolute.size:
        absolute = np.full_like(absolute, absolute.max())
    return (bound + own) * absolute


def activated_tolerance(within: Array, right: Array, name: str | None, dtype: str) -> Array:
    """The tolerance after an activation, from the one before it and the right activated values."""
    if name is None:
        return within
    return STEEPEST[name] * within + ACTIVATION_ROUNDOFFS * UNIT_ROUNDOFF[dtype] * np.maximum(np.abs(right), within)


def assert_within(got: Array, right: Array, within: Array, what: str = "") -> None:
    """Every element of `got` is finite and within its tolerance of the oracle's; else the worst one is shown."""
    assert got.shape == right.shape, f"{what}: shape {got.shape}, expected {right.shape}"
    off = np.abs(got.astype(np.float64) - right)
    bad = ~(off <= within)
    if bad.any():
        worst = np.unravel_index(np.argmax(np.where(np.isnan(off), np.inf, off - within)), off.shape)
        raise AssertionError(
            f"{what}: {bad.sum()} of {bad.size} elements are wrong; at {tuple(map(int, worst))} got {got[worst]!r}, "
            f"expected {right[worst]!r} within {within[worst]:.3g} (off by {off[worst]:.3g})"
        )
