// Square blocks transposed in registers of 32 bytes: to[j * to_row + i] = from[i * from_row + j].

// 8 x 8
inline void transpose_block(const float *from, int64_t from_row, float *to, int64_t to_row) {
  __m256 row[8], pair[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) row[i] = _mm256_loadu_ps(from + i * from_row);
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    pair[i] = _mm256_unpacklo_ps(row[i], row[i + 1]);
    pair[i + 1] = _mm256_unpackhi_ps(row[i], row[i + 1]);
  }
  // row[4 * half + j]: column j of each 128 bits, for four source rows
#pragma GCC unroll 2
  for (int half = 0; half < 8; half += 4) {
    row[half] = _mm256_shuffle_ps(pair[half], pair[half + 2], 0x44);
    row[half + 1] = _mm256_shuffle_ps(pair[half], pair[half + 2], 0xEE);
    row[half + 2] = _mm256_shuffle_ps(pair[half + 1], pair[half + 3], 0x44);
    row[half + 3] = _mm256_shuffle_ps(pair[half + 1], pair[half + 3], 0xEE);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    _mm256_storeu_ps(to + j * to_row, _mm256_permute2f128_ps(row[j], row[j + 4], 0x20));
    _mm256_storeu_ps(to + (j + 4) * to_row, _mm256_permute2f128_ps(row[j], row[j + 4], 0x31));
  }
}

// 4 x 4
inline void transpose_block(const double *from, int64_t from_row, double *to, int64_t to_row) {
  const __m256d a = _mm256_loadu_pd(from), b = _mm256_loadu_pd(from + from_row);
  const __m256d c = _mm256_loadu_pd(from + 2 * from_row), d = _mm256_loadu_pd(from + 3 * from_row);
  const __m256d ab_even = _mm256_unpacklo_pd(a, b), ab_odd = _mm256_unpackhi_pd(a, b);
  const __m256d cd_even = _mm256_unpacklo_pd(c, d), cd_odd = _mm256_unpackhi_pd(c, d);
  _mm256_storeu_pd(to, _mm256_permute2f128_pd(ab_even, cd_even, 0x20));
  _mm256_storeu_pd(to + to_row, _mm256_permute2f128_pd(ab_odd, cd_odd, 0x20));
  _mm256_storeu_pd(to + 2 * to_row, _mm256_permute2f128_pd(ab_even, cd_even, 0x31));
  _mm256_storeu_pd(to + 3 * to_row, _mm256_permute2f128_pd(ab_odd, cd_odd, 0x31));
}
