// Small products along contiguous k, written once over Simd<T>: see StridedKernel::dot. Tails read and write only their
// own elements.

// c += a b^T for `rows` x `columns` elements: vectors run along k.
template <class T, int rows, int columns>
[[gnu::noinline]] void dot_tile(int64_t k, const T *a, int64_t a_row, const T *b, int64_t b_row, T *c, int64_t c_row,
                                int64_t c_col) {
  using S = Simd<T>;
  typename S::Vector sum[columns][4];  // rows behind `rows` stay zero
#pragma GCC unroll 32
  for (int j = 0; j < columns; ++j) {
#pragma GCC unroll 32
    for (int i = 0; i < 4; ++i) sum[j][i] = S::zero();
  }
  int64_t l = 0;
  for (; l + S::lanes <= k; l += S::lanes) {
    typename S::Vector left[rows];
#pragma GCC unroll 32
    for (int i = 0; i < rows; ++i) left[i] = S::load(a + i * a_row + l);
#pragma GCC unroll 32
    for (int j = 0; j < columns; ++j) {
      const typename S::Vector right = S::load(b + j * b_row + l);
#pragma GCC unroll 32
      for (int i = 0; i < rows; ++i) sum[j][i] = S::fma(left[i], right, sum[j][i]);
    }
  }
  if (l < k) {
    const typename S::Part tail = S::part(static_cast<int>(k - l));
    typename S::Vector left[rows];
#pragma GCC unroll 32
    for (int i = 0; i < rows; ++i) left[i] = S::load(a + i * a_row + l, tail);
#pragma GCC unroll 32
    for (int j = 0; j < columns; ++j) {
      const typename S::Vector right = S::load(b + j * b_row + l, tail);
#pragma GCC unroll 32
      for (int i = 0; i < rows; ++i) sum[j][i] = S::fma(left[i], right, sum[j][i]);
    }
  }
#pragma GCC unroll 32
  for (int j = 0; j < columns; ++j) {
    T total[4];
    S::sum4(sum[j][0], sum[j][1], sum[j][2], sum[j][3], total);
#pragma GCC unroll 32
    for (int i = 0; i < rows; ++i) c[i * c_row + j * c_col] += total[i];
  }
}

template <class T, int rows, int columns>
void dot_columns(int64_t n, int64_t k, const T *a, int64_t a_row, const T *b, int64_t b_row, T *c, int64_t c_row,
                 int64_t c_col) {
  int64_t j = 0;
  for (; j + columns <= n; j += columns) {
    dot_tile<T, rows, columns>(k, a, a_row, b + j * b_row, b_row, c + j * c_col, c_row, c_col);
  }
  if constexpr (columns > 1) {
    if (j < n) dot_columns<T, rows, columns / 2>(n - j, k, a, a_row, b + j * b_row, b_row, c + j * c_col, c_row, c_col);
  }
}

template <class T, int columns, int rows = 4>
void dot(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, const T *b, int64_t b_row, T *c, int64_t c_row,
         int64_t c_col) {
  int64_t i = 0;
  for (; i + rows <= m; i += rows) {
    dot_columns<T, rows, columns>(n, k, a + i * a_row, a_row, b, b_row, c + i * c_row, c_row, c_col);
  }
  if constexpr (rows > 1) {
    if (i < m) dot<T, columns, rows / 2>(m - i, n, k, a + i * a_row, a_row, b, b_row, c + i * c_row, c_row, c_col);
  }
}
