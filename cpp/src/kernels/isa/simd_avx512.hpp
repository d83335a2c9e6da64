// Vectors of 64 bytes: AVX-512 F, VL, DQ. A part of a vector is a mask, as is a span; masked lanes are neither read nor
// written.

#include "transpose_avx512.hpp"

template <class T>
struct Simd;

template <>
struct Simd<float> {
  using Vector = __m512;
  using Part = __mmask16;
  using Span = Part;
  static constexpr int lanes = 16;
  static constexpr int block = 16;  // transpose() takes block x block

  static Vector zero() { return _mm512_setzero_ps(); }
  static Vector broadcast(float value) { return _mm512_set1_ps(value); }
  static Part part(int used) { return static_cast<Part>((1u << used) - 1); }
  static Span span(int first, int end) { return static_cast<Span>((1u << end) - (1u << first)); }
  static Vector load(const float *source) { return _mm512_loadu_ps(source); }
  static Vector load(const float *source, Part part) { return _mm512_maskz_loadu_ps(part, source); }
  static Vector held(Vector value) {
    __asm__("" : "+v"(value));
    return value;
  }
  static void store(float *target, Vector value) { _mm512_storeu_ps(target, value); }
  static void store(float *target, Vector value, Part part) { _mm512_mask_storeu_ps(target, part, value); }
  static void stream(float *target, Vector value) { _mm512_stream_ps(target, value); }
  static void fence() { _mm_sfence(); }
  static Vector even(Vector a, Vector b) {
    return _mm512_permutex2var_ps(a, _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30), b);
  }
  static Vector odd(Vector a, Vector b) {
    return _mm512_permutex2var_ps(a, _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31), b);
  }
  static Vector add(Vector a, Vector b) { return _mm512_add_ps(a, b); }
  static Vector fma(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
  static Vector zip_low(Vector a, Vector b) {
    return _mm512_permutex2var_ps(a, _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), b);
  }
  static Vector zip_high(Vector a, Vector b) {
    return _mm512_permutex2var_ps(a, _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31),
                                  b);
  }
  static void sum4(Vector a, Vector b, Vector c, Vector d, float *sums) {
    const __m512d ab = _mm512_castps_pd(add(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b)));
    const __m512d cd = _mm512_castps_pd(add(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d)));
    // every 128 bits of `all` now hold parts of the four sums
    const __m512 all = add(_mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd)), _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd)));
    const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
    _mm_storeu_ps(sums, _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1)));
  }
  static void transpose(const float *from, int64_t from_row, float *to, int64_t to_row) {
    transpose_block(from, from_row, to, to_row);
  }
  using Mask = __mmask16;
  using Place = __m512i;
  static Vector mul(Vector a, Vector b) { return _mm512_mul_ps(a, b); }
  static Vector div(Vector a, Vector b) { return _mm512_div_ps(a, b); }
  static Vector abs(Vector a) { return _mm512_abs_ps(a); }
  static Vector larger(Vector best, Vector x) {  // a NaN in best stays, one in x is taken
    return _mm512_mask_max_ps(best, _mm512_cmp_ps_mask(best, best, _CMP_ORD_Q), best, x);
  }
  static Mask beats(Vector x, Vector best) {
    return _mm512_mask_cmp_ps_mask(_mm512_cmp_ps_mask(best, best, _CMP_ORD_Q), x, best, _CMP_NLE_UQ);
  }
  static Vector choose(Mask mask, Vector a, Vector b) { return _mm512_mask_mov_ps(b, mask, a); }
  static Place places(int32_t place) { return _mm512_set1_epi32(place); }
  static Place add_places(Place a, Place b) { return _mm512_add_epi32(a, b); }
  static Place choose_places(Mask mask, Place a, Place b) { return _mm512_mask_mov_epi32(b, mask, a); }
  static Place load_places(const int32_t *source) { return _mm512_loadu_si512(source); }
  static Place load_places(const int32_t *source, Part part) { return _mm512_maskz_loadu_epi32(part, source); }
  static void store_places(int64_t *target, Place places) {
    _mm512_storeu_si512(target, _mm512_cvtepi32_epi64(_mm512_castsi512_si256(places)));
    _mm512_storeu_si512(target + 8, _mm512_cvtepi32_epi64(_mm512_extracti32x8_epi32(places, 1)));
  }
  static void store_places(int64_t *target, Place places, Part part) {
    _mm512_mask_storeu_epi64(target, static_cast<__mmask8>(part),
                             _mm512_cvtepi32_epi64(_mm512_castsi512_si256(places)));
    _mm512_mask_storeu_epi64(target + 8, static_cast<__mmask8>(part >> 8),
                             _mm512_cvtepi32_epi64(_mm512_extracti32x8_epi32(places, 1)));
  }
};

template <>
struct Simd<double> {
  using Vector = __m512d;
  using Part = __mmask8;
  using Span = Part;
  static constexpr int lanes = 8;
  static constexpr int block = 8;  // transpose() takes block x block

  static Vector zero() { return _mm512_setzero_pd(); }
  static Vector broadcast(double value) { return _mm512_set1_pd(value); }
  static Part part(int used) { return static_cast<Part>((1u << used) - 1); }
  static Span span(int first, int end) { return static_cast<Span>((1u << end) - (1u << first)); }
  static Vector load(const double *source) { return _mm512_loadu_pd(source); }
  static Vector load(const double *source, Part part) { return _mm512_maskz_loadu_pd(part, source); }
  static Vector held(Vector value) {
    __asm__("" : "+v"(value));
    return value;
  }
  static void store(double *target, Vector value) { _mm512_storeu_pd(target, value); }
  static void store(double *target, Vector value, Part part) { _mm512_mask_storeu_pd(target, part, value); }
  static void stream(double *target, Vector value) { _mm512_stream_pd(target, value); }
  static void fence() { _mm_sfence(); }
  static Vector even(Vector a, Vector b) {
    return _mm512_permutex2var_pd(a, _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14), b);
  }
  static Vector odd(Vector a, Vector b) {
    return _mm512_permutex2var_pd(a, _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15), b);
  }
  static Vector add(Vector a, Vector b) { return _mm512_add_pd(a, b); }
  static Vector fma(Vector a, Vector b, Vector c) { return _mm512_fmadd_pd(a, b, c); }
  static Vector zip_low(Vector a, Vector b) {
    return _mm512_permutex2var_pd(a, _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11), b);
  }
  static Vector zip_high(Vector a, Vector b) {
    return _mm512_permutex2var_pd(a, _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15), b);
  }
  static void sum4(Vector a, Vector b, Vector c, Vector d, double *sums) {
    const Vector ab = add(_mm512_unpacklo_pd(a, b), _mm512_unpackhi_pd(a, b));
    const Vector cd = add(_mm512_unpacklo_pd(c, d), _mm512_unpackhi_pd(c, d));
    const __m256d ab_half = _mm256_add_pd(_mm512_castpd512_pd256(ab), _mm512_extractf64x4_pd(ab, 1));
    const __m256d cd_half = _mm256_add_pd(_mm512_castpd512_pd256(cd), _mm512_extractf64x4_pd(cd, 1));
    _mm256_storeu_pd(sums, _mm256_add_pd(_mm256_permute2f128_pd(ab_half, cd_half, 0x20),
                                         _mm256_permute2f128_pd(ab_half, cd_half, 0x31)));
  }
  static void transpose(const double *from, int64_t from_row, double *to, int64_t to_row) {
    transpose_block(from, from_row, to, to_row);
  }
  using Mask = __mmask8;
  using Place = __m512i;
  static Vector load(const float *source) { return _mm512_cvtps_pd(_mm256_loadu_ps(source)); }
  static Vector load(const float *source, Part part) { return _mm512_cvtps_pd(_mm256_maskz_loadu_ps(part, source)); }
  static void store(float *target, Vector value) { _mm256_storeu_ps(target, _mm512_cvtpd_ps(value)); }
  static void store(float *target, Vector value, Part part) {
    _mm256_mask_storeu_ps(target, part, _mm512_cvtpd_ps(value));
  }
  static Vector mul(Vector a, Vector b) { return _mm512_mul_pd(a, b); }
  static Vector div(Vector a, Vector b) { return _mm512_div_pd(a, b); }
  static Vector sqrt(Vector a) { return _mm512_sqrt_pd(a); }
  static Vector abs(Vector a) { return _mm512_abs_pd(a); }
  static Vector larger(Vector best, Vector x) {  // a NaN in best stays, one in x is taken
    return _mm512_mask_max_pd(best, _mm512_cmp_pd_mask(best, best, _CMP_ORD_Q), best, x);
  }
  static Mask beats(Vector x, Vector best) {
    return _mm512_mask_cmp_pd_mask(_mm512_cmp_pd_mask(best, best, _CMP_ORD_Q), x, best, _CMP_NLE_UQ);
  }
  static Vector choose(Mask mask, Vector a, Vector b) { return _mm512_mask_mov_pd(b, mask, a); }
  static Place places(int64_t place) { return _mm512_set1_epi64(place); }
  static Place add_places(Place a, Place b) { return _mm512_add_epi64(a, b); }
  static Place choose_places(Mask mask, Place a, Place b) { return _mm512_mask_mov_epi64(b, mask, a); }
  static Place load_places(const int64_t *source) { return _mm512_loadu_si512(source); }
  static Place load_places(const int64_t *source, Part part) { return _mm512_maskz_loadu_epi64(part, source); }
  static void store_places(int64_t *target, Place places) { _mm512_storeu_si512(target, places); }
  static void store_places(int64_t *target, Place places, Part part) { _mm512_mask_storeu_epi64(target, part, places); }
};
