// Index arithmetic of a sliding window along one axis: plain integers and no std, so that the same text compiles as C++
// and as CUDA.
#pragma once

#include <stdint.h>

#if defined(__CUDACC__)
#define GEMMCONV_BOTH __host__ __device__
#else
#define GEMMCONV_BOTH
#endif

namespace gemmconv {

// One spatial axis of a window operation. Output o under tap t reads the input cell o * stride + tap_offset(t).
struct Axis {
  int64_t input, kernel, stride, dilation, padding_low, output;
};

struct Range {
  int64_t begin, end;  // empty when end <= begin
};

// The input cell that tap `tap` of output 0 reads; negative cells are padding. flip reads the kernel backwards
// (mathematical convolution).
GEMMCONV_BOTH inline int64_t tap_offset(const Axis &axis, int64_t tap, bool flip) {
  return (flip ? axis.kernel - 1 - tap : tap) * axis.dilation - axis.padding_low;
}

GEMMCONV_BOTH inline int64_t ceil_div(int64_t a, int64_t b) {  // b > 0, any sign of a
  return a >= 0 ? (a + b - 1) / b : -((-a) / b);
}

// The outputs o with 0 <= o * stride + offset < input.
GEMMCONV_BOTH inline Range outputs_inside(const Axis &axis, int64_t offset) {
  int64_t begin = offset >= 0 ? 0 : ceil_div(-offset, axis.stride);
  int64_t end = ceil_div(axis.input - offset, axis.stride);
  if (begin > axis.output) begin = axis.output;
  if (end > axis.output) end = axis.output;
  return Range{begin, end < begin ? begin : end};
}

// The taps t (unflipped) with 0 <= start + t * dilation < input, for a window that starts at cell `start`.
GEMMCONV_BOTH inline Range taps_inside(const Axis &axis, int64_t start) {
  int64_t begin = start >= 0 ? 0 : ceil_div(-start, axis.dilation);
  int64_t end = ceil_div(axis.input - start, axis.dilation);
  if (begin > axis.kernel) begin = axis.kernel;
  if (end > axis.kernel) end = axis.kernel;
  return Range{begin, end < begin ? begin : end};
}

}  // namespace gemmconv
