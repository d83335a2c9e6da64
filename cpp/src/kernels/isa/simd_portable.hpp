// Vectors of 16 bytes by the compiler's vector extensions: they work on every baseline.

typedef float Float4 __attribute__((vector_size(16)));
typedef double Double2 __attribute__((vector_size(16)));
typedef int32_t Int4 __attribute__((vector_size(16)));
typedef int64_t Long2 __attribute__((vector_size(16)));

struct Lanes {
  int first, end;
};

template <class T, class V, class P, int count>
struct PortableSimd {
  using Vector = V;
  using Part = int;  // lanes in use, from the first on
  using Span = Lanes;
  static constexpr int lanes = count;
  static constexpr int block = 4;  // transpose() takes block x block

  static Vector zero() { return Vector{}; }
  static Vector broadcast(T value) { return value - Vector{}; }
  static Part part(int used) { return used; }
  static Span span(int first, int end) { return {first, end}; }
  static Vector load(const T *source) {
    Vector value;
    __builtin_memcpy(&value, source, sizeof value);
    return value;
  }
  static Vector load(const T *source, Part part) {
    Vector value{};
    for (int i = 0; i < part; ++i) value[i] = source[i];
    return value;
  }
  static Vector load(const T *source, Span span) {
    Vector value{};
    for (int i = span.first; i < span.end; ++i) value[i] = source[i];
    return value;
  }
  static Vector held(Vector value) { return value; }
  static void store(T *target, Vector value) { __builtin_memcpy(target, &value, sizeof value); }
  static void store(T *target, Vector value, Part part) {
    for (int i = 0; i < part; ++i) target[i] = value[i];
  }
  static void stream(T *target, Vector value) { store(target, value); }
  static void fence() {}
  static Vector even(Vector a, Vector b) { return every_second(a, b, 0); }
  static Vector odd(Vector a, Vector b) { return every_second(a, b, 1); }
  static Vector every_second(Vector a, Vector b, int from) {
    Vector value{};
    for (int i = 0; i < count / 2; ++i) {
      value[i] = a[2 * i + from];
      value[count / 2 + i] = b[2 * i + from];
    }
    return value;
  }
  static Vector add(Vector a, Vector b) { return a + b; }
  static Vector fma(Vector a, Vector b, Vector c) { return a * b + c; }  // rounds twice
  static Vector zip_low(Vector a, Vector b) { return zip(a, b, 0); }
  static Vector zip_high(Vector a, Vector b) { return zip(a, b, count / 2); }
  static Vector zip(Vector a, Vector b, int from) {
    Vector result;
    for (int i = 0; i < count / 2; ++i) {
      result[2 * i] = a[from + i];
      result[2 * i + 1] = b[from + i];
    }
    return result;
  }
  static void sum4(Vector a, Vector b, Vector c, Vector d, T *sums) {
    const Vector each[4] = {a, b, c, d};
    for (int i = 0; i < 4; ++i) {
      sums[i] = each[i][0];
      for (int lane = 1; lane < count; ++lane) sums[i] += each[i][lane];
    }
  }
  static void transpose(const T *from, int64_t from_row, T *to, int64_t to_row) {
    for (int j = 0; j < block; ++j) {
      for (int i = 0; i < block; ++i) to[j * to_row + i] = from[i * from_row + j];
    }
  }
  using Mask = P;  // lanes of all ones or all zeros
  using Place = P;
  using PlaceLane = PlaceOf<T>;
  static Vector mul(Vector a, Vector b) { return a * b; }
  static Vector div(Vector a, Vector b) { return a / b; }
  static Vector abs(Vector a) {
    return (Vector)((P)a & ~(P)broadcast(T(-0.0)));  // all bits but the sign
  }
  static Mask beats(Vector x, Vector best) { return (x > best) | ((x != x) & (best == best)); }
  static Vector larger(Vector best, Vector x) { return choose(beats(x, best), x, best); }
  static Vector choose(Mask mask, Vector a, Vector b) { return (Vector)((mask & (P)a) | (~mask & (P)b)); }
  static Place places(PlaceLane place) { return place - Place{}; }
  static Place add_places(Place a, Place b) { return a + b; }
  static Place choose_places(Mask mask, Place a, Place b) { return (mask & a) | (~mask & b); }
  static Place load_places(const PlaceLane *source) {
    Place value;
    __builtin_memcpy(&value, source, sizeof value);
    return value;
  }
  static Place load_places(const PlaceLane *source, Part part) {
    Place value{};
    for (int i = 0; i < part; ++i) value[i] = source[i];
    return value;
  }
  static void store_places(int64_t *target, Place places, Part part = count) {
    for (int i = 0; i < part; ++i) target[i] = places[i];
  }
};

template <class T>
struct Simd;
template <>
struct Simd<float> : PortableSimd<float, Float4, Int4, 4> {};
template <>
struct Simd<double> : PortableSimd<double, Double2, Long2, 2> {
  using PortableSimd::load;
  using PortableSimd::store;
  static Vector load(const float *source) { return Vector{source[0], source[1]}; }
  static Vector load(const float *source, Part part) {
    return Vector{part > 0 ? source[0] : 0.0, part > 1 ? source[1] : 0.0};
  }
  static void store(float *target, Vector value, Part part = lanes) {
    for (int i = 0; i < part; ++i) target[i] = static_cast<float>(value[i]);
  }
  static Vector sqrt(Vector a) { return Vector{__builtin_sqrt(a[0]), __builtin_sqrt(a[1])}; }
};
