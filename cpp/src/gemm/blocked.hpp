// The blocked GEMM: five loops around a register tile, operands packed into panels that fit the caches (K. Goto and
// R. van de Geijn, "Anatomy of high-performance matrix multiplication", 2008; loop names as in BLIS).
//
// An element of c is the sum over the blocks of k, in their order, of the tile's sums; how k is divided depends on k
// alone. So its bits depend neither on threads, nor on m and n, nor on its position, nor on any other row or column.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "../kernels/kernels.hpp"
#include "../threads.hpp"
#include "pack.hpp"

namespace gemmconv {

// The rows and columns of c that one thread computes.
struct Part {
  int64_t m_begin, m_end, n_begin, n_end;
};

// How a product is divided: over threads, and into cache blocks.
struct GemmBlocking {
  int64_t mc, nc, kc;     // largest blocks
  int parts;              // independent pieces, one a thread, of ...
  bool split_n;           // ... columns, or else of rows
  int64_t part_step;      // rows or columns that stay together: the tile's
  size_t a_size, b_size;  // elements of packed panels a part needs; both a whole number of cache lines

  size_t part_size() const { return a_size + b_size; }
  Part part(int number, int64_t m, int64_t n) const {
    const int64_t steps = ((split_n ? n : m) + part_step - 1) / part_step;
    const int64_t begin = steps * number / parts * part_step, end = steps * (number + 1) / parts * part_step;
    return split_n ? Part{0, m, begin, std::min(end, n)} : Part{begin, std::min(end, m), 0, n};
  }
};

template <class T>
GemmBlocking make_blocking(const GemmKernel<T> &kernel, int threads, int64_t m, int64_t n, int64_t k) {
  GemmBlocking blocking{};
  const int64_t k_blocks = std::max<int64_t>(1, (k + kernel.kc - 1) / kernel.kc);
  blocking.kc = (k + k_blocks - 1) / k_blocks;
  const int64_t m_tiles = (m + kernel.mr - 1) / kernel.mr, n_tiles = (n + kernel.nr - 1) / kernel.nr;
  blocking.split_n = n_tiles >= m_tiles;
  blocking.part_step = blocking.split_n ? kernel.nr : kernel.mr;
  blocking.parts = static_cast<int>(std::max<int64_t>(1, std::min<int64_t>(threads, std::max(m_tiles, n_tiles))));
  blocking.mc = std::min<int64_t>(kernel.mc, m_tiles * kernel.mr);
  blocking.nc = std::min<int64_t>(kernel.nc, n_tiles * kernel.nr);
  const int64_t cache_line = 64 / sizeof(T);
  blocking.a_size = static_cast<size_t>(rounded_up(rounded_up(blocking.mc, kernel.mr) * blocking.kc, cache_line));
  blocking.b_size = static_cast<size_t>(rounded_up(rounded_up(blocking.nc, kernel.nr) * blocking.kc, cache_line));
  return blocking;
}

template <class T>
size_t blocked_workspace_bytes(const GemmKernel<T> &kernel, int threads, int64_t m, int64_t n, int64_t k) {
  const GemmBlocking blocking = make_blocking(kernel, threads, m, n, k);
  return blocking.part_size() * static_cast<size_t>(blocking.parts) * sizeof(T);
}

// c[i * ldc + j] (+)= sum_l a(i, l) b(l, j), a and b read by their packers (see pack.hpp). The workspace holds
// blocked_workspace_bytes, 64-byte aligned.
template <class T, class PackA, class PackB>
void blocked_gemm(const GemmKernel<T> &kernel, int threads, int64_t m, int64_t n, int64_t k, const PackA &pack_a,
                  const PackB &pack_b, T *c, int64_t ldc, bool accumulate, void *workspace) {
  const GemmBlocking blocking = make_blocking(kernel, threads, m, n, k);
  parallel(blocking.parts, [&](int number) {
    const Part part = blocking.part(number, m, n);
    T *a_panels = static_cast<T *>(workspace) + blocking.part_size() * static_cast<size_t>(number);
    T *b_panels = a_panels + blocking.a_size;
    // Column blocks: as many columns of b as stay in the last cache.
    for (int64_t jc = part.n_begin; jc < part.n_end; jc += blocking.nc) {
      const int64_t nc = std::min(blocking.nc, part.n_end - jc);
      // Blocks of k, always in this order: b's block is packed once and used by every row.
      // (For k = 0 one empty block, which writes zeros.)
      for (int64_t pc = 0; pc < k || pc == 0; pc += std::max<int64_t>(blocking.kc, 1)) {
        const int64_t kc = std::min(blocking.kc, k - pc);
        const bool add = accumulate || pc > 0;
        pack_b(b_panels, pc, kc, jc, nc);
        // Row blocks: a's block is packed to stay in the second-level cache.
        for (int64_t ic = part.m_begin; ic < part.m_end; ic += blocking.mc) {
          const int64_t mc = std::min(blocking.mc, part.m_end - ic);
          pack_a(a_panels, pc, kc, ic, mc);
          // Panels of b: one stays in the first-level cache while ...
          for (int64_t jr = 0; jr < nc; jr += kernel.nr) {
            // ... all panels of a are multiplied with it, a register tile each.
            for (int64_t ir = 0; ir < mc; ir += kernel.mr) {
              kernel.tile(kc, a_panels + ir * kc, b_panels + jr * kc, c + (ic + ir) * ldc + jc + jr, ldc,
                          static_cast<int>(std::min<int64_t>(kernel.mr, mc - ir)),
                          static_cast<int>(std::min<int64_t>(kernel.nr, nc - jr)), add);
            }
          }
        }
      }
    }
  });
}

}  // namespace gemmconv
