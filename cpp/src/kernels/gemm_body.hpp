// The register tile, written once over Simd<T>: `rows` x `vectors` sums stay in registers while k runs. GCC keeps them
// there because the array has a fixed size and every loop over it is fully unrolled.

// sum[i][j] += a(i, l) * b(l, j) for l = 0 .. k-1 in this order, where a(i, l) = a[i * a_row + l * a_col] and vector j
// of b(l) begins at b[l * b_row + j * lanes]. Unless `whole`, only the lanes `last` of the last vector are read.
template <class T, int rows, int vectors, bool whole>
[[gnu::always_inline]] inline void multiply(int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b,
                                            int64_t b_row, typename Simd<T>::Part last,
                                            typename Simd<T>::Vector (&sum)[rows][vectors]) {
  using S = Simd<T>;
  const T *row[rows];
#pragma GCC unroll 32
  for (int i = 0; i < rows; ++i) row[i] = a + i * a_row;
  for (int64_t l = 0; l < k; ++l) {
    typename S::Vector right[vectors];
#pragma GCC unroll 32
    for (int j = 0; j < vectors; ++j) {
      right[j] = whole || j < vectors - 1 ? S::load(b + j * S::lanes) : S::load(b + j * S::lanes, last);
    }
#pragma GCC unroll 32
    for (int i = 0; i < rows; ++i) {
      const typename S::Vector left = S::broadcast(row[i][l * a_col]);
#pragma GCC unroll 32
      for (int j = 0; j < vectors; ++j) sum[i][j] = S::fma(left, right[j], sum[i][j]);
    }
    b += b_row;
  }
}

// A tile of c from two panels, its columns filling `vectors` vectors; see GemmKernel::tile. `whole` tiles know at
// compile time that no row and no lane is left out.
template <class T, int mr, int nr, int vectors, bool whole>
[[gnu::noinline]] void gemm_vectors(int64_t k, const T *a, const T *b, T *c, int64_t ldc, int rows, int columns,
                                    bool accumulate) {
  using S = Simd<T>;
  typename S::Vector sum[mr][vectors];
#pragma GCC unroll 32
  for (int i = 0; i < mr; ++i) {
#pragma GCC unroll 32
    for (int j = 0; j < vectors; ++j) sum[i][j] = S::zero();
  }
  const typename S::Part last = S::part(columns - (vectors - 1) * S::lanes);
  multiply<T, mr, vectors, true>(k, a, 1, mr, b, nr, last, sum);
#pragma GCC unroll 32
  for (int i = 0; i < mr; ++i) {
    if (!whole && i >= rows) return;
#pragma GCC unroll 32
    for (int j = 0; j < vectors; ++j) {
      T *target = c + j * S::lanes;
      if (whole || j < vectors - 1) {
        S::store(target, accumulate ? S::add(S::load(target), sum[i][j]) : sum[i][j]);
      } else {
        S::store(target, accumulate ? S::add(S::load(target, last), sum[i][j]) : sum[i][j], last);
      }
    }
    c += ldc;
  }
}

// The narrowest gemm_vectors that holds `columns`: its sums are those of the whole tile, bit by bit.
template <class T, int mr, int nr, int vectors = 1>
void gemm_edge(int64_t k, const T *a, const T *b, T *c, int64_t ldc, int rows, int columns, bool accumulate) {
  if constexpr (vectors * Simd<T>::lanes < nr) {
    if (columns > vectors * Simd<T>::lanes) {
      return gemm_edge<T, mr, nr, vectors + 1>(k, a, b, c, ldc, rows, columns, accumulate);
    }
  }
  gemm_vectors<T, mr, nr, vectors, false>(k, a, b, c, ldc, rows, columns, accumulate);
}

template <class T, int mr, int nr>
void gemm_tile(int64_t k, const T *a, const T *b, T *c, int64_t ldc, int rows, int columns, bool accumulate) {
  if (rows == mr && columns == nr) {
    gemm_vectors<T, mr, nr, nr / Simd<T>::lanes, true>(k, a, b, c, ldc, rows, columns, accumulate);
  } else {
    gemm_edge<T, mr, nr>(k, a, b, c, ldc, rows, columns, accumulate);
  }
}

// The table's row for a tile of mr x `vectors` vectors and its cache blocks.
template <class T, int mr, int vectors>
constexpr GemmKernel<T> gemm_kernel(int mc, int kc, int nc) {
  constexpr int nr = vectors * Simd<T>::lanes;
  return GemmKernel<T>{mr, nr, mc, kc, nc, gemm_tile<T, mr, nr>, pack<T>};
}
