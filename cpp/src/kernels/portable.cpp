// Kernels for any machine this library is compiled for.
#include <stdint.h>

#include "kernels.hpp"

namespace gemmconv {
namespace {  // nothing of the bodies leaves this file: others are compiled for other machines
#include "simd_portable.hpp"

#include "tile_body.hpp"

#include "outer_body.hpp"

#include "transpose_body.hpp"

#include "pack_body.hpp"

#include "gemm_body.hpp"

#include "dot_body.hpp"

#include "shifted_body.hpp"

#include "plane_body.hpp"

#include "reach_body.hpp"

#include "window_body.hpp"

#include "window_interleaved_body.hpp"

#include "window_gradient_body.hpp"

#include "channel_body.hpp"

#include "gather_body.hpp"

#include "panel_body.hpp"

#include "lanes_body.hpp"

#include "weights_body.hpp"

#include "activation_body.hpp"

#include "peak_body.hpp"

#include "pool_rows_body.hpp"

#include "pool_body.hpp"
}  // namespace

extern const Kernels portable_kernels;
const Kernels portable_kernels = {
    "portable",
    gemm_kernel<float, 4, 2>(128, 256, 480),
    gemm_kernel<double, 4, 2>(64, 256, 240),
    direct_kernel<float, 4, 2, 2>(),
    direct_kernel<double, 4, 2, 2>(),
    shifted_kernel<float, 8>(),
    shifted_kernel<double, 8>(),
    plane_kernel<float>(),
    plane_kernel<double>(),
    window_kernel<float, 3>(),
    window_kernel<double, 3>(),
    channel_kernel<float>(),
    channel_kernel<double>(),
    panel_kernel<float, 16, 2>(),
    panel_kernel<double, 16, 2>(),
    lanes_kernel<float, 6>(),
    lanes_kernel<double, 6>(),
    weights_kernel<float, 16, 2>(),
    weights_kernel<double, 16, 2>(),
    activation_kernel(),
    peak_kernel<float>(),
    peak_kernel<double>(),
    pool_kernel<float>(),
    pool_kernel<double>(),
};

}  // namespace gemmconv
