// What the tests of the kernels share: a failure's name, the bound of a sum's error, and outputs whose cells outside the
// answer hold a canary.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>

#include "guarded.hpp"
#include "kernels/kernels.hpp"

inline constexpr double canary = 12345.0;

// What c must be: the product in double (long double for double) and a bound of its error.
template <class T, class A, class B>
bool close(T value, T before, int64_t k, const A &a, const B &b) {
  long double sum = before, magnitude = std::abs(before);
  for (int64_t l = 0; l < k; ++l) {
    const long double term = static_cast<long double>(a(l)) * b(l);
    sum += term;
    magnitude += std::abs(term);
  }
  const long double bound =
      std::numeric_limits<T>::epsilon() * (4 + 2 * std::sqrt(static_cast<long double>(k))) * magnitude;
  return std::abs(value - sum) <= bound;
}

template <class T>
inline constexpr const char *type_name = nullptr;
template <>
inline constexpr const char *type_name<float> = "f32";
template <>
inline constexpr const char *type_name<double> = "f64";

template <class T>
std::string name(const char *what, const gemmconv::Kernels &table, int64_t m, int64_t n, int64_t k) {
  return std::string(what) + " " + type_name<T> + " " + table.name + " m=" + std::to_string(m) +
         " n=" + std::to_string(n) + " k=" + std::to_string(k);
}

// Columns behind n and rows behind m keep their canaries.
template <class T>
bool untouched(Guarded<T> &c, int64_t m, int64_t n, int64_t ldc) {
  for (int64_t i = 0; i < c.size(); ++i) {
    if ((i / ldc >= m || i % ldc >= n) && c[i] != T(canary)) return false;
  }
  return true;
}

template <class T>
void fill(Guarded<T> &c, int64_t m, int64_t n, int64_t ldc) {
  std::normal_distribution<double> normal;
  for (int64_t i = 0; i < c.size(); ++i) {
    c[i] = i / ldc < m && i % ldc < n ? static_cast<T>(normal(generator)) : T(canary);
  }
}

template <class T>
void copy(Guarded<T> &from, Guarded<T> &to) {
  std::memcpy(to.data(), from.data(), static_cast<size_t>(from.size()) * sizeof(T));
}

// A length of sums: none, one, a few.
inline int64_t some_k() { return uniform(0, 5) ? uniform(1, 9) : uniform(0, 1); }

// depthwise_kernels_test.cpp: the kernels that read planes and channels in place.
template <class T>
void check_depthwise(const gemmconv::Kernels &table);
