// What the programs of this folder share: random numbers, failures counted and printed, and arrays between pages that fault,
// so that a tail read or written too far is a crash.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <random>
#include <string>

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

// pool_kernels_test.cpp
void check_pool_kernels();
// pool_variants_test.cpp
void check_pool_variants();
// panel_kernels_test.cpp
void check_panel_kernels();
// lanes_kernels_test.cpp
void check_lanes_kernels();
