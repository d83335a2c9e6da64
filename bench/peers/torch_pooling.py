"""PyTorch's poolings on the arrays of the suite ``pooling``: ATen's own operators, in eager mode and without autograd.

Two of its functions have no operator of their own and are timed as what they are: Lp pooling is `F.lp_pool2d`, its
gradient is autograd's through that function, and the gradient of unpooling is a gather.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gemmconv.annotations import Array
from gemmconv.cli.bench.movement import Contestant
from gemmconv.cli.bench.pooling import Arrays, PoolOperation
from gemmconv.cli.bench.pools import PoolLayer


def contestant(operation: PoolOperation) -> Contestant:
    """PyTorch on one operation."""
    call = torch_call(operation.what, operation.pass_, operation.layer, operation.arrays, operation.layout)
    return Contestant("PyTorch", call, lambda: tensors(call()))


def tensors(found: Any) -> Sequence[Array]:
    """PyTorch's answers as arrays; their shape is NCHW for every memory format."""
    return [a.numpy() for a in (found if isinstance(found, tuple) else (found,))]


def as_any(module: Any) -> Any:
    """The module, typed as Any."""
    return module


def torch_call(what: str, pass_: str, layer: PoolLayer, arrays: Arrays, layout: str) -> Callable[[], Any]:
    """The call; inputs are in ``layout`` as PyTorch stores it, with the shape of channels second."""
    import torch
    import torch.nn.functional

    # one name for functions of one to three axes, whose annotations differ
    rank, aten, functional = len(layer.input), as_any(torch.ops.aten), as_any(torch.nn.functional)
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}

    def tensor(a: Any) -> Any:
        made = torch.from_numpy(np.ascontiguousarray(a))
        if layout == "NHWC" and made.dim() == rank + 2:
            if rank == 1:  # there is no such format for three axes: strides alone
                return made.transpose(1, 2).contiguous().transpose(1, 2)
            return made.contiguous(memory_format=formats[rank + 2])
        return made

    x, dy, places = tensor(arrays.x), tensor(arrays.dy), tensor(arrays.places)
    kernel, stride, padding = list(layer.kernel), list(layer.stride), list(layer.padding)
    shape, output = list(layer.input), list(layer.output)
    forward = pass_ == "forward"

    def call() -> Callable[[], Any]:
        pool: Any
        sizes: Any
        if what == "unpool":
            unpool = {1: unpool_of_rows, 2: aten.max_unpool2d, 3: aten.max_unpool3d}[rank]
            if not forward:
                return lambda: x.flatten(2).gather(2, places.flatten(2)).view(places.shape)
            return lambda: unpool(dy, places, shape, *([stride, padding] if rank == 3 else []))
        if not layer.kernel:
            return adaptive()
        if what == "average":
            pool, back = {
                1: (functional.avg_pool1d, None),
                2: (functional.avg_pool2d, aten.avg_pool2d_backward),
                3: (functional.avg_pool3d, aten.avg_pool3d_backward),
            }[rank]
            if forward:
                return lambda: pool(x, kernel, stride, padding)
            if back is None:
                flat, flat_dy = x.unsqueeze(2), dy.unsqueeze(2)
                sizes = ([1, *kernel], [1, *stride], [0, *padding])
                return lambda: aten.avg_pool2d_backward(flat_dy, flat, *sizes, False, True, None).squeeze(2)
            return lambda: back(dy, x, kernel, stride, padding, False, True, None)
        if what == "lp":
            pool = {1: functional.lp_pool1d, 2: functional.lp_pool2d, 3: getattr(functional, "lp_pool3d", None)}[rank]
            padded = functional.pad(x, [p for p in reversed(padding) for _ in range(2)]) if any(padding) else x
            sizes = (kernel, stride) if rank > 1 else (kernel[0], stride[0])
            if forward:
                return lambda: pool(padded, 2, *sizes)
            leaf = padded.detach().requires_grad_()
            with torch.enable_grad():
                y = pool(leaf, 2, *sizes)
            inside = (slice(None), slice(None), *(slice(p, p + size) for p, size in zip(padding, shape, strict=True)))
            return lambda: torch.autograd.grad(y, leaf, dy, retain_graph=True)[0][inside]
        if what == "max+indices":
            dilation = [1] * rank
            if rank == 1:
                flat, flat_dy, flat_places = x.unsqueeze(2), dy.unsqueeze(2), places.unsqueeze(2)
                sizes1 = ([1, *kernel], [1, *stride], [0, *padding], [1, 1])
                if forward:
                    return lambda: functional.max_pool1d(x, kernel, stride, padding, return_indices=True)
                back1 = aten.max_pool2d_with_indices_backward
                return lambda: back1(flat_dy, flat, *sizes1, False, flat_places).squeeze(2)
            if forward:
                pool = getattr(functional, f"max_pool{rank}d")
                return lambda: pool(x, kernel, stride, padding, return_indices=True)
            back = getattr(aten, f"max_pool{rank}d_with_indices_backward")
            return lambda: back(dy, x, kernel, stride, padding, dilation, False, places)
        pool = getattr(functional, f"max_pool{rank}d")
        return lambda: pool(x, kernel, stride, padding)

    def unpool_of_rows(values: Any, where: Any, size: list[int]) -> Any:
        return aten.max_unpool2d(values.unsqueeze(2), where.unsqueeze(2), [1, *size]).squeeze(2)

    def adaptive() -> Callable[[], Any]:
        if what == "average":
            if forward:
                return lambda: getattr(functional, f"adaptive_avg_pool{rank}d")(x, output)
            if np.prod(output) == 1:  # what autograd runs for a mean
                count = int(np.prod(shape))
                return lambda: dy.expand(x.shape) / count
            return lambda: getattr(aten, f"_adaptive_avg_pool{rank}d_backward")(dy, x)
        if forward:
            indices = what == "max+indices"
            return lambda: getattr(functional, f"adaptive_max_pool{rank}d")(x, output, return_indices=indices)
        return lambda: getattr(aten, f"adaptive_max_pool{rank}d_backward")(dy, x, places)

    run = call()

    def without_gradients() -> Any:
        with torch.no_grad():
            return run()

    return without_gradients
