// Vectors of 16 bytes: Advanced SIMD of AArch64. A part of a vector is a count of lanes, a span two of them.

struct Lanes {
  int first, end;
};

template <class T>
struct Simd;

template <>
struct Simd<float> {
  using Vector = float32x4_t;
  using Part = int;
  using Span = Lanes;
  static constexpr int lanes = 4;
  static constexpr int block = 4;  // transpose() turns block x block

  static Vector zero() { return vdupq_n_f32(0); }
  static Vector broadcast(float value) { return vdupq_n_f32(value); }
  static Part part(int used) { return used; }
  static Span span(int first, int end) { return {first, end}; }
  static Vector load(const float *source) { return vld1q_f32(source); }
  static Vector load(const float *source, Part part) {
    Vector value = zero();
    if (part > 0) value = vld1q_lane_f32(source, value, 0);
    if (part > 1) value = vld1q_lane_f32(source + 1, value, 1);
    if (part > 2) value = vld1q_lane_f32(source + 2, value, 2);
    if (part > 3) value = vld1q_lane_f32(source + 3, value, 3);
    return value;
  }
  static Vector load(const float *source, Span span) {
    Vector value = zero();
    if (span.first <= 0 && span.end > 0) value = vld1q_lane_f32(source, value, 0);
    if (span.first <= 1 && span.end > 1) value = vld1q_lane_f32(source + 1, value, 1);
    if (span.first <= 2 && span.end > 2) value = vld1q_lane_f32(source + 2, value, 2);
    if (span.first <= 3 && span.end > 3) value = vld1q_lane_f32(source + 3, value, 3);
    return value;
  }
  static Vector held(Vector value) {
    __asm__("" : "+w"(value));
    return value;
  }
  static void store(float *target, Vector value) { vst1q_f32(target, value); }
  static void store(float *target, Vector value, Part part) {
    if (part > 0) vst1q_lane_f32(target, value, 0);
    if (part > 1) vst1q_lane_f32(target + 1, value, 1);
    if (part > 2) vst1q_lane_f32(target + 2, value, 2);
    if (part > 3) vst1q_lane_f32(target + 3, value, 3);
  }
  static Vector add(Vector a, Vector b) { return vaddq_f32(a, b); }
  static Vector fma(Vector a, Vector b, Vector c) { return vfmaq_f32(c, a, b); }
  static Vector even(Vector a, Vector b) { return vuzp1q_f32(a, b); }
  static Vector zip_low(Vector a, Vector b) { return vzip1q_f32(a, b); }
  static Vector zip_high(Vector a, Vector b) { return vzip2q_f32(a, b); }
  static void sum4(Vector a, Vector b, Vector c, Vector d, float *sums) {
    store(sums, vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d)));
  }
  static void transpose(const float *from, int64_t from_row, float *to, int64_t to_row) {
    const Vector a = load(from), b = load(from + from_row), c = load(from + 2 * from_row),
                 d = load(from + 3 * from_row);
    const float64x2_t ab_even = vreinterpretq_f64_f32(vtrn1q_f32(a, b)),
                      ab_odd = vreinterpretq_f64_f32(vtrn2q_f32(a, b));
    const float64x2_t cd_even = vreinterpretq_f64_f32(vtrn1q_f32(c, d)),
                      cd_odd = vreinterpretq_f64_f32(vtrn2q_f32(c, d));
    store(to, vreinterpretq_f32_f64(vtrn1q_f64(ab_even, cd_even)));
    store(to + to_row, vreinterpretq_f32_f64(vtrn1q_f64(ab_odd, cd_odd)));
    store(to + 2 * to_row, vreinterpretq_f32_f64(vtrn2q_f64(ab_even, cd_even)));
    store(to + 3 * to_row, vreinterpretq_f32_f64(vtrn2q_f64(ab_odd, cd_odd)));
  }
};

template <>
struct Simd<double> {
  using Vector = float64x2_t;
  using Part = int;
  using Span = Lanes;
  static constexpr int lanes = 2;
  static constexpr int block = 2;  // transpose() turns block x block

  static Vector zero() { return vdupq_n_f64(0); }
  static Vector broadcast(double value) { return vdupq_n_f64(value); }
  static Part part(int used) { return used; }
  static Span span(int first, int end) { return {first, end}; }
  static Vector load(const double *source) { return vld1q_f64(source); }
  static Vector load(const double *source, Part part) {
    return part > 1 ? load(source) : part > 0 ? vld1q_lane_f64(source, zero(), 0) : zero();
  }
  static Vector load(const double *source, Span span) {
    Vector value = zero();
    if (span.first <= 0 && span.end > 0) value = vld1q_lane_f64(source, value, 0);
    if (span.first <= 1 && span.end > 1) value = vld1q_lane_f64(source + 1, value, 1);
    return value;
  }
  static Vector held(Vector value) {
    __asm__("" : "+w"(value));
    return value;
  }
  static void store(double *target, Vector value) { vst1q_f64(target, value); }
  static void store(double *target, Vector value, Part part) {
    if (part > 0) vst1q_lane_f64(target, value, 0);
    if (part > 1) vst1q_lane_f64(target + 1, value, 1);
  }
  static Vector add(Vector a, Vector b) { return vaddq_f64(a, b); }
  static Vector fma(Vector a, Vector b, Vector c) { return vfmaq_f64(c, a, b); }
  static Vector even(Vector a, Vector b) { return vuzp1q_f64(a, b); }
  static Vector zip_low(Vector a, Vector b) { return vzip1q_f64(a, b); }
  static Vector zip_high(Vector a, Vector b) { return vzip2q_f64(a, b); }
  static void sum4(Vector a, Vector b, Vector c, Vector d, double *sums) {
    store(sums, vpaddq_f64(a, b));
    store(sums + 2, vpaddq_f64(c, d));
  }
  static void transpose(const double *from, int64_t from_row, double *to, int64_t to_row) {
    const Vector a = load(from), b = load(from + from_row);
    store(to, vtrn1q_f64(a, b));
    store(to + to_row, vtrn2q_f64(a, b));
  }
};
