// Products with shifted views of one buffer, written once over Simd<T>: see ShiftedKernel. What outer_body.hpp is for rows
// a fixed step apart, this is for rows at any offsets: the taps of a padded plane.

// c (+)= sum_l a[l] * b[offsets[l]], `rows` x `vectors` vectors.
template <class T, int rows, int vectors, bool whole>
[[gnu::noinline]] void shifted_tile(int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b,
                                    const int64_t *offsets, T *c, int64_t c_row, typename Simd<T>::Part last,
                                    bool accumulate) {
  using S = Simd<T>;
  typename S::Vector sum[rows][vectors];
#pragma GCC unroll 32
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 32
    for (int j = 0; j < vectors; ++j) sum[i][j] = S::zero();
  }
  for (int64_t l = 0; l < k; ++l) {
    const T *shifted = b + offsets[l];
    typename S::Vector left[rows];
#pragma GCC unroll 32
    for (int i = 0; i < rows; ++i) left[i] = S::broadcast(a[i * a_row + l * a_col]);
#pragma GCC unroll 32
    for (int j = 0; j < vectors; ++j) {
      const typename S::Vector right =
          whole || j < vectors - 1 ? S::load(shifted + j * S::lanes) : S::load(shifted + j * S::lanes, last);
#pragma GCC unroll 32
      for (int i = 0; i < rows; ++i) sum[i][j] = S::fma(left[i], right, sum[i][j]);
    }
  }
  write_tile<T, rows, vectors, whole>(sum, c, c_row, rows, last, accumulate);
}

// A strip of `count` <= `vectors` vectors of columns.
template <class T, int rows, int vectors>
void shifted_strip(int count, bool whole, int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b,
                   const int64_t *offsets, T *c, int64_t c_row, typename Simd<T>::Part last, bool accumulate) {
  if constexpr (vectors > 1) {
    if (count < vectors) {
      return shifted_strip<T, rows, vectors - 1>(count, whole, k, a, a_row, a_col, b, offsets, c, c_row, last,
                                                 accumulate);
    }
  }
  if (whole) {
    shifted_tile<T, rows, vectors, true>(k, a, a_row, a_col, b, offsets, c, c_row, last, accumulate);
  } else {
    shifted_tile<T, rows, vectors, false>(k, a, a_row, a_col, b, offsets, c, c_row, last, accumulate);
  }
}

// All columns of `rows` rows, in strips of nearly equal width.
template <class T, int rows, int vectors>
void shifted_rows(int64_t n, int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b, const int64_t *offsets,
                  T *c, int64_t c_row, bool accumulate) {
  constexpr int lanes = Simd<T>::lanes;
  const int64_t width = (n + lanes - 1) / lanes, strips = (width + vectors - 1) / vectors;
  for (int64_t strip = 0; strip < strips; ++strip) {
    const int64_t first = width * strip / strips, end = width * (strip + 1) / strips;
    const int used = static_cast<int>((end * lanes < n ? end * lanes : n) - (end - 1) * lanes);
    shifted_strip<T, rows, vectors>(static_cast<int>(end - first), used == lanes, k, a, a_row, a_col, b + first * lanes,
                                    offsets, c + first * lanes, c_row, Simd<T>::part(used), accumulate);
  }
}

// `registers` sums at most: rows by fours, twos and ones, each with as many vectors as fit.
template <class T, int registers>
void correlate(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b,
               const int64_t *offsets, T *c, int64_t c_row, bool accumulate) {
  constexpr int one = registers < 8 ? registers : 8;
  for (; m >= 4; m -= 4, a += 4 * a_row, c += 4 * c_row) {
    shifted_rows<T, 4, registers / 4>(n, k, a, a_row, a_col, b, offsets, c, c_row, accumulate);
  }
  for (; m >= 2; m -= 2, a += 2 * a_row, c += 2 * c_row) {
    shifted_rows<T, 2, (registers / 2 < 8 ? registers / 2 : 8)>(n, k, a, a_row, a_col, b, offsets, c, c_row,
                                                                accumulate);
  }
  if (m > 0) shifted_rows<T, 1, one>(n, k, a, a_row, a_col, b, offsets, c, c_row, accumulate);
}

// c[l] += a . b at offsets[l] for `rows` rows of a and `taps` offsets: vectors run along the columns.
template <class T, int rows, int taps>
[[gnu::noinline]] void dots_tile(int64_t n, const T *a, int64_t a_row, const T *b, const int64_t *offsets, T *c,
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
void dots_taps(int64_t n, int64_t k, const T *a, int64_t a_row, const T *b, const int64_t *offsets, T *c,
               int64_t c_row) {
  int64_t l = 0;
  for (; l + taps <= k; l += taps) dots_tile<T, rows, taps>(n, a, a_row, b, offsets + l, c + l, c_row);
  if constexpr (taps > 1) {
    if (l < k) dots_taps<T, rows, taps / 2>(n, k - l, a, a_row, b, offsets + l, c + l, c_row);
  }
}

template <class T, int registers>
void dots(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, const T *b, const int64_t *offsets, T *c,
          int64_t c_row) {
  for (; m >= 4; m -= 4, a += 4 * a_row, c += 4 * c_row) {
    dots_taps<T, 4, registers / 4>(n, k, a, a_row, b, offsets, c, c_row);
  }
  for (; m >= 2; m -= 2, a += 2 * a_row, c += 2 * c_row) {
    dots_taps<T, 2, registers / 4>(n, k, a, a_row, b, offsets, c, c_row);
  }
  // Alone, nine offsets at once are a 3x3 kernel in one pass over the plane.
  if (m > 0) dots_taps<T, 1, (registers > 9 ? 9 : registers / 2)>(n, k, a, a_row, b, offsets, c, c_row);
}

// The table's row for an instruction set whose tiles may hold `registers` sums.
template <class T, int registers>
constexpr ShiftedKernel<T> shifted_kernel() {
  return ShiftedKernel<T>{correlate<T, registers>, dots<T, registers>};
}
