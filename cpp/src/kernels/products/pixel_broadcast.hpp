// Contract of the product of a row of pixels with weights whose target channels are contiguous: they fill the lanes of a
// vector and a pixel is broadcast to all of them, whatever the layout of the tensors.
#pragma once

#include <cstdint>

namespace gemmconv {

template <class T>
struct PixelBroadcastKernel {
  // For one vector (row[0]) or two (row[1]) of target channels:
  // y[i * y_row + j] (+)= sum_l x[offsets[l] + i] * w[l * w_row + j]           (i < m, j < lanes or 2 lanes, l < k)
  // Sums start from zero and are added to y with `accumulate`.
  void (*row[2])(int64_t m, int64_t k, const T *x, const int64_t *offsets, const T *w, int64_t w_row, T *y,
                 int64_t y_row, bool accumulate);
};

}  // namespace gemmconv
