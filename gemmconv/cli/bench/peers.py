"""Other libraries on the same arrays: PyTorch (all passes) and ONNX Runtime (forward)."""

import importlib.util
from collections.abc import Sequence
from typing import Any

import numpy as np

from gemmconv.annotations import Array
from gemmconv.cli.bench.candidates import Candidate, Ready, Unable
from gemmconv.cli.failures import Failure
from gemmconv.cli.problems import Problem


def peer_candidates(names: Sequence[str] | None, threads: int) -> list[Candidate]:
    """The contestants ``--peers`` asks for: all that are installed when no name is given.

    Raises
    ------
    Failure
        If a peer that was named, or every peer, is not installed.
    """
    makers = {"torch": torch_candidate, "onnxruntime": onnxruntime_candidate}
    if names is None:
        return []
    installed = [name for name in makers if importlib.util.find_spec(name)]
    missing = [name for name in names if name not in installed] or ([] if installed else list(makers))
    if missing:
        raise Failure(
            f"{' and '.join(missing)} not installed: pip install 'gemmconv[peers]' (in a checkout: pip install "
            "'.[peers]')"
        )
    return [makers[name](threads) for name in names or installed]


def symmetric_padding(problem: Problem) -> list[int]:
    """One number for each axis."""
    if any(low != high for low, high in problem.padding):
        raise Unable("it pads both ends alike")
    return [low for low, _ in problem.padding]


def torch_candidate(threads: int) -> Candidate:
    """PyTorch eager: convolution and ``convolution_backward`` of ATen."""
    import torch

    torch.set_num_threads(threads)

    def prepare(problem: Problem, pass_: str, first: Array, second: Array) -> Ready:
        if problem.flip:
            raise Unable("it has no true convolution")
        a, b = torch.from_numpy(first), torch.from_numpy(second)
        rank = len(problem.stride)
        padding = symmetric_padding(problem)
        settings: tuple[Any, ...] = (
            list(problem.stride),
            padding,
            list(problem.dilation),
            False,
            [0] * rank,
            problem.groups,
        )
        backward = torch.ops.aten.convolution_backward
        x = torch.empty(problem.x_shape, dtype=a.dtype)
        w = torch.empty(problem.w_shape, dtype=a.dtype)

        def call() -> Any:
            with torch.no_grad():
                if pass_ == "forward":
                    return torch.convolution(a, b, None, *settings)
                if pass_ == "backward_input":
                    return backward(a, x, b, None, *settings, [True, False, False])[0]
                return backward(a, b, w, None, *settings, [False, True, False])[1]

        return Ready(call, lambda: np.asarray(call().numpy()))

    return Candidate("PyTorch", prepare)


def onnxruntime_candidate(threads: int) -> Candidate:
    """ONNX Runtime with its weights given beforehand, so that it may pack them, and its spinning off."""
    import onnx
    import onnxruntime

    def prepare(problem: Problem, pass_: str, first: Array, second: Array) -> Ready:
        if pass_ != "forward":
            raise Unable("it computes forward only")
        if problem.flip:
            raise Unable("it has no true convolution")
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

        def call() -> Array:
            return np.asarray(session.run(None, {"x": first})[0])

        return Ready(call, call)

    return Candidate("ONNX Runtime", prepare)
