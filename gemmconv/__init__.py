"""Convolution lowered to GEMM: forward, gradients, pooling and patches for NumPy arrays, with no framework.

Examples
--------
>>> import numpy as np
>>> import gemmconv
>>> photograph = np.ones((1, 3, 8, 8), np.float32)
>>> kernels = np.ones((4, 3, 3, 3), np.float32)
>>> gemmconv.conv(photograph, kernels, padding="same").shape
(1, 4, 8, 8)
"""

import importlib
from types import ModuleType

try:
    from gemmconv._core import UnsupportedError
except ModuleNotFoundError as error:
    if error.name != "gemmconv._core":
        raise
    raise ImportError(
        "this gemmconv is a source tree without its compiled part: run `pip install .` in the repository, "
        "and start Python outside the repository's root, where the source folder hides the installed package"
    ) from error

from gemmconv import _core
from gemmconv.activations import activate, activate_backward
from gemmconv.configuration import get_cmake_dir, get_include, show_config
from gemmconv.convolution import (
    ConvGradients,
    conv,
    conv_backward,
    conv_backward_bias,
    conv_backward_input,
    conv_backward_weight,
)
from gemmconv.max_pooling import adaptive_max_pool, max_pool, max_pool_backward, max_unpool, max_unpool_backward
from gemmconv.patches import col2im, conv_matrix, im2col, rot180
from gemmconv.planning import plan, strategies
from gemmconv.pooling import (
    adaptive_avg_pool,
    adaptive_avg_pool_backward,
    avg_pool,
    avg_pool_backward,
    lp_pool,
    lp_pool_backward,
)
from gemmconv.settings import get_options, options, set_options
from gemmconv.transposed import conv_transpose, conv_transpose_backward

__version__ = _core.version()

__all__ = [
    "ConvGradients",
    "UnsupportedError",
    "__version__",
    "activate",
    "activate_backward",
    "adaptive_avg_pool",
    "adaptive_avg_pool_backward",
    "adaptive_max_pool",
    "avg_pool",
    "avg_pool_backward",
    "col2im",
    "conv",
    "conv_backward",
    "conv_backward_bias",
    "conv_backward_input",
    "conv_backward_weight",
    "conv_matrix",
    "conv_transpose",
    "conv_transpose_backward",
    "get_cmake_dir",
    "get_include",
    "get_options",
    "im2col",
    "lp_pool",
    "lp_pool_backward",
    "max_pool",
    "max_pool_backward",
    "max_unpool",
    "max_unpool_backward",
    "options",
    "plan",
    "rot180",
    "set_options",
    "show_config",
    "strategies",
]


def __getattr__(name: str) -> ModuleType:
    """``gemmconv.nn``, loaded at its first use: most programs convolve without it."""
    if name == "nn":
        return importlib.import_module("gemmconv.nn")
    raise AttributeError(f"module 'gemmconv' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), "nn"})
