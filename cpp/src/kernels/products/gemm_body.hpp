// The tile of the blocked GEMM, from two panels: see GemmKernel::tile.

// A tile of c from two panels, its columns filling `vectors` vectors. `whole` tiles know at compile time that no row
// and no lane is left out.
template <class T, int mr, int nr, int vectors, bool whole>
[[gnu::noinline]] void gemm_vectors(int64_t k, const T *a, const T *b, T *c, int64_t ldc, int rows, int columns,
                                    bool accumulate) {
  using S = Simd<T>;
  typename S::Vector sum[mr][vectors];
  clear_tile<T, mr, vectors>(sum);
  const typename S::Part last = S::part(columns - (vectors - 1) * S::lanes);
  multiply<T, mr, vectors, true>(k, a, 1, mr, b, nr, last, sum);
  write_tile<T, mr, vectors, whole>(sum, c, ldc, whole ? mr : rows, last, accumulate);
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

// The kernel with a tile of mr x nr and its cache blocks. The product of operands that are not packed has the same tile.
template <class T, int mr, int nr>
constexpr GemmKernel<T> gemm_kernel(int mc, int kc, int nc) {
  static_assert(nr % Simd<T>::lanes == 0, "a tile is whole vectors wide");
  return GemmKernel<T>{mr, nr, mc, kc, nc, gemm_tile<T, mr, nr>, pack<T>, outer<T, mr, nr / Simd<T>::lanes>};
}
