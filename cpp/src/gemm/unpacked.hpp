// The blocked GEMM on operands that stay where they are: a always, b where its rows are contiguous (else it is packed).
// Today's caches and prefetchers need packed panels less than those of 2008: on a Zen 5 (AVX-512, float32, share of the
// peak, packed and not) 40 and 90 % for m = 8, 85 and 97 % for m = 64, n = 3136, 87 and 91 % for m = 512, k = 4608.
// Blocks of k and the order inside them are those of blocked_gemm, and so are the bits.
#pragma once

#include "blocked.hpp"

namespace gemmconv {

// Whether gemm() uses the unpacked product. Not with many rows of c where rows of b lie a multiple of 2 KiB apart:
// those share few cache sets, and each tile reads them again.
template <class T>
bool prefers_unpacked(const GemmKernel<T> &kernel, int64_t m, const View<T> &b) {
  return b.col != 1 || b.row * static_cast<int64_t>(sizeof(T)) % 2048 != 0 || m <= 32 * kernel.mr;
}

// c[i * ldc + j] (+)= sum_l a(i, l) b(l, j); workspace as for blocked_gemm.
template <class T>
void unpacked_gemm(const GemmKernel<T> &kernel, int threads, int64_t m, int64_t n, int64_t k, const View<T> &a,
                   const View<T> &b, T *c, int64_t ldc, bool accumulate, void *workspace) {
  const GemmBlocking blocking = make_blocking(kernel, threads, m, n, k);
  const auto pack_b = right_packer(kernel, b);
  parallel(blocking.parts, [&](int number) {
    const Part part = blocking.part(number, m, n);
    T *panels = static_cast<T *>(workspace) + blocking.part_size() * static_cast<size_t>(number);
    // Column blocks, ...
    for (int64_t jc = part.n_begin; jc < part.n_end; jc += blocking.nc) {
      const int64_t nc = std::min(blocking.nc, part.n_end - jc);
      // ... blocks of k, ...
      for (int64_t pc = 0; pc < k || pc == 0; pc += std::max<int64_t>(blocking.kc, 1)) {
        const int64_t kc = std::min(blocking.kc, k - pc);
        const bool add = accumulate || pc > 0;
        if (b.col != 1) pack_b(panels, pc, kc, jc, nc);
        // ... row blocks, ...
        for (int64_t ic = part.m_begin; ic < part.m_end; ic += blocking.mc) {
          const int64_t mc = std::min(blocking.mc, part.m_end - ic);
          const T *left = a.data + ic * a.row + pc * a.col;
          T *target = c + ic * ldc + jc;
          if (b.col == 1) {
            kernel.unpacked(mc, nc, kc, left, a.row, a.col, b.data + pc * b.row + jc, b.row, target, ldc, add);
            continue;
          }
          // ... and panels of b, where it is packed.
          for (int64_t jr = 0; jr < nc; jr += kernel.nr) {
            kernel.unpacked(mc, std::min<int64_t>(kernel.nr, nc - jr), kc, left, a.row, a.col, panels + jr * kc,
                            kernel.nr, target + jr, ldc, add);
          }
        }
      }
    }
  });
}

}  // namespace gemmconv
