// Kernels for AArch64: 32 registers of 16 bytes.
#include <arm_neon.h>
#include <stdint.h>

#include "kernels.hpp"

namespace gemmconv {
namespace {
#include "simd_neon.hpp"

#include "gemm_body.hpp"

#include "direct_body.hpp"
}  // namespace

// The includes above stand in the unnamed namespace: nothing of them leaves this file, which is compiled for machines
// that the rest of the library must not assume.
extern const Kernels neon_kernels;
const Kernels neon_kernels = {
    "neon",
    gemm_kernel<float, 8, 3>(128, 256, 1536),
    gemm_kernel<double, 8, 3>(64, 256, 768),
    direct_kernel<float, 8, 3, 4>(),
    direct_kernel<double, 8, 3, 4>(),
};

}  // namespace gemmconv
