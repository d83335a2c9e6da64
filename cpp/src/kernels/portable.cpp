// Kernels for any machine this library is compiled for.
#include <stdint.h>

#include "kernels.hpp"

namespace gemmconv {
namespace {
#include "simd_portable.hpp"

#include "gemm_body.hpp"

#include "direct_body.hpp"
}  // namespace

// The includes above stand in the unnamed namespace: nothing of them leaves this file, which is compiled for machines
// that the rest of the library must not assume.
extern const Kernels portable_kernels;
const Kernels portable_kernels = {
    "portable",
    gemm_kernel<float, 4, 2>(128, 256, 1024),
    gemm_kernel<double, 4, 2>(64, 256, 512),
    direct_kernel<float, 4, 2, 2>(),
    direct_kernel<double, 4, 2, 2>(),
};

}  // namespace gemmconv
