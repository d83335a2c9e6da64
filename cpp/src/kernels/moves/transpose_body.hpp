// Transposing, written once over Simd<T>: see MoveKernel::transpose. Square blocks are transposed in registers.

// Less than a block: copied to a whole one, where a row of it is one vector.
template <class T>
void transpose_part(int64_t m, int64_t n, const T *from, int64_t from_row, T *to, int64_t to_row) {
  using S = Simd<T>;
  constexpr int block = S::block;
  if constexpr (S::lanes == block) {
    if (m * n >= 2 * block) {
      alignas(64) T rows[block * block], columns[block * block];
      const typename S::Part part = S::part(static_cast<int>(n)), across = S::part(static_cast<int>(m));
      for (int64_t i = 0; i < m; ++i) S::store(rows + i * block, S::load(from + i * from_row, part));
      for (int64_t i = m; i < block; ++i) S::store(rows + i * block, S::zero());
      S::transpose(rows, block, columns, block);
      for (int64_t j = 0; j < n; ++j) S::store(to + j * to_row, S::load(columns + j * block), across);
      return;
    }
  }
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) to[j * to_row + i] = from[i * from_row + j];
  }
}

template <class T>
void transpose(int64_t m, int64_t n, const T *from, int64_t from_row, T *to, int64_t to_row) {
  constexpr int block = Simd<T>::block;
  for (int64_t i = 0; i < m; i += block) {
    const int64_t rows = m - i < block ? m - i : block;
    for (int64_t j = 0; j < n; j += block) {
      const int64_t columns = n - j < block ? n - j : block;
      if (rows == block && columns == block) {
        Simd<T>::transpose(from + i * from_row + j, from_row, to + j * to_row + i, to_row);
      } else {
        transpose_part(rows, columns, from + i * from_row + j, from_row, to + j * to_row + i, to_row);
      }
    }
  }
}
