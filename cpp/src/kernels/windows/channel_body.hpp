// Depthwise products on tensors whose channels are contiguous, written once over Simd<T>: see ChannelWindowKernel. Vectors
// lie along the channels, so that padding, stride and dilation only say which taps there are and where they read.

// `pixels` x `vectors` vectors of y; a load of the weights serves all of the pixels.
template <class T, int pixels, int vectors, bool whole>
[[gnu::always_inline]] inline void channel_tile(int64_t taps, const T *w, const int64_t *places, const T *x,
                                                const int64_t *offsets, int64_t x_step, T *y, int64_t y_step,
                                                typename Simd<T>::Part last) {
  using S = Simd<T>;
  typename S::Vector sum[pixels][vectors];
#pragma GCC unroll 32
  for (int p = 0; p < pixels; ++p) {
#pragma GCC unroll 32
    for (int j = 0; j < vectors; ++j) sum[p][j] = S::zero();
  }
  for (int64_t t = 0; t < taps; ++t) {
    const T *left = w + places[t], *right = x + offsets[t];
#pragma GCC unroll 32
    for (int j = 0; j < vectors; ++j) {
      const bool all = whole || j < vectors - 1;
      const typename S::Vector weight = all ? S::load(left + j * S::lanes) : S::load(left + j * S::lanes, last);
#pragma GCC unroll 32
      for (int p = 0; p < pixels; ++p) {
        const T *from = right + p * x_step + j * S::lanes;
        sum[p][j] = S::fma(weight, all ? S::load(from) : S::load(from, last), sum[p][j]);
      }
    }
  }
  write_tile<T, pixels, vectors, whole>(sum, y, y_step, pixels, last, false);
}

// All channels of `pixels` pixels, by two vectors, then one, then a part of one.
template <class T, int pixels>
[[gnu::noinline]] void channel_pixels(int64_t channels, int64_t taps, const T *w, const int64_t *places, const T *x,
                                      const int64_t *offsets, int64_t x_step, T *y, int64_t y_step) {
  constexpr int lanes = Simd<T>::lanes;
  const typename Simd<T>::Part last = Simd<T>::part(static_cast<int>(channels % lanes));
  int64_t c = 0;
  for (; c + 2 * lanes <= channels; c += 2 * lanes) {
    channel_tile<T, pixels, 2, true>(taps, w + c, places, x + c, offsets, x_step, y + c, y_step, last);
  }
  if (c + lanes <= channels) {
    channel_tile<T, pixels, 1, true>(taps, w + c, places, x + c, offsets, x_step, y + c, y_step, last);
    c += lanes;
  }
  if (c < channels) channel_tile<T, pixels, 1, false>(taps, w + c, places, x + c, offsets, x_step, y + c, y_step, last);
}

template <class T>
void channel_correlate(int64_t pixels, int64_t channels, int64_t taps, const T *w, const int64_t *places, const T *x,
                       const int64_t *offsets, int64_t x_step, T *y, int64_t y_step) {
  for (; pixels >= 4; pixels -= 4, x += 4 * x_step, y += 4 * y_step) {
    channel_pixels<T, 4>(channels, taps, w, places, x, offsets, x_step, y, y_step);
  }
  if (pixels == 3) return channel_pixels<T, 3>(channels, taps, w, places, x, offsets, x_step, y, y_step);
  if (pixels == 2) return channel_pixels<T, 2>(channels, taps, w, places, x, offsets, x_step, y, y_step);
  if (pixels == 1) return channel_pixels<T, 1>(channels, taps, w, places, x, offsets, x_step, y, y_step);
}

// dw of `taps` taps and one vector of channels: the sums stay in registers while the pixels run.
template <class T, int taps, bool whole>
[[gnu::always_inline]] inline void channel_dots(int64_t pixels, const T *dy, int64_t dy_step, const T *x,
                                                const int64_t *offsets, int64_t x_step, T *dw, const int64_t *places,
                                                typename Simd<T>::Part last) {
  using S = Simd<T>;
  typename S::Vector sum[taps];
  const T *right[taps];
#pragma GCC unroll 32
  for (int t = 0; t < taps; ++t) {
    sum[t] = whole ? S::load(dw + places[t]) : S::load(dw + places[t], last);
    right[t] = x + offsets[t];
  }
  for (int64_t p = 0, at = 0; p < pixels; ++p, at += x_step, dy += dy_step) {
    const typename S::Vector left = whole ? S::load(dy) : S::load(dy, last);
#pragma GCC unroll 32
    for (int t = 0; t < taps; ++t) {
      sum[t] = S::fma(left, whole ? S::load(right[t] + at) : S::load(right[t] + at, last), sum[t]);
    }
  }
#pragma GCC unroll 32
  for (int t = 0; t < taps; ++t) {
    if (whole) {
      S::store(dw + places[t], sum[t]);
    } else {
      S::store(dw + places[t], sum[t], last);
    }
  }
}

template <class T, int taps>
[[gnu::noinline]] void channel_taps(int64_t pixels, int64_t channels, const T *dy, int64_t dy_step, const T *x,
                                    const int64_t *offsets, int64_t x_step, T *dw, const int64_t *places) {
  constexpr int lanes = Simd<T>::lanes;
  const typename Simd<T>::Part last = Simd<T>::part(static_cast<int>(channels % lanes));
  int64_t c = 0;
  for (; c + lanes <= channels; c += lanes) {
    channel_dots<T, taps, true>(pixels, dy + c, dy_step, x + c, offsets, x_step, dw + c, places, last);
  }
  if (c < channels) {
    channel_dots<T, taps, false>(pixels, dy + c, dy_step, x + c, offsets, x_step, dw + c, places, last);
  }
}

// Taps by nines (a 3x3 kernel), then by what is left.
template <class T>
void channel_gradient(int64_t pixels, int64_t channels, int64_t taps, const T *dy, int64_t dy_step, const T *x,
                      const int64_t *offsets, int64_t x_step, T *dw, const int64_t *places) {
  const auto all = [&](auto kernel, int64_t count) {
    for (; taps >= count; taps -= count, offsets += count, places += count) {
      kernel(pixels, channels, dy, dy_step, x, offsets, x_step, dw, places);
    }
  };
  all(channel_taps<T, 9>, 9);
  all(channel_taps<T, 6>, 6);
  all(channel_taps<T, 4>, 4);
  all(channel_taps<T, 2>, 2);
  all(channel_taps<T, 1>, 1);
}
