"""The three passes as one function, whose arguments and result have the channels second for every layout."""

from __future__ import annotations

from typing import Any

import numpy as np
from cases import Case, from_layout, in_layout, shape_in_layout
from numpy.typing import NDArray

import gemmconv
from gemmconv import _core

Array = NDArray[Any]

STRATEGIES = _core.strategy_names()
# Everything that can be forced, each algorithm once: "im2col/wide"; a strategy without variants by its own name.
VARIANTS = tuple(
    f"{name}/{variant}" if variant else name for name, held in _core.strategies().items() for variant in held or ("",)
)
TOTAL = ("direct", "im2col")  # strategies that can do everything, ...
TOTAL_VARIANTS = tuple(name for name in VARIANTS if name.split("/")[0] in TOTAL)  # ... as can each of their variants


def run_pass(
    case: Case,
    pass_: str,
    first: Array,
    second: Array,
    *,
    layout: str = "NCHW",
    flip: bool = False,
    out: Array | None = None,
    backend: Any = gemmconv,
    **options: Any,
) -> Array:
    """One call of a pass's function, of the package or of one of `backends`.

    `out` is in the layout, the answer has channels second (a view).
    """
    keywords = {**case.options, "flip": flip, "layout": layout, "out": out, **options}
    first = in_layout(first, layout)
    if pass_ == "forward":
        return from_layout(backend.conv(first, second, **keywords), layout)
    if pass_ == "backward_input":
        shape = shape_in_layout(case.x_shape, layout)
        return from_layout(backend.conv_backward_input(first, second, shape, **keywords), layout)
    return backend.conv_backward_weight(first, in_layout(second, layout), case.w_shape, **keywords)


def run_plan(plan: Any, pass_: str, first: Array, second: Array, layout: str = "NCHW") -> Array:
    """A plan's answer with channels second."""
    second = in_layout(second, layout) if pass_ == "backward_weight" else second
    answer = plan(in_layout(first, layout), second)
    return answer if pass_ == "backward_weight" else from_layout(answer, layout)


def plan_for(
    case: Case,
    pass_: str,
    dtype: str,
    *,
    layout: str = "NCHW",
    flip: bool = False,
    strategy: str = "auto",
    backend: Any = gemmconv,
    **more: Any,
) -> Any:
    """The plan of a case, of the package or of one of `backends`."""
    return backend.plan(
        pass_,
        shape_in_layout(case.x_shape, layout),
        case.w_shape,
        dtype=dtype,
        flip=flip,
        layout=layout,
        strategy=strategy,
        **case.options,
        **more,
    )


def refusal(case: Case, pass_: str, dtype: str, strategy: str, layout: str = "NCHW", flip: bool = False) -> str | None:
    """Why a strategy cannot do a case, or None if it can."""
    try:
        plan_for(case, pass_, dtype, strategy=strategy, layout=layout, flip=flip)
    except gemmconv.UnsupportedError as error:
        return str(error)
    return None


def answer_shape(case: Case, pass_: str, layout: str) -> tuple[int, ...]:
    """The shape that a pass writes, in the layout."""
    shape = case.shapes(pass_)[2]
    return shape if pass_ == "backward_weight" else shape_in_layout(shape, layout)


class Guarded:
    """An output full of NaN between two guard areas, aligned to its element size only."""

    CANARY = 12345.0
    BEFORE, AFTER = 3, 67

    def __init__(self, shape: tuple[int, ...], dtype: str) -> None:
        size = int(np.prod(shape))
        self._all = np.full(self.BEFORE + size + self.AFTER, self.CANARY, dtype)
        self.out = self._all[self.BEFORE : self.BEFORE + size].reshape(shape)
        self.out.fill(np.nan)

    def check(self) -> None:
        """Nothing outside `out` was written."""
        assert (self._all[: self.BEFORE] == self.CANARY).all(), "written before the output"
        assert (self._all[len(self._all) - self.AFTER :] == self.CANARY).all(), "written after the output"
