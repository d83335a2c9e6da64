// Transposing, written once over Simd<T>: see DirectKernel::transpose. Blocks are turned in registers.

template <class T>
void transpose(int64_t m, int64_t n, const T *from, int64_t from_row, T *to, int64_t to_row) {
  constexpr int block = Simd<T>::block;
  const int64_t n_blocks = n / block * block;
  int64_t i = 0;
  for (; i + block <= m; i += block) {
    const T *rows = from + i * from_row;
    for (int64_t j = 0; j < n_blocks; j += block) Simd<T>::transpose(rows + j, from_row, to + j * to_row + i, to_row);
    for (int64_t j = n_blocks; j < n; ++j) {
      for (int lane = 0; lane < block; ++lane) to[j * to_row + i + lane] = rows[lane * from_row + j];
    }
  }
  for (; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) to[j * to_row + i] = from[i * from_row + j];
  }
}
