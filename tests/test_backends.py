"""Which backend owns an array, and that all backends refuse the same arguments."""

import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from backends import BACKENDS, CPU, On, on_every_backend

import gemmconv

X, W, DY = np.ones((2, 4, 6, 6)), np.ones((3, 4, 3, 3)), np.ones((2, 3, 4, 4))
Y, INDICES = gemmconv.max_pool(X, 2, return_indices=True)
READ_ONLY = DY.copy()
READ_ONLY.flags.writeable = False

# One good call of every array function, its arrays first.
CALLS: dict[str, tuple[Any, ...]] = {
    "conv": (X, W),
    "conv_backward_input": (DY, W, X.shape),
    "conv_backward_weight": (DY, X, W.shape),
    "conv_backward_bias": (DY,),
    "conv_backward": (DY, X, W),
    "conv_transpose": (DY, W),
    "conv_transpose_backward": (X, DY, W),
    "im2col": (X, 3),
    "col2im": (np.ones((2, 36, 16)), (6, 6), 3),
    "conv_matrix": (W, X.shape[1:]),
    "rot180": (W,),
    "max_pool": (X, 2),
    "max_pool_backward": (Y, INDICES, X.shape),
    "max_unpool": (Y, INDICES, X.shape),
    "max_unpool_backward": (X, INDICES),
    "avg_pool": (X, 2),
    "avg_pool_backward": (Y, X.shape, 2),
    "lp_pool": (X, 2),
    "lp_pool_backward": (Y, X, Y, 2),
    "adaptive_avg_pool": (X, 2),
    "adaptive_avg_pool_backward": (Y, X.shape),
    "adaptive_max_pool": (X, 2),
    "activate": (X, "relu"),
    "activate_backward": (X, X, "relu"),
}


def gpu_array() -> Any:
    """Something whose type says that it is CuPy's; only the type is looked at."""
    return types.new_class("ndarray", exec_body=lambda body: body.update(__module__="cupy"))()


def as_arrays(answer: Any) -> list[Any]:
    """The answer's arrays, dense."""
    if hasattr(answer, "toarray"):
        return [answer.toarray()]
    return list(answer) if isinstance(answer, tuple) else [answer]


@pytest.mark.parametrize("name", CALLS)
def test_backends_by_name(name: str) -> None:
    function, arguments = getattr(gemmconv, name), CALLS[name]
    by_type = as_arrays(function(*arguments))
    for backend in BACKENDS:
        named = as_arrays(backend.call(function, *arguments, backend=backend.name))
        for mine, other in zip(named, by_type, strict=True):
            assert mine.dtype == other.dtype
            np.testing.assert_allclose(mine, other, rtol=0 if backend is CPU else 1e-12)
    with pytest.raises(ValueError, match="unknown backend 'tpu': the backends are cpu, reference"):
        function(*arguments, backend="tpu")
    with pytest.raises(gemmconv.UnsupportedError, match="'cupy' is not part of this version"):
        function(*arguments, backend="cupy")


@pytest.mark.parametrize("backend", [None, "cpu", "reference"])
@pytest.mark.parametrize("name", CALLS)
def test_other_kinds_of_arrays_are_refused(name: str, backend: str | None) -> None:
    function, arguments = getattr(gemmconv, name), CALLS[name]
    count = sum(isinstance(argument, np.ndarray) for argument in arguments)
    with pytest.raises(TypeError, match="GPU backend is not part of this version"):
        function(*(gpu_array() for _ in range(count)), *arguments[count:], backend=backend)
    for position in range(count):
        for stranger in (arguments[position].tolist(), np.ma.masked_array(arguments[position]), gpu_array(), None):
            changed = list(arguments)
            changed[position] = stranger
            with pytest.raises(TypeError, match=r"mixed|numpy|NumPy|CuPy"):
                function(*changed, backend=backend)


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_subclasses_of_arrays_are_arrays(tmp_path: Path, backend: str) -> None:
    on_disk = np.memmap(tmp_path / "x", X.dtype, "w+", shape=X.shape)
    on_disk[...] = X
    np.testing.assert_array_equal(gemmconv.conv(on_disk, W, backend=backend), gemmconv.conv(X, W, backend=backend))


@on_every_backend
def test_needs(backend: On) -> None:
    everything = backend.conv_backward(DY, X, W)
    assert everything._fields == ("input", "weight", "bias")
    for needs in (("weight",), "weight", {"weight": None}, iter(["weight"])):
        some = backend.conv_backward(DY, X, W, needs=needs)
        assert some.input is None
        assert some.bias is None
        np.testing.assert_array_equal(some.weight, everything.weight)
    assert backend.conv_backward(DY, X, W, needs=()) == (None, None, None)


def test_a_gradient_that_is_not_needed_is_not_computed() -> None:
    """Its strategy is not even asked: here this one would refuse both other gradients."""
    with pytest.raises(gemmconv.UnsupportedError):
        gemmconv.conv_backward(DY, X, W, strategy="depthwise")
    db = gemmconv.conv_backward(DY, X, W, needs=("bias",), strategy="depthwise").bias
    np.testing.assert_array_equal(db, gemmconv.conv_backward_bias(DY))


@on_every_backend
def test_gradients_into_given_arrays(backend: On) -> None:
    right = backend.conv_backward(DY, X, W)
    out = (np.empty_like(X), np.empty_like(W), np.empty(3))
    got = backend.conv_backward(DY, X, W, out=out)
    for mine, place, other in zip(got, out, right, strict=True):
        assert mine is place
        np.testing.assert_array_equal(mine, other)


# What every backend refuses with one exception: function, changed arguments by position, options, exception.
REFUSED: list[tuple[str, dict[int, Any], dict[str, Any], type[Exception]]] = [
    ("conv", {0: X[0, 0]}, {}, ValueError),
    ("conv", {0: X.astype(int)}, {}, TypeError),
    ("conv", {0: X.astype(np.float16), 1: W.astype(np.float16)}, {}, TypeError),
    ("conv", {1: W.astype(np.float32)}, {}, TypeError),
    ("conv", {0: X + 0j, 1: W + 0j}, {}, TypeError),
    ("conv", {2: np.ones(4)}, {}, ValueError),
    ("conv", {2: np.ones((3, 1))}, {}, ValueError),
    ("conv", {2: 3}, {}, TypeError),
    ("conv", {}, {"stride": "2"}, TypeError),
    ("conv", {}, {"stride": 1.0}, TypeError),
    ("conv", {}, {"stride": (1, 2, 3)}, ValueError),
    ("conv", {}, {"groups": True}, TypeError),
    ("conv", {}, {"groups": 3}, ValueError),
    ("conv", {}, {"flip": 1}, TypeError),
    ("conv", {}, {"layout": "nchw"}, ValueError),
    ("conv", {}, {"layout": None}, TypeError),
    ("conv", {}, {"activation": "step"}, ValueError),
    ("conv", {}, {"activation": 3}, TypeError),
    ("conv", {}, {"strategy": "magic"}, ValueError),
    ("conv", {}, {"strategy": None}, TypeError),
    ("conv", {}, {"padding": -1}, ValueError),
    ("conv", {}, {"padding": "half"}, ValueError),
    ("conv", {}, {"padding": ((1, 2, 3), (1, 2))}, ValueError),
    ("conv", {}, {"out": READ_ONLY}, ValueError),
    ("conv", {}, {"out": DY[..., ::-1]}, ValueError),
    ("conv", {}, {"out": DY.astype(np.float32)}, ValueError),
    ("conv", {}, {"out": DY[:1]}, ValueError),
    ("conv", {}, {"out": [1]}, TypeError),
    ("conv_backward_input", {2: (2, 4, 6)}, {}, ValueError),
    ("conv_backward_input", {2: (2, 4, 7, 6)}, {}, ValueError),
    ("conv_backward_input", {2: 6}, {}, TypeError),
    ("conv_backward_weight", {2: (3, 4, 2, 3)}, {}, ValueError),
    ("conv_backward_bias", {0: DY[0, 0]}, {}, ValueError),
    ("conv_backward", {}, {"needs": ("weights",)}, ValueError),
    ("conv_backward", {}, {"needs": 3}, TypeError),
    ("conv_backward", {}, {"out": DY}, ValueError),
    ("conv_backward", {}, {"out": (None, None, np.ones(4))}, ValueError),
    ("im2col", {1: None}, {}, TypeError),
    ("im2col", {1: 9}, {}, ValueError),
    ("col2im", {0: np.ones((2, 35, 16))}, {}, ValueError),
    ("col2im", {0: np.ones((2, 36, 15))}, {}, ValueError),
    ("col2im", {0: np.ones((2, 36))}, {}, ValueError),
    ("col2im", {1: (2, 4, 6, 6)}, {}, ValueError),
    ("max_pool", {1: 0}, {}, ValueError),
    ("max_pool", {}, {"ceil_mode": 1}, TypeError),
    ("max_pool", {}, {"return_indices": "yes"}, TypeError),
    ("max_pool_backward", {1: INDICES.astype(np.int32)}, {}, TypeError),
    ("max_pool_backward", {1: INDICES[:1]}, {}, ValueError),
    ("max_pool_backward", {1: INDICES + 36}, {}, ValueError),
    ("max_pool_backward", {1: INDICES - 9}, {}, ValueError),
    ("max_pool_backward", {2: (2, 5, 6, 6)}, {}, ValueError),
    ("max_unpool", {2: (6, 6)}, {}, ValueError),
    ("max_unpool_backward", {1: INDICES[:, :2]}, {}, ValueError),
    ("max_unpool_backward", {1: INDICES + 99}, {}, ValueError),
    ("avg_pool", {}, {"divisor": 0}, ValueError),
    ("avg_pool", {}, {"divisor": np.nan}, ValueError),
    ("avg_pool", {}, {"divisor": "3"}, TypeError),
    ("avg_pool", {}, {"count_include_pad": None}, TypeError),
    ("avg_pool_backward", {1: (2, 4, 9, 6)}, {}, ValueError),
    ("lp_pool", {}, {"p": 0}, ValueError),
    ("lp_pool", {}, {"p": np.inf}, ValueError),
    ("lp_pool", {}, {"p": None}, TypeError),
    ("lp_pool_backward", {2: Y[:1]}, {}, ValueError),
    ("adaptive_avg_pool", {1: 0}, {}, ValueError),
    ("adaptive_avg_pool", {1: (1, 2, 3)}, {}, ValueError),
    ("adaptive_avg_pool", {1: 2.0}, {}, TypeError),
    ("adaptive_max_pool", {1: "2"}, {}, TypeError),
    ("adaptive_max_pool", {1: True}, {}, TypeError),
    ("adaptive_avg_pool_backward", {1: (2, 5, 6, 6)}, {}, ValueError),
    ("activate", {1: "step"}, {}, ValueError),
    ("activate", {1: 3}, {}, TypeError),
    ("activate", {}, {"out": X[:1].copy()}, ValueError),
    ("activate_backward", {1: X[:1]}, {}, ValueError),
    ("conv_matrix", {0: W.astype(int)}, {}, TypeError),
    ("conv_matrix", {1: (4, 6)}, {}, ValueError),
    ("rot180", {0: W[0, 0]}, {}, ValueError),
]


@on_every_backend
@pytest.mark.parametrize("case", range(len(REFUSED)), ids=lambda case: f"{REFUSED[case][0]}-{case}")
def test_refusals_are_the_same(case: int, backend: On) -> None:
    name, changes, options, error = REFUSED[case]
    arguments = [*CALLS[name], None][: max([len(CALLS[name]), *(position + 1 for position in changes)])]
    for position, value in changes.items():
        arguments[position] = value
    with pytest.raises(error) as raised:
        backend.call(getattr(gemmconv, name), *arguments, **options, backend=backend.name)
    assert raised.type is error
    assert len(str(raised.value).split()) > 3, "an error is a sentence"
