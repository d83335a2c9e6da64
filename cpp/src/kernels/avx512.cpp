// Kernels for x86-64 with AVX-512 F, VL, DQ: 32 registers of 64 bytes.
// GCC 12 takes the "undefined" operands inside its own intrinsics for our mistake (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#include <stdint.h>

#include "kernels.hpp"

namespace gemmconv {
namespace {
#include "simd_avx512.hpp"

#include "gemm_body.hpp"

#include "direct_body.hpp"
}  // namespace

// The includes above stand in the unnamed namespace: nothing of them leaves this file, which is compiled for machines
// that the rest of the library must not assume.
extern const Kernels avx512_kernels;
const Kernels avx512_kernels = {
    "avx512",
    gemm_kernel<float, 8, 3>(128, 256, 1536),
    gemm_kernel<double, 8, 3>(64, 256, 768),
    direct_kernel<float, 8, 3, 4>(),
    direct_kernel<double, 8, 3, 4>(),
};

}  // namespace gemmconv
