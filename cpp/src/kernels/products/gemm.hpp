// Contract of the blocked matrix product: packed panels and the register tile that multiplies them.
#pragma once

#include <cstdint>

namespace gemmconv {

template <class T>
struct GemmKernel {
  int mr, nr;      // rows and columns of the register tile
  int mc, kc, nc;  // cache blocks: a panel block mc x kc stays in L2, a sliver kc x nr in L1
  // c[i * ldc + j] (+)= sum over l < k of a[l * mr + i] * b[l * nr + j], for i < rows <= mr, j < columns <= nr;
  // nothing else is written. a and b are whole panels whatever rows and columns are. Sums start from zero and are added
  // to c with `accumulate`. The order of l is the order of addition: equal inputs give equal bits at any i, j and in any
  // tile.
  void (*tile)(int64_t k, const T *a, const T *b, T *c, int64_t ldc, int rows, int columns, bool accumulate);
  // One panel of width mr or nr: panel[l * width + i] = source[i * across + l * along] for i < count, zeros for
  // count <= i < width (l < k).
  void (*pack)(int64_t width, int64_t k, int64_t count, const T *source, int64_t across, int64_t along, T *panel);
  // c[i * c_row + j] (+)= sum_l a[i * a_row + l * a_col] * b[l * b_row + j] for i < m, j < n: the same bits as by
  // tiles, from operands that are not packed.
  void (*unpacked)(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b, int64_t b_row,
                   T *c, int64_t c_row, bool accumulate);
};

}  // namespace gemmconv
