// Vectors of 32 bytes: AVX2 and FMA. A part of a vector is a mask of sign bits, as is a span; masked lanes are neither
// read nor written.

#include "transpose_avx2.hpp"

template <class T>
struct Simd;

template <>
struct Simd<float> {
  using Vector = __m256;
  using Part = __m256i;
  using Span = Part;
  static constexpr int lanes = 8;
  static constexpr int block = 8;  // transpose() takes block x block

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
  static void stream(float *target, Vector value) { _mm256_stream_ps(target, value); }
  static void fence() { _mm_sfence(); }
  static Vector even(Vector a, Vector b) {
    const __m256d halves = _mm256_castps_pd(_mm256_shuffle_ps(a, b, 0x88));  // per 128 bits
    return _mm256_castpd_ps(_mm256_permute4x64_pd(halves, 0xD8));
  }
  static Vector odd(Vector a, Vector b) {
    const __m256d halves = _mm256_castps_pd(_mm256_shuffle_ps(a, b, 0xDD));  // per 128 bits
    return _mm256_castpd_ps(_mm256_permute4x64_pd(halves, 0xD8));
  }
  static Vector add(Vector a, Vector b) { return _mm256_add_ps(a, b); }
  static Vector fma(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
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
  using Mask = __m256;
  using Place = __m256i;
  static Vector mul(Vector a, Vector b) { return _mm256_mul_ps(a, b); }
  static Vector div(Vector a, Vector b) { return _mm256_div_ps(a, b); }
  static Vector abs(Vector a) { return _mm256_andnot_ps(broadcast(-0.0f), a); }
  static Vector larger(Vector best, Vector x) {  // a NaN in best stays, one in x is taken
    return _mm256_blendv_ps(_mm256_max_ps(best, x), best, _mm256_cmp_ps(best, best, _CMP_UNORD_Q));
  }
  static Mask beats(Vector x, Vector best) {
    return _mm256_and_ps(_mm256_cmp_ps(x, best, _CMP_NLE_UQ), _mm256_cmp_ps(best, best, _CMP_ORD_Q));
  }
  static Vector choose(Mask mask, Vector a, Vector b) { return _mm256_blendv_ps(b, a, mask); }
  static Place places(int32_t place) { return _mm256_set1_epi32(place); }
  static Place add_places(Place a, Place b) { return _mm256_add_epi32(a, b); }
  static Place choose_places(Mask mask, Place a, Place b) {
    return _mm256_blendv_epi8(b, a, _mm256_castps_si256(mask));
  }
  static Place load_places(const int32_t *source) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(source));
  }
  static Place load_places(const int32_t *source, Part part) { return _mm256_maskload_epi32(source, part); }
  static void store_places(int64_t *target, Place places) {
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(target), _mm256_cvtepi32_epi64(_mm256_castsi256_si128(places)));
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(target + 4),
                        _mm256_cvtepi32_epi64(_mm256_extracti128_si256(places, 1)));
  }
  static void store_places(int64_t *target, Place places, Part part) {  // sign bits widen with their lanes
    long long *wide = reinterpret_cast<long long *>(target);
    _mm256_maskstore_epi64(wide, _mm256_cvtepi32_epi64(_mm256_castsi256_si128(part)),
                           _mm256_cvtepi32_epi64(_mm256_castsi256_si128(places)));
    _mm256_maskstore_epi64(wide + 4, _mm256_cvtepi32_epi64(_mm256_extracti128_si256(part, 1)),
                           _mm256_cvtepi32_epi64(_mm256_extracti128_si256(places, 1)));
  }
};

template <>
struct Simd<double> {
  using Vector = __m256d;
  using Part = __m256i;
  using Span = Part;
  static constexpr int lanes = 4;
  static constexpr int block = 4;  // transpose() takes block x block

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
  static void stream(double *target, Vector value) { _mm256_stream_pd(target, value); }
  static void fence() { _mm_sfence(); }
  static Vector even(Vector a, Vector b) { return _mm256_permute4x64_pd(_mm256_unpacklo_pd(a, b), 0xD8); }
  static Vector odd(Vector a, Vector b) { return _mm256_permute4x64_pd(_mm256_unpackhi_pd(a, b), 0xD8); }
  static Vector add(Vector a, Vector b) { return _mm256_add_pd(a, b); }
  static Vector fma(Vector a, Vector b, Vector c) { return _mm256_fmadd_pd(a, b, c); }
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
  using Mask = __m256d;
  using Place = __m256i;
  // the part of four floats that lies as `part` of four doubles
  static __m128i narrow(Part part) {
    return _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(part, _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6)));
  }
  static Vector load(const float *source) { return _mm256_cvtps_pd(_mm_loadu_ps(source)); }
  static Vector load(const float *source, Part part) { return _mm256_cvtps_pd(_mm_maskload_ps(source, narrow(part))); }
  static void store(float *target, Vector value) { _mm_storeu_ps(target, _mm256_cvtpd_ps(value)); }
  static void store(float *target, Vector value, Part part) {
    _mm_maskstore_ps(target, narrow(part), _mm256_cvtpd_ps(value));
  }
  static Vector mul(Vector a, Vector b) { return _mm256_mul_pd(a, b); }
  static Vector div(Vector a, Vector b) { return _mm256_div_pd(a, b); }
  static Vector sqrt(Vector a) { return _mm256_sqrt_pd(a); }
  static Vector abs(Vector a) { return _mm256_andnot_pd(broadcast(-0.0), a); }
  static Vector larger(Vector best, Vector x) {  // a NaN in best stays, one in x is taken
    return _mm256_blendv_pd(_mm256_max_pd(best, x), best, _mm256_cmp_pd(best, best, _CMP_UNORD_Q));
  }
  static Mask beats(Vector x, Vector best) {
    return _mm256_and_pd(_mm256_cmp_pd(x, best, _CMP_NLE_UQ), _mm256_cmp_pd(best, best, _CMP_ORD_Q));
  }
  static Vector choose(Mask mask, Vector a, Vector b) { return _mm256_blendv_pd(b, a, mask); }
  static Place places(int64_t place) { return _mm256_set1_epi64x(place); }
  static Place add_places(Place a, Place b) { return _mm256_add_epi64(a, b); }
  static Place choose_places(Mask mask, Place a, Place b) {
    return _mm256_blendv_epi8(b, a, _mm256_castpd_si256(mask));
  }
  static Place load_places(const int64_t *source) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(source));
  }
  static Place load_places(const int64_t *source, Part part) {
    return _mm256_maskload_epi64(reinterpret_cast<const long long *>(source), part);
  }
  static void store_places(int64_t *target, Place places) {
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(target), places);
  }
  static void store_places(int64_t *target, Place places, Part part) {
    _mm256_maskstore_epi64(reinterpret_cast<long long *>(target), part, places);
  }
};
