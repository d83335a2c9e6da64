// Vectors of 32 bytes: AVX2 and FMA. A part of a vector is a mask of sign bits, as is a span; masked lanes are neither
// read nor written.

#include "transpose_x86.hpp"

template <class T>
struct Simd;

template <>
struct Simd<float> {
  using Vector = __m256;
  using Part = __m256i;
  using Span = Part;
  static constexpr int lanes = 8;
  static constexpr int block = 8;  // transpose() turns block x block

  static Vector zero() { return _mm256_setzero_ps(); }
  static Vector broadcast(float value) { return _mm256_set1_ps(value); }
  static Part part(int used) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(used), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  static Span span(int first, int end) { return _mm256_andnot_si256(part(first), part(end)); }
  static Vector load(const float *source) { return _mm256_loadu_ps(source); }
  static Vector load(const float *source, Part part) { return _mm256_maskload_ps(source, part); }
  static Vector held(Vector value) {
    __asm__("" : "+x"(value));
    return value;
  }
  static void store(float *target, Vector value) { _mm256_storeu_ps(target, value); }
  static void store(float *target, Vector value, Part part) { _mm256_maskstore_ps(target, part, value); }
  static Vector add(Vector a, Vector b) { return _mm256_add_ps(a, b); }
  static Vector fma(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
  static Vector even(Vector a, Vector b) {
    const __m256d pairs = _mm256_castps_pd(_mm256_shuffle_ps(a, b, 0x88));  // a0 a2, b0 b2, a4 a6, b4 b6
    return _mm256_castpd_ps(_mm256_permute4x64_pd(pairs, 0xD8));
  }
  static Vector zip_low(Vector a, Vector b) {
    return _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x20);
  }
  static Vector zip_high(Vector a, Vector b) {
    return _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x31);
  }
  static void sum4(Vector a, Vector b, Vector c, Vector d, float *sums) {
    const Vector all = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));  // per 128 bits
    _mm_storeu_ps(sums, _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1)));
  }
  static void transpose(const float *from, int64_t from_row, float *to, int64_t to_row) {
    transpose_block(from, from_row, to, to_row);
  }
};

template <>
struct Simd<double> {
  using Vector = __m256d;
  using Part = __m256i;
  using Span = Part;
  static constexpr int lanes = 4;
  static constexpr int block = 4;  // transpose() turns block x block

  static Vector zero() { return _mm256_setzero_pd(); }
  static Vector broadcast(double value) { return _mm256_set1_pd(value); }
  static Part part(int used) { return _mm256_cmpgt_epi64(_mm256_set1_epi64x(used), _mm256_setr_epi64x(0, 1, 2, 3)); }
  static Span span(int first, int end) { return _mm256_andnot_si256(part(first), part(end)); }
  static Vector load(const double *source) { return _mm256_loadu_pd(source); }
  static Vector load(const double *source, Part part) { return _mm256_maskload_pd(source, part); }
  static Vector held(Vector value) {
    __asm__("" : "+x"(value));
    return value;
  }
  static void store(double *target, Vector value) { _mm256_storeu_pd(target, value); }
  static void store(double *target, Vector value, Part part) { _mm256_maskstore_pd(target, part, value); }
  static Vector add(Vector a, Vector b) { return _mm256_add_pd(a, b); }
  static Vector fma(Vector a, Vector b, Vector c) { return _mm256_fmadd_pd(a, b, c); }
  static Vector even(Vector a, Vector b) { return _mm256_permute4x64_pd(_mm256_shuffle_pd(a, b, 0), 0xD8); }
  static Vector zip_low(Vector a, Vector b) {
    return _mm256_permute2f128_pd(_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b), 0x20);
  }
  static Vector zip_high(Vector a, Vector b) {
    return _mm256_permute2f128_pd(_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b), 0x31);
  }
  static void sum4(Vector a, Vector b, Vector c, Vector d, double *sums) {
    const Vector ab = _mm256_hadd_pd(a, b), cd = _mm256_hadd_pd(c, d);  // per 128 bits
    _mm256_storeu_pd(sums, add(_mm256_permute2f128_pd(ab, cd, 0x20), _mm256_permute2f128_pd(ab, cd, 0x31)));
  }
  static void transpose(const double *from, int64_t from_row, double *to, int64_t to_row) {
    transpose_block(from, from_row, to, to_row);
  }
};
