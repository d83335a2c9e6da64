// Kernels for x86-64 with AVX2 and FMA: 16 registers of 32 bytes.
#include <immintrin.h>
#include <stdint.h>

#include "../kernels.hpp"

namespace gemmconv {
namespace {  // nothing of the bodies leaves this file: others are compiled for other machines
#include "simd_avx2.hpp"

#include "bodies.hpp"

struct Tiles {
  static constexpr int rows = 6, vectors = 2, dot_columns = 2, offset_sums = 8;
  static constexpr int panel_registers = 16, panel_vectors = 2, pixels = 6, gradient_rows = 3;
};

constexpr GemmKernel<float> gemm_6x16_f32 = gemm_kernel<float, 6, 16>(120, 256, 480);
constexpr GemmKernel<double> gemm_6x8_f64 = gemm_kernel<double, 6, 8>(96, 256, 240);
}  // namespace

extern const Kernels avx2_kernels;
const Kernels avx2_kernels = {
    "avx2",
    kernel_table<float, Tiles>(gemm_6x16_f32),
    kernel_table<double, Tiles>(gemm_6x8_f64),
    activation_kernel(),
};

}  // namespace gemmconv
