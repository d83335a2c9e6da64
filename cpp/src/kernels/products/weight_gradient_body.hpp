// Sums over pixels for the weight gradient, written once over Simd<T>: see WeightGradientKernel. A row of the tile is a
// tap of an input channel, read in place and broadcast to all lanes; the lanes are output channels.

template <class T, int rows, int vectors>
[[gnu::noinline]] void weight_gradient_tile(int64_t height, int64_t width, const T *x, const int64_t *offsets,
                                            int64_t x_row, const T *dy, int64_t dy_row, T *dw, int64_t dw_row) {
  using S = Simd<T>;
  typename S::Vector sum[rows][vectors];
#pragma GCC unroll 32
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 32
    for (int j = 0; j < vectors; ++j) sum[i][j] = S::load(dw + i * dw_row + j * S::lanes);
  }
  const T *row[rows];
#pragma GCC unroll 32
  for (int i = 0; i < rows; ++i) row[i] = x + offsets[i];
  for (int64_t h = 0; h < height; ++h) {
    for (int64_t p = 0; p < width; ++p) {
      typename S::Vector right[vectors];
      load_row<T, vectors, true>(dy, S::part(0), right);
      add_outer<T, rows, vectors>(row, p, right, sum);
      dy += dy_row;
    }
#pragma GCC unroll 32
    for (int i = 0; i < rows; ++i) row[i] += x_row;
  }
#pragma GCC unroll 32
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 32
    for (int j = 0; j < vectors; ++j) S::store(dw + i * dw_row + j * S::lanes, sum[i][j]);
  }
}

template <class T, int rows, int vectors>
void weight_gradient_rows(int64_t left, int64_t height, int64_t width, const T *x, const int64_t *offsets,
                          int64_t x_row, const T *dy, int64_t dy_row, T *dw, int64_t dw_row) {
  if constexpr (rows > 1) {
    if (left < rows) {
      return weight_gradient_rows<T, rows - 1, vectors>(left, height, width, x, offsets, x_row, dy, dy_row, dw, dw_row);
    }
  }
  weight_gradient_tile<T, rows, vectors>(height, width, x, offsets, x_row, dy, dy_row, dw, dw_row);
}

template <class T, int registers, int vectors>
void weight_gradient(int count, int64_t m, int64_t height, int64_t width, const T *x, const int64_t *offsets,
                     int64_t x_row, const T *dy, int64_t dy_row, T *dw, int64_t dw_row) {
  if constexpr (vectors > 1) {
    if (count < vectors) {
      return weight_gradient<T, registers, vectors - 1>(count, m, height, width, x, offsets, x_row, dy, dy_row, dw,
                                                        dw_row);
    }
  }
  constexpr int rows = panel_rows<registers>(vectors);
  // Tiles of nearly equal size.
  const int64_t tiles = (m + rows - 1) / rows;
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const int64_t first = m * tile / tiles, end = m * (tile + 1) / tiles;
    weight_gradient_rows<T, rows, vectors>(end - first, height, width, x, offsets + first, x_row, dy, dy_row,
                                           dw + first * dw_row, dw_row);
  }
}
