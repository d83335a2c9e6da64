"""Plans through the C interface, by ctypes, with scratch memory from the caller."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

from cases import DTYPES, LAYOUTS, PASSES, Case

import gemmconv

ACTIVATIONS = (None, "relu", "leaky_relu", "sigmoid", "tanh", "softplus", "gelu")
Three = ctypes.c_int64 * 3


class Problem(ctypes.Structure):
    """gemmconv_problem."""

    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        *((name, ctypes.c_int32) for name in ("pass_", "dtype", "layout", "rank", "flip")),
        *((name, ctypes.c_int64) for name in ("batch", "in_channels", "out_channels", "groups")),
        *((name, Three) for name in ("input", "kernel", "stride", "dilation", "padding_low", "padding_high")),
        ("activation", ctypes.c_int32),
        ("output", Three),
    )


class Settings(ctypes.Structure):
    """gemmconv_settings."""

    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("strategy", ctypes.c_char_p),
        *((name, ctypes.c_int32) for name in ("threads", "math", "deterministic")),
        ("workspace_limit", ctypes.c_size_t),
    )


def library() -> ctypes.CDLL:
    """The library that the Python module is linked with."""
    root = Path(gemmconv.get_include()).parent
    (path,) = {found.resolve() for found in root.glob("lib*/libgemmconv.*") if found.suffix in (".so", ".dylib")}
    loaded = ctypes.CDLL(str(path))
    loaded.gemmconv_last_error.restype = ctypes.c_char_p
    loaded.gemmconv_plan_workspace_bytes.restype = ctypes.c_size_t
    loaded.gemmconv_plan_workspace_bytes.argtypes = [ctypes.c_void_p]
    loaded.gemmconv_plan_destroy.argtypes = [ctypes.c_void_p]
    loaded.gemmconv_plan_run.argtypes = loaded.gemmconv_plan_run_packed.argtypes = [ctypes.c_void_p] * 6
    loaded.gemmconv_plan_pack.argtypes = [ctypes.c_void_p] * 3
    loaded.gemmconv_packed_destroy.argtypes = [ctypes.c_void_p]
    return loaded


LIBRARY = library()


class CPlan:
    """A gemmconv_plan; raises `gemmconv.UnsupportedError` as Python's does."""

    def __init__(
        self,
        case: Case,
        pass_: str,
        dtype: str,
        layout: str,
        strategy: str,
        *,
        flip: bool = False,
        activation: str | None = None,
        threads: int = 1,
        deterministic: bool = False,
        workspace_limit: int | None = None,
    ) -> None:
        problem, settings = Problem(), Settings()
        LIBRARY.gemmconv_problem_init(ctypes.byref(problem))
        LIBRARY.gemmconv_settings_init(ctypes.byref(settings))
        assert problem.struct_size == ctypes.sizeof(Problem)
        assert settings.struct_size == ctypes.sizeof(Settings)
        problem.pass_, problem.dtype, problem.layout = PASSES.index(pass_), DTYPES.index(dtype), LAYOUTS.index(layout)
        problem.rank, problem.flip = case.rank, flip
        problem.batch, problem.in_channels, problem.out_channels = case.batch, case.in_channels, case.out_channels
        problem.groups, problem.activation = case.groups, ACTIVATIONS.index(activation)
        for axis in range(case.rank):
            for name in ("input", "kernel", "stride", "dilation"):
                getattr(problem, name)[axis] = getattr(case, name)[axis]
            problem.padding_low[axis], problem.padding_high[axis] = case.padding[axis]
        settings.strategy, settings.threads, settings.deterministic = strategy.encode(), threads, deterministic
        if workspace_limit is not None:
            settings.workspace_limit = workspace_limit
        self._plan = ctypes.c_void_p()
        status = LIBRARY.gemmconv_plan_create(ctypes.byref(problem), ctypes.byref(settings), ctypes.byref(self._plan))
        if status:
            raise gemmconv.UnsupportedError(LIBRARY.gemmconv_last_error().decode())

    def __del__(self) -> None:
        LIBRARY.gemmconv_plan_destroy(self._plan)

    @property
    def workspace_bytes(self) -> int:
        return int(LIBRARY.gemmconv_plan_workspace_bytes(self._plan))

    def __call__(self, first: Any, second: Any, bias: Any, out: Any, workspace: Any) -> None:
        """Run on arrays without any check: the caller makes sure of shapes, layout and memory."""
        places = [array.ctypes.data if array is not None else None for array in (first, second, bias, out, workspace)]
        if LIBRARY.gemmconv_plan_run(self._plan, *places):
            raise RuntimeError(LIBRARY.gemmconv_last_error().decode())

    def run_packed(self, first: Any, w: Any, out: Any, workspace: Any) -> None:
        """The same with weights packed for the plan, and no bias."""
        packed = ctypes.c_void_p()
        if LIBRARY.gemmconv_plan_pack(self._plan, w.ctypes.data, ctypes.byref(packed)):
            raise RuntimeError(LIBRARY.gemmconv_last_error().decode())
        status = LIBRARY.gemmconv_plan_run_packed(
            self._plan, first.ctypes.data, packed, None, out.ctypes.data, workspace.ctypes.data
        )
        LIBRARY.gemmconv_packed_destroy(packed)
        if status:
            raise RuntimeError(LIBRARY.gemmconv_last_error().decode())
