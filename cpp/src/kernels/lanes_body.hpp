// Target channels in the lanes, pixels one by one in all of them, written once over Simd<T>: see LanesKernel. Stride,
// dilation and padding are in the offsets alone. The weights stream past in order and are fetched 16 taps ahead.

template <class T, int rows, int vectors>
[[gnu::noinline]] void lanes_tile(int64_t k, const T *x, const int64_t *offsets, const T *w, int64_t w_row, T *sums,
                                  int64_t sums_row, bool accumulate) {
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
      T *target = sums + i * sums_row + j * S::lanes;
      S::store(target, accumulate ? S::add(S::load(target), sum[i][j]) : sum[i][j]);
    }
  }
}

// One tile of exactly `count` <= `rows` pixels.
template <class T, int rows, int vectors>
void lanes_count(int64_t count, int64_t k, const T *x, const int64_t *offsets, const T *w, int64_t w_row, T *sums,
                 int64_t sums_row, bool accumulate) {
  if constexpr (rows > 1) {
    if (count < rows)
      return lanes_count<T, rows - 1, vectors>(count, k, x, offsets, w, w_row, sums, sums_row, accumulate);
  }
  lanes_tile<T, rows, vectors>(k, x, offsets, w, w_row, sums, sums_row, accumulate);
}

// A row of pixels in tiles of nearly equal size.
template <class T, int rows, int vectors>
void lanes_row(int64_t m, int64_t k, const T *x, const int64_t *offsets, const T *w, int64_t w_row, T *sums,
               int64_t sums_row, bool accumulate) {
  const int64_t tiles = (m + rows - 1) / rows;
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const int64_t first = m * tile / tiles, end = m * (tile + 1) / tiles;
    lanes_count<T, rows, vectors>(end - first, k, x + first, offsets, w, w_row, sums + first * sums_row, sums_row,
                                  accumulate);
  }
}

// The table's row: tiles of `rows` pixels by one or two vectors.
template <class T, int rows>
constexpr LanesKernel<T> lanes_kernel() {
  return LanesKernel<T>{Simd<T>::lanes, {lanes_row<T, rows, 1>, lanes_row<T, rows, 2>}};
}
