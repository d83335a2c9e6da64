// Kernels for x86-64 with AVX-512 F, VL, DQ, BW: 32 registers of 64 bytes.
#if !defined(__clang__)  // GCC 12 takes "undefined" operands inside its own intrinsics for our mistake (GCC bug 105593)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#include <stdint.h>

#include "../kernels.hpp"

namespace gemmconv {
namespace {  // nothing of the bodies leaves this file: others are compiled for other machines
#include "simd_avx512.hpp"

#include "bodies.hpp"

struct Tiles {
  static constexpr int rows = 8, vectors = 3, dot_columns = 4, offset_sums = 16;
  static constexpr int panel_registers = 32, panel_vectors = 4, pixels = 14, gradient_rows = 7;
};

constexpr GemmKernel<float> gemm_8x48_f32 = gemm_kernel<float, 8, 48>(256, 384, 480);
constexpr GemmKernel<double> gemm_8x24_f64 = gemm_kernel<double, 8, 24>(192, 256, 480);
}  // namespace

extern const Kernels avx512_kernels;
const Kernels avx512_kernels = {
    "avx512",
    kernel_table<float, Tiles>(gemm_8x48_f32),
    kernel_table<double, Tiles>(gemm_8x24_f64),
    activation_kernel(),
};

}  // namespace gemmconv
