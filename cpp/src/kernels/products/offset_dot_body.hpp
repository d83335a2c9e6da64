// Dot products of rows with shifted views of one buffer, written once over Simd<T>: see OffsetKernel::dot. A tile is some
// rows of a by some offsets; its sums are vectors along the columns, added up at the end.

// c[l] += a . b at offsets[l] for `rows` rows of a and `taps` offsets: vectors run along the columns.
template <class T, int rows, int taps>
[[gnu::noinline]] void offset_dot_tile(int64_t n, const T *a, int64_t a_row, const T *b, const int64_t *offsets, T *c,
                                       int64_t c_row) {
  using S = Simd<T>;
  constexpr int groups = (taps + 3) / 4;
  typename S::Vector sum[rows][groups * 4];  // those behind `taps` stay zero
  const T *shifted[taps];
#pragma GCC unroll 32
  for (int l = 0; l < taps; ++l) shifted[l] = b + offsets[l];
#pragma GCC unroll 32
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 32
    for (int l = 0; l < groups * 4; ++l) sum[i][l] = S::zero();
  }
  int64_t j = 0;
  for (; j + S::lanes <= n; j += S::lanes) {
    typename S::Vector left[rows];
#pragma GCC unroll 32
    for (int i = 0; i < rows; ++i) left[i] = S::load(a + i * a_row + j);
#pragma GCC unroll 32
    for (int l = 0; l < taps; ++l) {
      const typename S::Vector right = S::load(shifted[l] + j);
#pragma GCC unroll 32
      for (int i = 0; i < rows; ++i) sum[i][l] = S::fma(left[i], right, sum[i][l]);
    }
  }
  if (j < n) {
    const typename S::Part last = S::part(static_cast<int>(n - j));
    typename S::Vector left[rows];
#pragma GCC unroll 32
    for (int i = 0; i < rows; ++i) left[i] = S::load(a + i * a_row + j, last);
#pragma GCC unroll 32
    for (int l = 0; l < taps; ++l) {
      const typename S::Vector right = S::load(shifted[l] + j, last);
#pragma GCC unroll 32
      for (int i = 0; i < rows; ++i) sum[i][l] = S::fma(left[i], right, sum[i][l]);
    }
  }
#pragma GCC unroll 32
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 32
    for (int g = 0; g < groups; ++g) {
      T total[4];
      S::sum4(sum[i][4 * g], sum[i][4 * g + 1], sum[i][4 * g + 2], sum[i][4 * g + 3], total);
#pragma GCC unroll 32
      for (int l = 0; l < 4; ++l) {
        if (4 * g + l < taps) c[i * c_row + 4 * g + l] += total[l];
      }
    }
  }
}

template <class T, int rows, int taps>
void offset_dot_taps(int64_t n, int64_t k, const T *a, int64_t a_row, const T *b, const int64_t *offsets, T *c,
                     int64_t c_row) {
  int64_t l = 0;
  for (; l + taps <= k; l += taps) offset_dot_tile<T, rows, taps>(n, a, a_row, b, offsets + l, c + l, c_row);
  if constexpr (taps > 1) {
    if (l < k) offset_dot_taps<T, rows, taps / 2>(n, k - l, a, a_row, b, offsets + l, c + l, c_row);
  }
}

template <class T, int registers>
void offset_dot(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, const T *b, const int64_t *offsets, T *c,
                int64_t c_row) {
  for (; m >= 4; m -= 4, a += 4 * a_row, c += 4 * c_row) {
    offset_dot_taps<T, 4, registers / 4>(n, k, a, a_row, b, offsets, c, c_row);
  }
  for (; m >= 2; m -= 2, a += 2 * a_row, c += 2 * c_row) {
    offset_dot_taps<T, 2, registers / 4>(n, k, a, a_row, b, offsets, c, c_row);
  }
  // For a single row, nine offsets at once are a 3x3 kernel in one pass over the plane.
  if (m > 0) offset_dot_taps<T, 1, (registers > 9 ? 9 : registers / 2)>(n, k, a, a_row, b, offsets, c, c_row);
}
