// exp, and sigmoid and tanh with their slopes, in float, from additions, products and selections only, so that compilers
// turn loops over them into vectors: the C library's are called one number at a time. Within 2 units in the last place.
// Included inside a namespace, by the epilogue and by every instruction set; it includes nothing itself.
#pragma once

// exp(x) for x <= 0, subnormal answers included; NaN passes. 2^n times a polynomial on [-ln 2 / 2, ln 2 / 2] (Cephes).
inline float exp_of_negative(float x) {
  constexpr float log2_e = 1.44269504f, to_integer = 12582912.0f;  // 1.5 * 2^23: adding it rounds to the integers
  const float limited = x < -104.0f ? -104.0f : x;                 // exp(-104) rounds to zero
  const float shifted = limited * log2_e + to_integer;
  const float n = shifted - to_integer;
  const float r = (limited - n * 0.693359375f) + n * 2.12194440e-4f;  // ln 2 in two parts
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  // the last bits of `shifted` are n; 2^n in two factors, as n may be below the least exponent
  uint32_t bits, origin;
  __builtin_memcpy(&bits, &shifted, sizeof bits);
  __builtin_memcpy(&origin, &to_integer, sizeof origin);
  const int32_t whole = static_cast<int32_t>(bits - origin), half = whole >> 1;
  const uint32_t low = (static_cast<uint32_t>(half) + 127u) << 23;
  const uint32_t high = (static_cast<uint32_t>(whole - half) + 127u) << 23;
  float first, second;
  __builtin_memcpy(&first, &low, sizeof first);
  __builtin_memcpy(&second, &high, sizeof second);
  return p * first * second;
}

// tanh(z): near zero an odd polynomial, where the quotient of exponentials would cancel (Cephes).
inline float tanh_of(float z) {
  const float size = __builtin_fabsf(z), square = z * z;
  const float e = exp_of_negative(-2 * size);
  const float far = (1 - e) / (1 + e);
  float p = -5.70498872745e-3f;
  p = p * square + 2.06390887954e-2f;
  p = p * square - 5.37397155531e-2f;
  p = p * square + 1.33314422036e-1f;
  p = p * square - 3.33332819422e-1f;
  const float near = size + size * (square * p);
  return __builtin_copysignf(size < 0.625f ? near : far, z);
}

inline float sigmoid_of(float z) {
  const float e = exp_of_negative(-__builtin_fabsf(z));  // by the sign of z, so that exp never overflows
  return (z >= 0 ? 1.0f : e) / (1 + e);
}

inline float sigmoid_slope_of(float z) {
  const float e = exp_of_negative(-__builtin_fabsf(z));
  return e / ((1 + e) * (1 + e));
}

// 1 / cosh^2, which keeps its digits where 1 - tanh^2 cancels.
inline float tanh_slope_of(float z) {
  const float e = exp_of_negative(-2 * __builtin_fabsf(z));
  return 4 * e / ((1 + e) * (1 + e));
}
