// Kernels for AArch64: 32 registers of 16 bytes.
#include <arm_neon.h>
#include <stdint.h>

#include "kernels.hpp"

namespace gemmconv {
namespace {  // nothing of the bodies leaves this file: others are compiled for other machines
#include "simd_neon.hpp"

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

extern const Kernels neon_kernels;
const Kernels neon_kernels = {
    "neon",
    gemm_kernel<float, 4, 4>(128, 256, 480),
    gemm_kernel<double, 4, 4>(64, 256, 240),
    direct_kernel<float, 4, 4, 4>(),
    direct_kernel<double, 4, 4, 4>(),
    shifted_kernel<float, 16>(),
    shifted_kernel<double, 16>(),
    plane_kernel<float>(),
    plane_kernel<double>(),
    window_kernel<float, 7>(),
    window_kernel<double, 7>(),
    channel_kernel<float>(),
    channel_kernel<double>(),
    panel_kernel<float, 32, 4>(),
    panel_kernel<double, 32, 4>(),
    lanes_kernel<float, 14>(),
    lanes_kernel<double, 14>(),
    weights_kernel<float, 32, 4>(),
    weights_kernel<double, 32, 4>(),
    activation_kernel(),
    peak_kernel<float>(),
    peak_kernel<double>(),
    pool_kernel<float>(),
    pool_kernel<double>(),
};

}  // namespace gemmconv
