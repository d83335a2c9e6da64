// Outer products of strided operands, nothing packed, written once over Simd<T>: see StridedKernel::outer and
// GemmKernel::unpacked. Tails read and write only their own elements, and sum in the order of the whole tiles.

// c (+)= a b; strides as in multiply().
template <class T>
struct Outer {
  int64_t m, k;
  const T *a;
  int64_t a_row, a_col;
  const T *b;
  int64_t b_row;
  T *c;
  int64_t c_row;
  bool accumulate;
  typename Simd<T>::Part last;  // lanes in use of the last vector of columns

  void drop(int rows) {  // those done
    m -= rows;
    a += rows * a_row;
    c += rows * c_row;
  }
};

// The first `rows` rows and all columns, `vectors` vectors of them.
template <class T, int rows, int vectors, bool whole>
[[gnu::noinline]] void outer_tile(const Outer<T> &product) {
  using S = Simd<T>;
  typename S::Vector sum[rows][vectors];
  clear_tile<T, rows, vectors>(sum);
  multiply<T, rows, vectors, whole>(product.k, product.a, product.a_row, product.a_col, product.b, product.b_row,
                                    product.last, sum);
  write_tile<T, rows, vectors, whole>(sum, product.c, product.c_row, rows, product.last, product.accumulate);
}

// The last rows, fewer than `rows`, in one tile of exactly so many: with halving, the 7 rows of a 7x7 plane took three
// tiles at half the rate.
template <class T, int rows, int vectors, bool whole>
void outer_last(const Outer<T> &product) {
  if constexpr (rows > 1) {
    if (product.m < rows) return outer_last<T, rows - 1, vectors, whole>(product);
  }
  outer_tile<T, rows, vectors, whole>(product);
}

// All rows, in tiles of `rows` rows.
template <class T, int rows, int vectors, bool whole>
void outer_rows(Outer<T> product) {
  for (; product.m >= rows; product.drop(rows)) outer_tile<T, rows, vectors, whole>(product);
  if (product.m > 0) outer_last<T, rows, vectors, whole>(product);
}

// A strip of `count` <= `vectors` vectors of columns.
template <class T, int rows, int vectors>
void outer_strip(int count, bool whole, const Outer<T> &product) {
  if constexpr (vectors > 1) {
    if (count < vectors) return outer_strip<T, rows, vectors - 1>(count, whole, product);
  }
  if (whole) {
    outer_rows<T, rows, vectors, true>(product);
  } else {
    outer_rows<T, rows, vectors, false>(product);
  }
}

// Columns are divided into strips of nearly equal width, so that none is left with one narrow vector.
template <class T, int rows, int vectors>
void outer(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b, int64_t b_row, T *c,
           int64_t c_row, bool accumulate) {
  constexpr int lanes = Simd<T>::lanes;
  const int64_t width = (n + lanes - 1) / lanes, strips = (width + vectors - 1) / vectors;
  for (int64_t strip = 0; strip < strips; ++strip) {
    const int64_t first = width * strip / strips, end = width * (strip + 1) / strips;
    const int used = static_cast<int>((end * lanes < n ? end * lanes : n) - (end - 1) * lanes);
    outer_strip<T, rows, vectors>(static_cast<int>(end - first), used == lanes,
                                  Outer<T>{m, k, a, a_row, a_col, b + first * lanes, b_row, c + first * lanes, c_row,
                                           accumulate, Simd<T>::part(used)});
  }
}

template <class T, int rows, int vectors>
void outer_added(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b, int64_t b_row,
                 T *c, int64_t c_row) {
  outer<T, rows, vectors>(m, n, k, a, a_row, a_col, b, b_row, c, c_row, true);
}
