// Products with target channels in the lanes, written once over Simd<T>: see PixelBroadcastKernel. A row of the tile is
// a pixel, broadcast to all lanes. Stride, dilation and padding are in the offsets alone. The weights are read in order
// and prefetched 16 taps ahead.

template <class T, int rows, int vectors>
[[gnu::noinline]] void pixel_broadcast_tile(int64_t k, const T *x, const int64_t *offsets, const T *w, int64_t w_row,
                                            T *y, int64_t y_row, bool accumulate) {
  using S = Simd<T>;
  typename S::Vector sum[rows][vectors];
#pragma GCC unroll 32
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 32
    for (int j = 0; j < vectors; ++j) sum[i][j] = S::zero();
  }
  for (int64_t l = 0; l < k; ++l) {
    const T *pixels = x + offsets[l];
    typename S::Vector right[vectors];
#pragma GCC unroll 32
    for (int j = 0; j < vectors; ++j) {
      __builtin_prefetch(w + 16 * w_row + j * S::lanes);
      right[j] = S::load(w + j * S::lanes);
    }
#pragma GCC unroll 32
    for (int i = 0; i < rows; ++i) {
      const typename S::Vector left = S::broadcast(pixels[i]);
#pragma GCC unroll 32
      for (int j = 0; j < vectors; ++j) sum[i][j] = S::fma(left, right[j], sum[i][j]);
    }
    w += w_row;
  }
#pragma GCC unroll 32
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 32
    for (int j = 0; j < vectors; ++j) {
      T *target = y + i * y_row + j * S::lanes;
      S::store(target, accumulate ? S::add(S::load(target), sum[i][j]) : sum[i][j]);
    }
  }
}

// The tile of exactly `count` <= `rows` pixels.
template <class T, int rows, int vectors>
void pixel_broadcast_dispatch(int64_t count, int64_t k, const T *x, const int64_t *offsets, const T *w, int64_t w_row,
                              T *y, int64_t y_row, bool accumulate) {
  if constexpr (rows > 1) {
    if (count < rows)
      return pixel_broadcast_dispatch<T, rows - 1, vectors>(count, k, x, offsets, w, w_row, y, y_row, accumulate);
  }
  pixel_broadcast_tile<T, rows, vectors>(k, x, offsets, w, w_row, y, y_row, accumulate);
}

// A row of pixels in tiles of nearly equal size.
template <class T, int rows, int vectors>
void pixel_broadcast_row(int64_t m, int64_t k, const T *x, const int64_t *offsets, const T *w, int64_t w_row, T *y,
                         int64_t y_row, bool accumulate) {
  const int64_t tiles = (m + rows - 1) / rows;
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const int64_t first = m * tile / tiles, end = m * (tile + 1) / tiles;
    pixel_broadcast_dispatch<T, rows, vectors>(end - first, k, x + first, offsets, w, w_row, y + first * y_row, y_row,
                                               accumulate);
  }
}
