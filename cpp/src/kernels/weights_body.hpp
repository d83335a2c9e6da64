// Sums over pixels for the weight gradient, written once over Simd<T>: see WeightsKernel. A row of the tile is a tap of a
// source channel, read where it lies, one number in all lanes; the lanes are target channels.

template <class T, int rows, int vectors>
[[gnu::noinline]] void weights_tile(int64_t height, int64_t width, const T *x, const int64_t *offsets, int64_t x_line,
                                    const T *b, int64_t b_row, T *c, int64_t c_row) {
  using S = Simd<T>;
  typename S::Vector sum[rows][vectors];
#pragma GCC unroll 32
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 32
    for (int j = 0; j < vectors; ++j) sum[i][j] = S::load(c + i * c_row + j * S::lanes);
  }
  const T *row[rows];
#pragma GCC unroll 32
  for (int i = 0; i < rows; ++i) row[i] = x + offsets[i];
  for (int64_t h = 0; h < height; ++h) {
    for (int64_t p = 0; p < width; ++p) {
      typename S::Vector right[vectors];
#pragma GCC unroll 32
      for (int j = 0; j < vectors; ++j) right[j] = S::load(b + j * S::lanes);
#pragma GCC unroll 32
      for (int i = 0; i < rows; ++i) {
        const typename S::Vector left = S::broadcast(row[i][p]);
#pragma GCC unroll 32
        for (int j = 0; j < vectors; ++j) sum[i][j] = S::fma(left, right[j], sum[i][j]);
      }
      b += b_row;
    }
#pragma GCC unroll 32
    for (int i = 0; i < rows; ++i) row[i] += x_line;
  }
#pragma GCC unroll 32
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 32
    for (int j = 0; j < vectors; ++j) S::store(c + i * c_row + j * S::lanes, sum[i][j]);
  }
}

template <class T, int rows, int vectors>
void weights_last(int64_t left, int64_t height, int64_t width, const T *x, const int64_t *offsets, int64_t x_line,
                  const T *b, int64_t b_row, T *c, int64_t c_row) {
  if constexpr (rows > 1) {
    if (left < rows) {
      return weights_last<T, rows - 1, vectors>(left, height, width, x, offsets, x_line, b, b_row, c, c_row);
    }
  }
  weights_tile<T, rows, vectors>(height, width, x, offsets, x_line, b, b_row, c, c_row);
}

template <class T, int registers, int vectors>
void weights(int count, int64_t m, int64_t height, int64_t width, const T *x, const int64_t *offsets, int64_t x_line,
             const T *b, int64_t b_row, T *c, int64_t c_row) {
  if constexpr (vectors > 1) {
    if (count < vectors) {
      return weights<T, registers, vectors - 1>(count, m, height, width, x, offsets, x_line, b, b_row, c, c_row);
    }
  }
  constexpr int rows = panel_rows<registers>(vectors);
  // Tiles of nearly equal size.
  const int64_t tiles = (m + rows - 1) / rows;
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const int64_t first = m * tile / tiles, end = m * (tile + 1) / tiles;
    weights_last<T, rows, vectors>(end - first, height, width, x, offsets + first, x_line, b, b_row, c + first * c_row,
                                   c_row);
  }
}

// The table's row, for an instruction set of so many registers: up to `vectors` vectors of target channels.
template <class T, int registers, int vectors>
constexpr WeightsKernel<T> weights_kernel() {
  return WeightsKernel<T>{Simd<T>::lanes, vectors, weights<T, registers, vectors>};
}
