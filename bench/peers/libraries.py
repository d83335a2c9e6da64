"""Other libraries on the same arrays: PyTorch (all passes, pooling, patches) and ONNX Runtime (forward).

All contestants write into memory that is allocated in the call, with huge pages where it is large: NumPy asks for them
from 4 MiB on, PyTorch when it is told to.
"""

import importlib.util
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gemmconv.annotations import Array
from gemmconv.cli.bench.candidates import Candidate, Ready, Unable
from gemmconv.cli.bench.suites import Library
from gemmconv.cli.failures import Failure
from gemmconv.cli.problems import Problem, in_layout
from peers import torch_patches, torch_pooling

PEERS = {"torch": "PyTorch", "onnxruntime": "ONNX Runtime"}
COPIED_BYTES = 1 << 20  # ONNX Runtime's own result is copied below: 0.1 ms at most, less than a binding costs


def chosen_peers(names: Sequence[str]) -> list[str]:
    """Those that ``--peers`` names, or all that are installed.

    Raises
    ------
    Failure
        If a peer that was named, or every peer, is not installed.
    """
    installed = [name for name in PEERS if importlib.util.find_spec(name)]
    missing = [name for name in names if name not in installed] or ([] if installed else list(PEERS))
    if missing:
        raise Failure(
            f"{' and '.join(missing)} not installed: pip install 'gemmconv[bench]' (in a checkout: pip install "
            "'.[bench]')"
        )
    return list(names or installed)


def libraries(names: Sequence[str], threads: int) -> list[Library]:
    """The named libraries, each with its functions for the suites that it takes part in."""
    makers = {
        "torch": lambda: Library(torch_candidate(threads), torch_pooling.contestant, torch_patches.contestant),
        "onnxruntime": lambda: Library(onnxruntime_candidate(threads)),
    }
    return [makers[name]() for name in names]


def torch_candidate(threads: int) -> Candidate:
    """PyTorch eager: convolution and ``convolution_backward`` of ATen."""
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    import torch

    torch.set_num_threads(threads)

    def prepare(problem: Problem, pass_: str, first: Array, second: Array) -> Ready:
        if problem.flip:
            raise Unable("it has no true convolution")
        a, b = (torch.from_numpy(x) for x in problem.arranged(pass_, first, second))
        rank = len(problem.stride)
        if problem.layout == "NHWC":  # the same memory, seen as NCHW; weights as PyTorch likes them then
            seen = (0, rank + 1, *range(1, rank + 1))
            a = a.permute(seen)
            if pass_ == "backward_weight":
                b = b.permute(seen)
            elif rank == 2:
                b = b.contiguous(memory_format=torch.channels_last)
        padding = torch_patches.symmetric_padding(problem)
        settings: tuple[Any, ...] = (
            list(problem.stride),
            padding,
            list(problem.dilation),
            False,
            [0] * rank,
            problem.groups,
        )
        backward = torch.ops.aten.convolution_backward
        x = torch.empty(in_layout(problem.x_shape, problem.layout), dtype=a.dtype)
        x = x if problem.layout == "NCHW" else x.permute(seen)
        w = torch.empty(problem.w_shape, dtype=a.dtype)

        def call() -> Any:
            with torch.inference_mode():
                if pass_ == "forward":
                    return torch.convolution(a, b, None, *settings)
                if pass_ == "backward_input":
                    return backward(a, x, b, None, *settings, [True, False, False])[0]
                return backward(a, b, w, None, *settings, [False, True, False])[1]

        return Ready(call, lambda: np.asarray(call().numpy()))

    return Candidate(PEERS["torch"], prepare)


def onnxruntime_candidate(threads: int) -> Candidate:
    """ONNX Runtime with its weights given beforehand, so that it may pack them, and its spinning off."""
    import onnx
    import onnxruntime

    def prepare(problem: Problem, pass_: str, first: Array, second: Array) -> Ready:
        if pass_ != "forward":
            raise Unable("it computes forward only")
        if problem.flip:
            raise Unable("it has no true convolution")
        if problem.layout != "NCHW":
            raise Unable("it takes NCHW")
        if first.dtype != np.float32:
            raise Unable("its convolution is float32 only")
        pads = [low for low, _ in problem.padding] + [high for _, high in problem.padding]
        kind = onnx.helper.np_dtype_to_tensor_dtype(first.dtype)
        node = onnx.helper.make_node(
            "Conv",
            ["x", "w"],
            ["y"],
            strides=list(problem.stride),
            dilations=list(problem.dilation),
            pads=pads,
            group=problem.groups,
        )
        graph = onnx.helper.make_graph(
            [node],
            "layer",
            [onnx.helper.make_tensor_value_info("x", kind, problem.x_shape)],
            [onnx.helper.make_tensor_value_info("y", kind, problem.y_shape)],
            [onnx.numpy_helper.from_array(second, "w")],
        )
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

        def copied() -> Array:
            return np.asarray(session.run(None, {"x": first})[0])

        binding = session.io_binding()
        binding.bind_cpu_input("x", first)

        def written() -> Array:
            y = np.empty(problem.y_shape, first.dtype)
            binding.bind_output("y", "cpu", 0, first.dtype, y.shape, y.ctypes.data)
            session.run_with_iobinding(binding)
            return y

        y_bytes = int(np.prod(problem.y_shape)) * first.itemsize
        call: Callable[[], Array] = copied if y_bytes <= COPIED_BYTES else written
        return Ready(call, call)

    return Candidate(PEERS["onnxruntime"], prepare)
