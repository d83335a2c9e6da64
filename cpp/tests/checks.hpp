// What the checks of kernels share: arrays at pages that fault, random sizes, the bound of a sum's error.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <limits>
#include <random>
#include <string>

#include "kernels/kernels.hpp"

using gemmconv::Kernels;

inline int failures = 0;
inline std::mt19937_64 generator(20201);

inline int64_t uniform(int64_t low, int64_t high) {
  return std::uniform_int_distribution<int64_t>(low, high)(generator);
}

inline void check(bool good, const std::string &what) {
  if (good) return;
  if (++failures <= 40) std::printf("FAILED %s\n", what.c_str());
}

// `count` elements between two pages without access: the last one ends where the second begins or, `at_start`, the
// first one begins where the first ends.
template <class T>
class Guarded {
 public:
  explicit Guarded(int64_t count, bool at_start = false) : count_(count) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE)), bytes = static_cast<size_t>(count) * sizeof(T);
    const size_t used = (bytes + page - 1) / page * page;
    size_ = page + used + page;
    start_ = static_cast<char *>(mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(start_, page, PROT_NONE);
    mprotect(start_ + page + used, page, PROT_NONE);
    data_ = reinterpret_cast<T *>(start_ + page + (at_start ? 0 : used - bytes));
  }
  ~Guarded() { munmap(start_, size_); }
  Guarded(const Guarded &) = delete;
  Guarded &operator=(const Guarded &) = delete;
  T *data() { return data_; }
  T &operator[](int64_t i) { return data_[i]; }
  int64_t size() const { return count_; }
  void randomize() {
    std::normal_distribution<double> normal;
    for (int64_t i = 0; i < count_; ++i) data_[i] = static_cast<T>(normal(generator));
  }

 private:
  char *start_;
  size_t size_;
  T *data_;
  int64_t count_;
};

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
std::string name(const char *what, const Kernels &table, int64_t m, int64_t n, int64_t k) {
  return std::string(what) + (sizeof(T) == 4 ? " f32 " : " f64 ") + table.name + " m=" + std::to_string(m) +
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

// In depthwise_kernels_test.cpp: the kernels that read planes and channels in place.
template <class T>
void check_depthwise(const Kernels &table);
