"""The suite ``patches``: im2col and col2im on layers of real networks."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import gemmconv
from gemmconv.annotations import Array
from gemmconv.cli.bench.candidates import patch_options
from gemmconv.cli.bench.layers import Layer, all_layers
from gemmconv.cli.bench.measure import patches_bytes
from gemmconv.cli.bench.movement import OWN, Contestant, Movement
from gemmconv.cli.problems import Problem

LARGEST_BYTES = 128 << 20  # a matrix of patches


@dataclass(frozen=True)
class PatchOperation:
    """An operation to measure: im2col of x (forward) or col2im of a matrix of patches (backward_input)."""

    problem: Problem
    pass_: str
    operand: Array


Others = Sequence[Callable[[PatchOperation], Contestant]]


def patch_layers(selection: Sequence[Layer] | None) -> list[Layer]:
    """The selected layers, or one for each different im2col among all layers."""
    if selection is not None:
        return list(selection)
    different: dict[tuple[object, ...], Layer] = {}
    for layer in all_layers():
        p = layer.problem
        key = (p.x_shape, p.w_shape[2:], p.stride, p.padding, p.dilation)
        if patches_bytes(p, "float32") <= LARGEST_BYTES and (key not in different or layer.short):
            different[key] = layer
    return list(different.values())


def movements(
    layers: Sequence[Layer], batch: int, dtype: str, passes: Sequence[str], others: Others = ()
) -> Iterator[Movement]:
    """im2col (forward) and col2im (backward_input) of every layer; ``others`` are other libraries."""
    for layer in layers:
        problem = layer.batched(batch)
        for pass_ in passes:
            if pass_ != "backward_weight":
                yield movement(layer.label, problem, pass_, dtype, others)


def steps(layers: Sequence[Layer], passes: Sequence[str]) -> int:
    """The number of operations for one batch size."""
    return len(layers) * sum(pass_ != "backward_weight" for pass_ in passes)


def movement(label: str, problem: Problem, pass_: str, dtype: str, others: Others) -> Movement:
    """One operation, with its contestants."""
    generator = np.random.default_rng(0)
    sizes, kernel, windows = problem.x_shape[2:], problem.w_shape[2:], patch_options(problem)
    x = generator.standard_normal(problem.x_shape).astype(dtype)
    moved = x.nbytes + patches_bytes(problem, dtype)
    if pass_ == "forward":

        def call(backend: str | None = None) -> Any:
            return gemmconv.im2col(x, kernel, **windows, backend=backend)
    else:
        cols = generator.standard_normal(gemmconv.im2col(x, kernel, **windows).shape).astype(dtype)
        wide = cols.astype(np.float64)

        def call(backend: str | None = None) -> Any:
            return gemmconv.col2im(wide if backend else cols, sizes, kernel, **windows, backend=backend)

    operation = PatchOperation(problem, pass_, x if pass_ == "forward" else cols)
    contestants = [Contestant(OWN, call, lambda: [call()]), *(other(operation) for other in others)]
    return Movement(
        f"{label} {'im2col' if pass_ == 'forward' else 'col2im'}",
        problem.x_shape[0],
        pass_,
        moved,
        int(np.prod(kernel)),
        lambda: [call("reference")],
        contestants,
    )
