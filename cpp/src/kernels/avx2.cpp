// Kernels for x86-64 with AVX2 and FMA: 16 registers of 32 bytes.
#include <immintrin.h>
#include <stdint.h>

#include "kernels.hpp"

namespace gemmconv {
namespace {
#include "simd_avx2.hpp"

#include "gemm_body.hpp"

#include "direct_body.hpp"
}  // namespace

// The includes above stand in the unnamed namespace: nothing of them leaves this file, which is compiled for machines
// that the rest of the library must not assume.
extern const Kernels avx2_kernels;
const Kernels avx2_kernels = {
    "avx2",
    gemm_kernel<float, 4, 3>(128, 256, 1536),
    gemm_kernel<double, 4, 3>(64, 256, 768),
    direct_kernel<float, 4, 3, 2>(),
    direct_kernel<double, 4, 3, 2>(),
};

}  // namespace gemmconv
