// Contract of the sums over pixels that make the gradient of weights whose output channels are contiguous.
#pragma once

#include <cstdint>

namespace gemmconv {

template <class T>
struct WeightGradientKernel {
  int vectors;  // of output channels, at most
  // For `count` <= `vectors` vectors of output channels, i over taps of input channels:
  // dw[i * dw_row + j] += sum_{h < height, p < width} x[offsets[i] + h * x_row + p] * dy[(h * width + p) * dy_row + j]
  //                                                                           (i < m, j < count * lanes)
  // Sums start from dw.
  void (*sums)(int count, int64_t m, int64_t height, int64_t width, const T *x, const int64_t *offsets, int64_t x_row,
               const T *dy, int64_t dy_row, T *dw, int64_t dw_row);
};

}  // namespace gemmconv
