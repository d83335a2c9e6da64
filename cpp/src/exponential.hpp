// exp and tanh in float, from additions, products and selections only, so that compilers turn loops over them into
// vectors: the C library's are called one number at a time. Both are within 2 units in the last place.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace gemmconv {

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
  std::memcpy(&bits, &shifted, sizeof bits);
  std::memcpy(&origin, &to_integer, sizeof origin);
  const int32_t whole = static_cast<int32_t>(bits - origin), half = whole >> 1;
  const uint32_t low = (static_cast<uint32_t>(half) + 127u) << 23;
  const uint32_t high = (static_cast<uint32_t>(whole - half) + 127u) << 23;
  float first, second;
  std::memcpy(&first, &low, sizeof first);
  std::memcpy(&second, &high, sizeof second);
  return p * first * second;
}

inline double exp_of_negative(double x) { return std::exp(x); }

// tanh(z): near zero an odd polynomial, where the quotient of exponentials would cancel (Cephes).
inline float tanh_of(float z) {
  const float size = std::abs(z), square = z * z;
  const float e = exp_of_negative(-2 * size);
  const float far = (1 - e) / (1 + e);
  float p = -5.70498872745e-3f;
  p = p * square + 2.06390887954e-2f;
  p = p * square - 5.37397155531e-2f;
  p = p * square + 1.33314422036e-1f;
  p = p * square - 3.33332819422e-1f;
  const float near = size + size * (square * p);
  return std::copysign(size < 0.625f ? near : far, z);
}

inline double tanh_of(double z) { return std::tanh(z); }

}  // namespace gemmconv
