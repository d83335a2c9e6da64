// The register tile, written once over Simd<T>: `rows` x `vectors` sums stay in registers while k runs. GCC keeps them
// there because the array has a fixed size and every loop over it is fully unrolled. Every outer product is built
// from these functions; they differ in where a step of k finds its column of a and its row of b.

template <class T, int rows, int vectors>
[[gnu::always_inline]] inline void clear_tile(typename Simd<T>::Vector (&sum)[rows][vectors]) {
#pragma GCC unroll 32
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 32
    for (int j = 0; j < vectors; ++j) sum[i][j] = Simd<T>::zero();
  }
}

// A row of b. Unless `whole`, only the lanes `last` of the last vector are read.
template <class T, int vectors, bool whole>
[[gnu::always_inline]] inline void load_row(const T *b, typename Simd<T>::Part last,
                                            typename Simd<T>::Vector (&right)[vectors]) {
  using S = Simd<T>;
#pragma GCC unroll 32
  for (int j = 0; j < vectors; ++j) {
    right[j] = whole || j < vectors - 1 ? S::load(b + j * S::lanes) : S::load(b + j * S::lanes, last);
  }
}

// sum[i][j] += row[i][at] * right[j]: one step of k.
template <class T, int rows, int vectors>
[[gnu::always_inline]] inline void add_outer(const T *const (&row)[rows], int64_t at,
                                             const typename Simd<T>::Vector (&right)[vectors],
                                             typename Simd<T>::Vector (&sum)[rows][vectors]) {
  using S = Simd<T>;
#pragma GCC unroll 32
  for (int i = 0; i < rows; ++i) {
    const typename S::Vector left = S::broadcast(row[i][at]);
#pragma GCC unroll 32
    for (int j = 0; j < vectors; ++j) sum[i][j] = S::fma(left, right[j], sum[i][j]);
  }
}

// sum[i][j] += a(i, l) * b(l, j) for l = 0 .. k-1 in this order, where a(i, l) = a[i * a_row + l * a_col] and vector j
// of b(l) begins at b[l * b_row + j * lanes]. Unless `whole`, only the lanes `last` of the last vector are read.
template <class T, int rows, int vectors, bool whole>
[[gnu::always_inline]] inline void multiply(int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b,
                                            int64_t b_row, typename Simd<T>::Part last,
                                            typename Simd<T>::Vector (&sum)[rows][vectors]) {
  const T *row[rows];
#pragma GCC unroll 32
  for (int i = 0; i < rows; ++i) row[i] = a + i * a_row;
  for (int64_t l = 0; l < k; ++l) {
    typename Simd<T>::Vector right[vectors];
    load_row<T, vectors, whole>(b, last, right);
    add_outer<T, rows, vectors>(row, l * a_col, right, sum);
    b += b_row;
  }
}

// The first rows_in rows of the sums go to c, or are added to it. Unless `whole`, only the lanes `last` of the last
// vector are touched.
template <class T, int rows, int vectors, bool whole>
[[gnu::always_inline]] inline void write_tile(const typename Simd<T>::Vector (&sum)[rows][vectors], T *c, int64_t c_row,
                                              int rows_in, typename Simd<T>::Part last, bool accumulate) {
  using S = Simd<T>;
#pragma GCC unroll 32
  for (int i = 0; i < rows; ++i) {
    if (i >= rows_in) return;
#pragma GCC unroll 32
    for (int j = 0; j < vectors; ++j) {
      T *target = c + j * S::lanes;
      if (whole || j < vectors - 1) {
        S::store(target, accumulate ? S::add(S::load(target), sum[i][j]) : sum[i][j]);
      } else {
        S::store(target, accumulate ? S::add(S::load(target, last), sum[i][j]) : sum[i][j], last);
      }
    }
    c += c_row;
  }
}
