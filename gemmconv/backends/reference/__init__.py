"""The reference backend: plain NumPy, slow and easy to read.

Python loops run over the taps (the cells of the kernel), NumPy over everything else. Sums are formed in float64 and
rounded once, so that the results of other backends can be compared with these. Arguments and geometries are checked by
the functions of the compiled core, so that both backends accept and refuse the same.
"""

from gemmconv.backends.numpy_arrays import NumPyArrays
from gemmconv.backends.protocol import Backend
from gemmconv.backends.reference import activations, average, convolution, maximum, patches, planning
from gemmconv.backends.reference.strategies import STRATEGIES


class ReferenceBackend(NumPyArrays):
    """The functions of this folder, under their names in `Backend`."""

    name = "reference"

    @staticmethod
    def strategies() -> dict[str, tuple[str, ...]]:
        """One strategy, the direct loop, with one variant."""
        return dict(STRATEGIES)

    plan = staticmethod(planning.plan)
    conv = staticmethod(convolution.conv)
    conv_backward_input = staticmethod(convolution.conv_backward_input)
    conv_backward_weight = staticmethod(convolution.conv_backward_weight)
    conv_backward_bias = staticmethod(convolution.conv_backward_bias)
    conv_transpose = staticmethod(convolution.conv_transpose)
    im2col = staticmethod(patches.im2col)
    col2im = staticmethod(patches.col2im)
    max_pool = staticmethod(maximum.max_pool)
    max_pool_backward = staticmethod(maximum.max_pool_backward)
    max_unpool = staticmethod(maximum.max_unpool)
    max_unpool_backward = staticmethod(maximum.max_unpool_backward)
    avg_pool = staticmethod(average.avg_pool)
    avg_pool_backward = staticmethod(average.avg_pool_backward)
    lp_pool = staticmethod(average.lp_pool)
    lp_pool_backward = staticmethod(average.lp_pool_backward)
    adaptive_avg_pool = staticmethod(average.adaptive_avg_pool)
    adaptive_avg_pool_backward = staticmethod(average.adaptive_avg_pool_backward)
    adaptive_max_pool = staticmethod(maximum.adaptive_max_pool)
    activate = staticmethod(activations.activate)
    activate_backward = staticmethod(activations.activate_backward)


BACKEND: Backend = ReferenceBackend()
