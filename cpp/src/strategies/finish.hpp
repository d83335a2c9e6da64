// The last write of a pass, bias and activation: over neighbours, for strategies that finish block by block, and over a
// whole output, for those that cannot.
#pragma once

#include <type_traits>

#include "../epilogue.hpp"
#include "../geometry.hpp"
#include "../kernels/kernels.hpp"
#include "../threads.hpp"

namespace gemmconv {

// y = sigma(y + bias) over `count` neighbours that share one bias.
template <class T>
inline void finish(Activation activation, T bias, T *y, int64_t count) {
  with_activation(activation, [&](auto constant) {
    constexpr Activation sigma = decltype(constant)::value;
    if constexpr (sigma == Activation::identity) {
      if (bias == T(0)) return;
    } else if constexpr (std::is_same_v<T, float> && (sigma == Activation::sigmoid || sigma == Activation::tanh)) {
      for (int64_t i = 0; i < count; ++i) y[i] += bias;
      const ActivationKernel &table = kernels().activation_f32;
      return (sigma == Activation::tanh ? table.tanh : table.sigmoid)(count, y, y);
    }
    for (int64_t i = 0; i < count; ++i) y[i] = activated(sigma, y[i] + bias);
  });
}

// The same over `pixels` rows of `channels` neighbours, a bias per channel (or nullptr): the channels-last order.
template <class T>
inline void finish_pixels(Activation activation, const T *bias, T *y, int64_t pixels, int64_t channels,
                          int64_t row_stride) {
  for (int64_t p = 0; p < pixels; ++p, y += row_stride) {
    if (bias)
      for (int64_t k = 0; k < channels; ++k) y[k] += bias[k];
    finish(activation, T(0), y, channels);
  }
}

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
