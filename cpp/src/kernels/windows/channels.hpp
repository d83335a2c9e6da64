// Contract of the correlations of pixels whose channels are contiguous (NHWC) with one kernel for each channel: the
// depthwise passes.
#pragma once

#include <cstdint>

namespace gemmconv {

template <class T>
struct ChannelWindowKernel {
  // y[p * y_step + c] = sum_t w[places[t] + c] * x[offsets[t] + p * x_step + c]      (p < pixels, c < channels, t < taps)
  // Sums start from zero.
  void (*correlate)(int64_t pixels, int64_t channels, int64_t taps, const T *w, const int64_t *places, const T *x,
                    const int64_t *offsets, int64_t x_step, T *y, int64_t y_step);
  // dw[places[t] + c] += sum_p dy[p * dy_step + c] * x[offsets[t] + p * x_step + c]
  // Sums start from dw.
  void (*gradient)(int64_t pixels, int64_t channels, int64_t taps, const T *dy, int64_t dy_step, const T *x,
                   const int64_t *offsets, int64_t x_step, T *dw, const int64_t *places);
};

}  // namespace gemmconv
