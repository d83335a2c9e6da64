// Kernels for AArch64: 32 registers of 16 bytes.
#include <arm_neon.h>
#include <stdint.h>

#include "../kernels.hpp"

namespace gemmconv {
namespace {  // nothing of the bodies leaves this file: others are compiled for other machines
#include "simd_neon.hpp"

#include "bodies.hpp"

struct Tiles {
  static constexpr int rows = 4, vectors = 4, dot_columns = 4, offset_sums = 16;
  static constexpr int panel_registers = 32, panel_vectors = 4, pixels = 14, gradient_rows = 7;
};

constexpr GemmKernel<float> gemm_4x16_f32 = gemm_kernel<float, 4, 16>(128, 256, 480);
constexpr GemmKernel<double> gemm_4x8_f64 = gemm_kernel<double, 4, 8>(64, 256, 240);
}  // namespace

extern const Kernels neon_kernels;
const Kernels neon_kernels = {
    "neon",
    kernel_table<float, Tiles>(gemm_4x16_f32),
    kernel_table<double, Tiles>(gemm_4x8_f64),
    activation_kernel(),
};

}  // namespace gemmconv
