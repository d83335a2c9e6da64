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
  static constexpr int block = 4;  // transpose() takes block x block

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
  static void stream(float *target, Vector value) { store(target, value); }
  static void fence() {}
  static Vector even(Vector a, Vector b) { return vuzp1q_f32(a, b); }
  static Vector odd(Vector a, Vector b) { return vuzp2q_f32(a, b); }
  static Vector add(Vector a, Vector b) { return vaddq_f32(a, b); }
  static Vector fma(Vector a, Vector b, Vector c) { return vfmaq_f32(c, a, b); }
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
  using Mask = uint32x4_t;
  using Place = int32x4_t;
  static Vector mul(Vector a, Vector b) { return vmulq_f32(a, b); }
  static Vector div(Vector a, Vector b) { return vdivq_f32(a, b); }
  static Vector abs(Vector a) { return vabsq_f32(a); }
  static Vector larger(Vector best, Vector x) { return vmaxq_f32(best, x); }  // NaN if one is
  static Mask beats(Vector x, Vector best) { return vbicq_u32(vceqq_f32(best, best), vcleq_f32(x, best)); }
  static Vector choose(Mask mask, Vector a, Vector b) { return vbslq_f32(mask, a, b); }
  static Place places(int32_t place) { return vdupq_n_s32(place); }
  static Place add_places(Place a, Place b) { return vaddq_s32(a, b); }
  static Place choose_places(Mask mask, Place a, Place b) { return vbslq_s32(mask, a, b); }
  static Place load_places(const int32_t *source) { return vld1q_s32(source); }
  static Place load_places(const int32_t *source, Part part) {
    int32_t lanes_used[lanes] = {};
    for (int i = 0; i < part; ++i) lanes_used[i] = source[i];
    return vld1q_s32(lanes_used);
  }
  static void store_places(int64_t *target, Place places) {
    vst1q_s64(target, vmovl_s32(vget_low_s32(places)));
    vst1q_s64(target + 2, vmovl_s32(vget_high_s32(places)));
  }
  static void store_places(int64_t *target, Place places, Part part) {
    int32_t each[lanes];
    vst1q_s32(each, places);
    for (int i = 0; i < part; ++i) target[i] = each[i];
  }
};

template <>
struct Simd<double> {
  using Vector = float64x2_t;
  using Part = int;
  using Span = Lanes;
  static constexpr int lanes = 2;
  static constexpr int block = 2;  // transpose() takes block x block

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
  static void stream(double *target, Vector value) { store(target, value); }
  static void fence() {}
  static Vector even(Vector a, Vector b) { return vuzp1q_f64(a, b); }
  static Vector odd(Vector a, Vector b) { return vuzp2q_f64(a, b); }
  static Vector add(Vector a, Vector b) { return vaddq_f64(a, b); }
  static Vector fma(Vector a, Vector b, Vector c) { return vfmaq_f64(c, a, b); }
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
  using Mask = uint64x2_t;
  using Place = int64x2_t;
  static Vector load(const float *source) { return vcvt_f64_f32(vld1_f32(source)); }
  static Vector load(const float *source, Part part) {
    return part > 1 ? load(source) : part > 0 ? vdupq_n_f64(*source) : zero();
  }
  static void store(float *target, Vector value) { vst1_f32(target, vcvt_f32_f64(value)); }
  static void store(float *target, Vector value, Part part) {
    if (part > 0) vst1_lane_f32(target, vcvt_f32_f64(value), 0);
    if (part > 1) vst1_lane_f32(target + 1, vcvt_f32_f64(value), 1);
  }
  static Vector mul(Vector a, Vector b) { return vmulq_f64(a, b); }
  static Vector div(Vector a, Vector b) { return vdivq_f64(a, b); }
  static Vector sqrt(Vector a) { return vsqrtq_f64(a); }
  static Vector abs(Vector a) { return vabsq_f64(a); }
  static Vector larger(Vector best, Vector x) { return vmaxq_f64(best, x); }  // NaN if one is
  static Mask beats(Vector x, Vector best) {
    const Mask not_larger = vcleq_f64(x, best);
    return vbicq_u64(vceqq_f64(best, best), not_larger);
  }
  static Vector choose(Mask mask, Vector a, Vector b) { return vbslq_f64(mask, a, b); }
  static Place places(int64_t place) { return vdupq_n_s64(place); }
  static Place add_places(Place a, Place b) { return vaddq_s64(a, b); }
  static Place choose_places(Mask mask, Place a, Place b) { return vbslq_s64(mask, a, b); }
  static Place load_places(const int64_t *source) { return vld1q_s64(source); }
  static Place load_places(const int64_t *source, Part part) {
    return part > 1 ? load_places(source) : vdupq_n_s64(part > 0 ? *source : 0);
  }
  static void store_places(int64_t *target, Place places) { vst1q_s64(target, places); }
  static void store_places(int64_t *target, Place places, Part part) {
    if (part > 0) vst1q_lane_s64(target, places, 0);
    if (part > 1) vst1q_lane_s64(target + 1, places, 1);
  }
};
