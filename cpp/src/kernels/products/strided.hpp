// Contract of the products whose operands are matrices with strides, read without packing.
#pragma once

#include <cstdint>

namespace gemmconv {

template <class T>
struct StridedKernel {
  // c[i * c_row + j] += sum_l a[i * a_row + l * a_col] * b[l * b_row + j]     (i < m, j < n, l < k)
  // Vectors lie along j. Sums start from zero and are added to c.
  void (*outer)(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b, int64_t b_row,
                T *c, int64_t c_row);
  // c[i * c_row + j * c_col] += sum_l a[i * a_row + l] * b[j * b_row + l]      (i < m, j < n, l < k)
  // Vectors lie along l. Sums start from zero and are added to c.
  void (*dot)(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, const T *b, int64_t b_row, T *c,
              int64_t c_row, int64_t c_col);
};

}  // namespace gemmconv
