// Square blocks transposed in registers of 64 bytes: to[j * to_row + i] = from[i * from_row + j].

// 16 x 16: pairs, quadruples, then 128-bit quarters change places.
inline void transpose_block(const float *from, int64_t from_row, float *to, int64_t to_row) {
  __m512 row[16], pair[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) row[i] = _mm512_loadu_ps(from + i * from_row);
#pragma GCC unroll 16
  for (int i = 0; i < 16; i += 2) {
    pair[i] = _mm512_unpacklo_ps(row[i], row[i + 1]);
    pair[i + 1] = _mm512_unpackhi_ps(row[i], row[i + 1]);
  }
  // row[4 * g + j]: column j of each quarter, for the source rows 4g .. 4g+3
#pragma GCC unroll 4
  for (int g = 0; g < 16; g += 4) {
    row[g] = _mm512_shuffle_ps(pair[g], pair[g + 2], 0x44);
    row[g + 1] = _mm512_shuffle_ps(pair[g], pair[g + 2], 0xEE);
    row[g + 2] = _mm512_shuffle_ps(pair[g + 1], pair[g + 3], 0x44);
    row[g + 3] = _mm512_shuffle_ps(pair[g + 1], pair[g + 3], 0xEE);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const __m512 low_even = _mm512_shuffle_f32x4(row[j], row[4 + j], 0x88);
    const __m512 low_odd = _mm512_shuffle_f32x4(row[j], row[4 + j], 0xDD);
    const __m512 high_even = _mm512_shuffle_f32x4(row[8 + j], row[12 + j], 0x88);
    const __m512 high_odd = _mm512_shuffle_f32x4(row[8 + j], row[12 + j], 0xDD);
    _mm512_storeu_ps(to + j * to_row, _mm512_shuffle_f32x4(low_even, high_even, 0x88));
    _mm512_storeu_ps(to + (4 + j) * to_row, _mm512_shuffle_f32x4(low_odd, high_odd, 0x88));
    _mm512_storeu_ps(to + (8 + j) * to_row, _mm512_shuffle_f32x4(low_even, high_even, 0xDD));
    _mm512_storeu_ps(to + (12 + j) * to_row, _mm512_shuffle_f32x4(low_odd, high_odd, 0xDD));
  }
}

// 8 x 8
inline void transpose_block(const double *from, int64_t from_row, double *to, int64_t to_row) {
  __m512d row[8], pair[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) row[i] = _mm512_loadu_pd(from + i * from_row);
#pragma GCC unroll 8
  for (int i = 0; i < 8; i += 2) {
    pair[i] = _mm512_unpacklo_pd(row[i], row[i + 1]);      // columns 0 2 4 6 of two rows
    pair[i + 1] = _mm512_unpackhi_pd(row[i], row[i + 1]);  // columns 1 3 5 7
  }
#pragma GCC unroll 2
  for (int j = 0; j < 2; ++j) {
    const __m512d low_even = _mm512_shuffle_f64x2(pair[j], pair[2 + j], 0x88);
    const __m512d low_odd = _mm512_shuffle_f64x2(pair[j], pair[2 + j], 0xDD);
    const __m512d high_even = _mm512_shuffle_f64x2(pair[4 + j], pair[6 + j], 0x88);
    const __m512d high_odd = _mm512_shuffle_f64x2(pair[4 + j], pair[6 + j], 0xDD);
    _mm512_storeu_pd(to + j * to_row, _mm512_shuffle_f64x2(low_even, high_even, 0x88));
    _mm512_storeu_pd(to + (2 + j) * to_row, _mm512_shuffle_f64x2(low_odd, high_odd, 0x88));
    _mm512_storeu_pd(to + (4 + j) * to_row, _mm512_shuffle_f64x2(low_even, high_even, 0xDD));
    _mm512_storeu_pd(to + (6 + j) * to_row, _mm512_shuffle_f64x2(low_odd, high_odd, 0xDD));
  }
}
