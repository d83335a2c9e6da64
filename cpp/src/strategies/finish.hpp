// Bias and activation over a whole output, for strategies that cannot apply them block by block.
#pragma once

#include "../epilogue.hpp"
#include "../geometry.hpp"
#include "../threads.hpp"

namespace gemmconv {

template <class T>
void finish_tensor(Layout layout, int threads, Activation activation, const T *bias, T *y, int64_t batch,
                   int64_t channels, int64_t pixels) {
  if (!bias && activation == Activation::identity) return;
  if (layout == Layout::nchw) {
    parallel_ranges(threads, batch * channels, [&](int64_t begin, int64_t end) {
      for (int64_t plane = begin; plane < end; ++plane) {
        finish(activation, bias ? bias[plane % channels] : T(0), y + plane * pixels, pixels);
      }
    });
  } else {
    parallel_ranges(threads, batch * pixels, [&](int64_t begin, int64_t end) {
      finish_pixels(activation, bias, y + begin * channels, end - begin, channels, channels);
    });
  }
}

}  // namespace gemmconv
