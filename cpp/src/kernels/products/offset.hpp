// Contract of the products whose right operand is read at offsets: the taps of a padded plane, each a shifted view of it.
#pragma once

#include <cstdint>

namespace gemmconv {

template <class T>
struct OffsetKernel {
  // c[i * c_row + j] (+)= sum_l a[i * a_row + l * a_col] * b[offsets[l] + j]    (i < m, j < n, l < k)
  // Vectors lie along j. Sums start from zero and are added to c with `accumulate`.
  void (*outer)(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b,
                const int64_t *offsets, T *c, int64_t c_row, bool accumulate);
  // c[i * c_row + l] += sum_j a[i * a_row + j] * b[offsets[l] + j]             (i < m, j < n, l < k)
  // Vectors lie along j. Sums start from zero and are added to c.
  void (*dot)(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, const T *b, const int64_t *offsets, T *c,
              int64_t c_row);
};

}  // namespace gemmconv
