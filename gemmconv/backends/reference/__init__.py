"""The reference backend: plain NumPy, slow and obvious.

The loops run over the taps of the kernel, and NumPy runs over the rest. Sums are formed in float64 and rounded once,
so that its answers judge those of other backends. Sizes and their errors come from the core's geometry.
"""

from gemmconv.backends.reference.activations import activate, activate_backward
from gemmconv.backends.reference.average import (
    adaptive_avg_pool,
    adaptive_avg_pool_backward,
    avg_pool,
    avg_pool_backward,
    lp_pool,
    lp_pool_backward,
)
from gemmconv.backends.reference.convolution import (
    conv,
    conv_backward_bias,
    conv_backward_input,
    conv_backward_weight,
    conv_transpose,
)
from gemmconv.backends.reference.maximum import (
    adaptive_max_pool,
    max_pool,
    max_pool_backward,
    max_unpool,
    max_unpool_backward,
)
from gemmconv.backends.reference.patches import col2im, im2col
from gemmconv.backends.reference.planning import plan

__all__ = [
    "activate",
    "activate_backward",
    "adaptive_avg_pool",
    "adaptive_avg_pool_backward",
    "adaptive_max_pool",
    "avg_pool",
    "avg_pool_backward",
    "col2im",
    "conv",
    "conv_backward_bias",
    "conv_backward_input",
    "conv_backward_weight",
    "conv_transpose",
    "im2col",
    "lp_pool",
    "lp_pool_backward",
    "max_pool",
    "max_pool_backward",
    "max_unpool",
    "max_unpool_backward",
    "plan",
]
