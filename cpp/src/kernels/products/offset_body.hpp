// Outer products with shifted views of one buffer, written once over Simd<T>: see OffsetKernel::outer. What
// strided_body.hpp is for rows of b a fixed step apart, this is for rows at any offsets: the taps of a padded plane.

// c (+)= sum_l a[l] * b[offsets[l]], `rows` x `vectors` vectors.
template <class T, int rows, int vectors, bool whole>
[[gnu::noinline]] void offset_tile(int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b,
                                   const int64_t *offsets, T *c, int64_t c_row, typename Simd<T>::Part last,
                                   bool accumulate) {
  using S = Simd<T>;
  typename S::Vector sum[rows][vectors];
  clear_tile<T, rows, vectors>(sum);
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
void offset_strip(int count, bool whole, int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b,
                  const int64_t *offsets, T *c, int64_t c_row, typename Simd<T>::Part last, bool accumulate) {
  if constexpr (vectors > 1) {
    if (count < vectors) {
      return offset_strip<T, rows, vectors - 1>(count, whole, k, a, a_row, a_col, b, offsets, c, c_row, last,
                                                accumulate);
    }
  }
  if (whole) {
    offset_tile<T, rows, vectors, true>(k, a, a_row, a_col, b, offsets, c, c_row, last, accumulate);
  } else {
    offset_tile<T, rows, vectors, false>(k, a, a_row, a_col, b, offsets, c, c_row, last, accumulate);
  }
}

// All columns of `rows` rows, in strips of nearly equal width.
template <class T, int rows, int vectors>
void offset_rows(int64_t n, int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b, const int64_t *offsets,
                 T *c, int64_t c_row, bool accumulate) {
  constexpr int lanes = Simd<T>::lanes;
  const int64_t width = (n + lanes - 1) / lanes, strips = (width + vectors - 1) / vectors;
  for (int64_t strip = 0; strip < strips; ++strip) {
    const int64_t first = width * strip / strips, end = width * (strip + 1) / strips;
    const int used = static_cast<int>((end * lanes < n ? end * lanes : n) - (end - 1) * lanes);
    offset_strip<T, rows, vectors>(static_cast<int>(end - first), used == lanes, k, a, a_row, a_col, b + first * lanes,
                                   offsets, c + first * lanes, c_row, Simd<T>::part(used), accumulate);
  }
}

// `registers` sums at most: rows by fours, twos and ones, each with as many vectors as fit.
template <class T, int registers>
void offset_outer(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b,
                  const int64_t *offsets, T *c, int64_t c_row, bool accumulate) {
  constexpr int one = registers < 8 ? registers : 8;
  for (; m >= 4; m -= 4, a += 4 * a_row, c += 4 * c_row) {
    offset_rows<T, 4, registers / 4>(n, k, a, a_row, a_col, b, offsets, c, c_row, accumulate);
  }
  for (; m >= 2; m -= 2, a += 2 * a_row, c += 2 * c_row) {
    offset_rows<T, 2, (registers / 2 < 8 ? registers / 2 : 8)>(n, k, a, a_row, a_col, b, offsets, c, c_row, accumulate);
  }
  if (m > 0) offset_rows<T, 1, one>(n, k, a, a_row, a_col, b, offsets, c, c_row, accumulate);
}
