// A matrix product by BLAS where that is asked for and can do it, else by the blocked GEMM.
#include "gemm.hpp"

#include "blas.hpp"
#include "unpacked.hpp"

namespace gemmconv {

namespace {

// For a product that BLAS was to do and refused (strides without a 1, numbers beyond its integers), for which no
// workspace was asked: one panel of each operand at a time, on the stack. Slow and rare.
template <class T>
void gemm_on_stack(GemmKernel<T> kernel, int64_t m, int64_t n, int64_t k, View<T> a, View<T> b, T *c, int64_t ldc,
                   bool accumulate) {
  constexpr int elements = 32768 / sizeof(T), cache_line = 64 / sizeof(T);
  alignas(64) T panels[elements];
  kernel.mc = kernel.mr;
  kernel.nc = kernel.nr;
  kernel.kc = (elements - 2 * cache_line) / (kernel.mr + kernel.nr);
  blocked_gemm(kernel, 1, m, n, k, left_packer(kernel, a), right_packer(kernel, b), c, ldc, accumulate, panels);
}

}  // namespace

template <class T>
size_t gemm_workspace_bytes(const GemmEngine &engine, int64_t m, int64_t n, int64_t k) {
  if (engine.blas || m <= 0 || n <= 0) return 0;
  return blocked_workspace_bytes(kernels<T>().gemm, engine.threads, m, n, k);
}

template <class T>
void gemm(const GemmEngine &engine, int64_t m, int64_t n, int64_t k, View<T> a, View<T> b, T *c, int64_t ldc,
          bool accumulate, void *workspace) {
  if (m <= 0 || n <= 0) return;
  const GemmKernel<T> &kernel = kernels<T>().gemm;
  if (engine.blas) {
    if (!blas_gemm(m, n, k, a, b, c, ldc, accumulate)) gemm_on_stack(kernel, m, n, k, a, b, c, ldc, accumulate);
    return;
  }
  if (prefers_unpacked(kernel, m, b)) {
    unpacked_gemm(kernel, engine.threads, m, n, k, a, b, c, ldc, accumulate, workspace);
  } else {
    blocked_gemm(kernel, engine.threads, m, n, k, left_packer(kernel, a), right_packer(kernel, b), c, ldc, accumulate,
                 workspace);
  }
}

template size_t gemm_workspace_bytes<float>(const GemmEngine &, int64_t, int64_t, int64_t);
template size_t gemm_workspace_bytes<double>(const GemmEngine &, int64_t, int64_t, int64_t);
template void gemm<float>(const GemmEngine &, int64_t, int64_t, int64_t, View<float>, View<float>, float *, int64_t,
                          bool, void *);
template void gemm<double>(const GemmEngine &, int64_t, int64_t, int64_t, View<double>, View<double>, double *, int64_t,
                           bool, void *);

}  // namespace gemmconv
