// Kernels for any machine this library is compiled for: what follows fits 16 registers of 16 bytes.
#include <stdint.h>

#include "../kernels.hpp"

namespace gemmconv {
namespace {  // nothing of the bodies leaves this file: others are compiled for other machines
#include "simd_portable.hpp"

#include "bodies.hpp"

struct Tiles {
  static constexpr int rows = 4, vectors = 2, dot_columns = 2, offset_sums = 8;
  static constexpr int panel_registers = 16, panel_vectors = 2, pixels = 6, gradient_rows = 3;
};

constexpr GemmKernel<float> gemm_4x8_f32 = gemm_kernel<float, 4, 8>(128, 256, 480);
constexpr GemmKernel<double> gemm_4x4_f64 = gemm_kernel<double, 4, 4>(64, 256, 240);
}  // namespace

extern const Kernels portable_kernels;
const Kernels portable_kernels = {
    "portable",
    kernel_table<float, Tiles>(gemm_4x8_f32),
    kernel_table<double, Tiles>(gemm_4x4_f64),
    activation_kernel(),
};

}  // namespace gemmconv
