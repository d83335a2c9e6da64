// Contract of the product of a strided matrix, such as the weights where they lie, with a panel of patches.
#pragma once

#include <cstdint>

namespace gemmconv {

// c[i * c_row + j] = start + sum_l a(i, l) b(l, j) for i < m, j < n, where column l = u * inner + t of a is
// a(i, l) = a[i * a_row + u * (inner * a_inner + a_skip) + t * a_inner] (u < outer, t < inner) and row l of b starts at
// b + l * b_row or, if there are b_offsets, at b + b_offsets[l]. `start` is the row's bias or 0; with `accumulate`, sums
// start from zero and are added to c. Rows of b are read in whole vectors. `stream` writes c with non-temporal stores,
// where its alignment allows them. With `copy` (not together with b_offsets), b is read once, by the first rows of c,
// which copy it to a panel with rows of `copy_row`; the other rows read the copy.
template <class T>
struct PanelProduct {
  int64_t m, n;
  const T *a;
  int64_t a_row, inner, a_inner, outer, a_skip;
  const T *b;
  int64_t b_row;
  const int64_t *b_offsets;
  T *c;
  int64_t c_row;
  const T *bias;
  bool accumulate, stream;
  T *copy;
  int64_t copy_row;
};

template <class T>
struct PanelKernel {
  int columns;  // of the widest tile
  void (*product)(const PanelProduct<T> &);
};

}  // namespace gemmconv
