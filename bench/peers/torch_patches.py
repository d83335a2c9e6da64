"""PyTorch's unfold and fold on the arrays of the suite ``patches``, without autograd."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gemmconv.cli.bench.candidates import Unable
from gemmconv.cli.bench.movement import Contestant
from gemmconv.cli.bench.patches import PatchOperation
from gemmconv.cli.problems import Problem


def contestant(operation: PatchOperation) -> Contestant:
    """PyTorch on one operation."""
    call = unfold_or_fold(operation)
    return Contestant("PyTorch", call, lambda: [np.asarray(call().numpy())])


def symmetric_padding(problem: Problem) -> list[int]:
    """One number for each axis."""
    if any(low != high for low, high in problem.padding):
        raise Unable("it pads both ends alike")
    return [low for low, _ in problem.padding]


def unfold_or_fold(operation: PatchOperation) -> Callable[[], Any]:
    """`F.unfold` or `F.fold`."""
    import torch
    from torch.nn import functional

    problem = operation.problem
    if len(problem.stride) != 2:
        raise Unable("it has patches of two axes only")
    there, kernel, sizes = torch.from_numpy(operation.operand), problem.w_shape[2:], problem.x_shape[2:]
    windows: dict[str, Any] = {
        "stride": problem.stride,
        "padding": symmetric_padding(problem),
        "dilation": problem.dilation,
    }

    def call() -> Any:
        with torch.no_grad():
            if operation.pass_ == "forward":
                return functional.unfold(there, kernel, **windows)
            return functional.fold(there, sizes, kernel, **windows)

    return call
