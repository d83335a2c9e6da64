"""The CPU backend: NumPy arrays and the compiled core, whose functions are used directly."""

from numpy import ndarray

from gemmconv import _core
from gemmconv.backends.numpy_arrays import NumPyArrays
from gemmconv.backends.protocol import Backend

__all__ = ["BACKEND", "ndarray"]


class CPUBackend(NumPyArrays):
    """The functions of the compiled core, under their names in `Backend`."""

    __slots__ = ()  # attribute lookup is faster for an instance without a dict of its own
    name = "cpu"

    strategies = staticmethod(_core.strategies)
    plan = staticmethod(_core.Plan)
    conv = staticmethod(_core.conv)
    conv_backward_input = staticmethod(_core.conv_backward_input)
    conv_backward_weight = staticmethod(_core.conv_backward_weight)
    conv_backward_bias = staticmethod(_core.conv_backward_bias)
    conv_transpose = staticmethod(_core.conv_transpose)
    im2col = staticmethod(_core.im2col)
    col2im = staticmethod(_core.col2im)
    max_pool = staticmethod(_core.max_pool)
    max_pool_backward = staticmethod(_core.max_pool_backward)
    max_unpool = staticmethod(_core.max_unpool)
    max_unpool_backward = staticmethod(_core.max_unpool_backward)
    avg_pool = staticmethod(_core.avg_pool)
    avg_pool_backward = staticmethod(_core.avg_pool_backward)
    lp_pool = staticmethod(_core.lp_pool)
    lp_pool_backward = staticmethod(_core.lp_pool_backward)
    adaptive_avg_pool = staticmethod(_core.adaptive_avg_pool)
    adaptive_avg_pool_backward = staticmethod(_core.adaptive_avg_pool_backward)
    adaptive_max_pool = staticmethod(_core.adaptive_max_pool)
    activate = staticmethod(_core.activate)
    activate_backward = staticmethod(_core.activate_backward)


BACKEND: Backend = CPUBackend()
