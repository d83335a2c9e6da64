// Kernels over the rows of one padded plane, written once over Simd<T>: see PlaneKernel.

// `rows` output rows at once: an input row is loaded once for all of them, `kernel_rows` times fewer loads than row by row.
template <class T, int kernel_rows, int rows, int vectors, bool whole>
[[gnu::noinline]] void stacked_tile(int64_t columns, const T *w, const T *b, int64_t b_row, int64_t b_col, T *c,
                                    int64_t c_row, typename Simd<T>::Part last) {
  using S = Simd<T>;
  typename S::Vector sum[rows][vectors];
#pragma GCC unroll 32
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 32
    for (int j = 0; j < vectors; ++j) sum[i][j] = S::zero();
  }
#pragma GCC unroll 32
  for (int line = 0; line < rows + kernel_rows - 1; ++line) {  // input rows
    for (int64_t s = 0; s < columns; ++s) {
      const T *shifted = b + line * b_row + s * b_col;
      typename S::Vector right[vectors];
#pragma GCC unroll 32
      for (int j = 0; j < vectors; ++j) {
        right[j] = whole || j < vectors - 1 ? S::load(shifted + j * S::lanes) : S::load(shifted + j * S::lanes, last);
      }
      // Output row i meets this line under kernel row line - i.
#pragma GCC unroll 32
      for (int i = 0; i < rows; ++i) {
        if (line - i < 0 || line - i >= kernel_rows) continue;
        const typename S::Vector left = S::broadcast(w[(line - i) * columns + s]);
#pragma GCC unroll 32
        for (int j = 0; j < vectors; ++j) sum[i][j] = S::fma(left, right[j], sum[i][j]);
      }
    }
  }
  write_tile<T, rows, vectors, whole>(sum, c, c_row, rows, last, false);
}

template <class T, int kernel_rows, int rows, int vectors>
void stacked_strip(int count, bool whole, int64_t columns, const T *w, const T *b, int64_t b_row, int64_t b_col, T *c,
                   int64_t c_row, typename Simd<T>::Part last) {
  if constexpr (vectors > 1) {
    if (count < vectors) {
      return stacked_strip<T, kernel_rows, rows, vectors - 1>(count, whole, columns, w, b, b_row, b_col, c, c_row,
                                                              last);
    }
  }
  if (whole) {
    stacked_tile<T, kernel_rows, rows, vectors, true>(columns, w, b, b_row, b_col, c, c_row, last);
  } else {
    stacked_tile<T, kernel_rows, rows, vectors, false>(columns, w, b, b_row, b_col, c, c_row, last);
  }
}

// All columns of `rows` rows, in strips of nearly equal width.
template <class T, int kernel_rows, int rows, int vectors>
void stacked_rows(int64_t n, int64_t columns, const T *w, const T *b, int64_t b_row, int64_t b_col, T *c,
                  int64_t c_row) {
  constexpr int lanes = Simd<T>::lanes;
  const int64_t width = (n + lanes - 1) / lanes, strips = (width + vectors - 1) / vectors;
  for (int64_t strip = 0; strip < strips; ++strip) {
    const int64_t first = width * strip / strips, end = width * (strip + 1) / strips;
    const int used = static_cast<int>((end * lanes < n ? end * lanes : n) - (end - 1) * lanes);
    stacked_strip<T, kernel_rows, rows, vectors>(static_cast<int>(end - first), used == lanes, columns, w,
                                                 b + first * lanes, b_row, b_col, c + first * lanes, c_row,
                                                 Simd<T>::part(used));
  }
}

template <class T, int kernel_rows, int vectors>
void stacked_plane(int64_t m, int64_t n, int64_t columns, const T *w, const T *b, int64_t b_row, int64_t b_col, T *c,
                   int64_t c_row) {
  for (; m >= 4; m -= 4, b += 4 * b_row, c += 4 * c_row) {
    stacked_rows<T, kernel_rows, 4, vectors>(n, columns, w, b, b_row, b_col, c, c_row);
  }
  for (; m >= 2; m -= 2, b += 2 * b_row, c += 2 * c_row) {
    stacked_rows<T, kernel_rows, 2, vectors>(n, columns, w, b, b_row, b_col, c, c_row);
  }
  if (m > 0) stacked_rows<T, kernel_rows, 1, vectors>(n, columns, w, b, b_row, b_col, c, c_row);
}

template <class T, int vectors>
bool stacked(int64_t m, int64_t n, int64_t rows, int64_t columns, const T *w, const T *b, int64_t b_row, int64_t b_col,
             T *c, int64_t c_row) {
  if (rows == 3) {
    stacked_plane<T, 3, vectors>(m, n, columns, w, b, b_row, b_col, c, c_row);
  } else if (rows == 5) {
    stacked_plane<T, 5, vectors>(m, n, columns, w, b, b_row, b_col, c, c_row);
  } else if (rows == 7) {
    stacked_plane<T, 7, vectors>(m, n, columns, w, b, b_row, b_col, c, c_row);
  } else {
    return false;
  }
  return true;
}

// Every `step`-th element, step 2 or 4: vectors are read whole and taken apart in registers.
template <class T, int step>
void copy_spread(int64_t n, const T *from, T *to) {
  using S = Simd<T>;
  constexpr int lanes = S::lanes;
  typename S::Vector rest;
  int64_t j = 0;
  for (; j + lanes < n; j += lanes) {  // the elements behind the last one that is wanted may not be there
    const T *source = from + step * j;
    typename S::Vector first, second;
    S::split(S::load(source), S::load(source + lanes), first, rest);
    if constexpr (step == 4) {
      S::split(S::load(source + 2 * lanes), S::load(source + 3 * lanes), second, rest);
      S::split(first, second, first, rest);
    }
    S::store(to + j, first);
  }
  if constexpr (step == 2) {
    if (j == n) return;
    const int used = static_cast<int>(n - j), wanted = 2 * used - 1;
    typename S::Vector first;
    S::split(S::load(from + 2 * j, S::part(wanted < lanes ? wanted : lanes)),
             wanted > lanes ? S::load(from + 2 * j + lanes, S::part(wanted - lanes)) : S::zero(), first, rest);
    S::store(to + j, first, S::part(used));
  } else {
    for (; j < n; ++j) to[j] = from[step * j];
  }
}

// Short rows are one masked vector each, where memcpy would take longer to be called than to copy.
template <class T>
void copy_rows(int64_t m, int64_t n, const T *from, int64_t from_row, int64_t from_col, T *to, int64_t to_row,
               int64_t to_col) {
  using S = Simd<T>;
  const int64_t whole = n / S::lanes * S::lanes;
  const typename S::Part last = S::part(static_cast<int>(n - whole));
  for (; m > 0; --m, from += from_row, to += to_row) {
    if (from_col == 1 && to_col == 1) {
      for (int64_t j = 0; j < whole; j += S::lanes) S::store(to + j, S::load(from + j));
      if (whole < n) S::store(to + whole, S::load(from + whole, last), last);
    } else if (from_col == 2 && to_col == 1) {
      copy_spread<T, 2>(n, from, to);
    } else if (from_col == 4 && to_col == 1) {
      copy_spread<T, 4>(n, from, to);
    } else {
      for (int64_t j = 0; j < n; ++j) to[j * to_col] = from[j * from_col];
    }
  }
}

template <class T>
void add_rows(int64_t m, int64_t n, const T *from, int64_t from_row, int64_t from_col, T *to, int64_t to_row,
              int64_t to_col) {
  using S = Simd<T>;
  const int64_t whole = n / S::lanes * S::lanes;
  const typename S::Part last = S::part(static_cast<int>(n - whole));
  for (; m > 0; --m, from += from_row, to += to_row) {
    if (from_col == 1 && to_col == 1) {
      for (int64_t j = 0; j < whole; j += S::lanes) S::store(to + j, S::add(S::load(to + j), S::load(from + j)));
      if (whole < n) S::store(to + whole, S::add(S::load(to + whole, last), S::load(from + whole, last)), last);
    } else {
      for (int64_t j = 0; j < n; ++j) to[j * to_col] += from[j * from_col];
    }
  }
}

template <class T>
void interleave(int64_t m, int64_t n, const T *__restrict even, const T *__restrict odd, int64_t from_row,
                T *__restrict to, int64_t to_row) {
  for (; m > 0; --m, even += from_row, odd += from_row, to += to_row) {
    for (int64_t j = 0; j < n / 2; ++j) {
      to[2 * j] = even[j];
      to[2 * j + 1] = odd[j];
    }
    if (n % 2 == 1) to[n - 1] = even[n / 2];
  }
}

// The table's row: 4 rows x `vectors` vectors of sums.
template <class T, int vectors>
constexpr PlaneKernel<T> plane_kernel() {
  return PlaneKernel<T>{stacked<T, vectors>, copy_rows<T>, add_rows<T>, interleave<T>};
}
