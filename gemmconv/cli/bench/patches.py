"""The suite ``patches``: im2col and col2im on layers of real networks, with PyTorch's unfold and fold beside."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

import gemmconv
from gemmconv.cli.bench.candidates import Unable, patch_options
from gemmconv.cli.bench.layers import Layer, all_layers
from gemmconv.cli.bench.measure import patches_bytes
from gemmconv.cli.bench.movement import OWN, PEER, Contestant, Movement
from gemmconv.cli.bench.peers import symmetric_padding
from gemmconv.cli.problems import Problem

LARGEST_BYTES = 128 << 20  # a matrix of patches


def patch_layers(selection: Sequence[Layer] | None) -> list[Layer]:
    """Those asked for, or each different gather among all layers."""
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
    layers: Sequence[Layer], batch: int, dtype: str, passes: Sequence[str], with_peer: bool
) -> Iterator[Movement]:
    """im2col (forward) and col2im (backward_input) of every layer."""
    for layer in layers:
        problem = layer.batched(batch)
        for pass_ in passes:
            if pass_ != "backward_weight":
                yield movement(layer.label, problem, pass_, dtype, with_peer)


def steps(layers: Sequence[Layer], passes: Sequence[str]) -> int:
    """How many movements there are in a batch size."""
    return len(layers) * sum(pass_ != "backward_weight" for pass_ in passes)


def movement(label: str, problem: Problem, pass_: str, dtype: str, with_peer: bool) -> Movement:
    """One gather or scatter with its contestants."""
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

    contestants = [Contestant(OWN, call, lambda: [call()])]
    if with_peer:
        peer = torch_call(problem, pass_, x if pass_ == "forward" else cols)
        contestants.append(Contestant(PEER, peer, lambda: [np.asarray(peer().numpy())]))
    return Movement(
        f"{label} {'im2col' if pass_ == 'forward' else 'col2im'}",
        problem.x_shape[0],
        pass_,
        moved,
        int(np.prod(kernel)),
        lambda: [call("reference")],
        contestants,
    )


def torch_call(problem: Problem, pass_: str, operand: Any) -> Any:
    """`F.unfold` or `F.fold`, without autograd."""
    import torch
    from torch.nn import functional

    if len(problem.stride) != 2:
        raise Unable("it has patches of two axes only")
    there, kernel, sizes = torch.from_numpy(operand), problem.w_shape[2:], problem.x_shape[2:]
    windows: dict[str, Any] = {
        "stride": problem.stride,
        "padding": symmetric_padding(problem),
        "dilation": problem.dilation,
    }

    def call() -> Any:
        with torch.no_grad():
            if pass_ == "forward":
                return functional.unfold(there, kernel, **windows)
            return functional.fold(there, sizes, kernel, **windows)

    return call
