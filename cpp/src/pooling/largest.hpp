// The largest cell of each window, with or without its position.
#pragma once

#include <limits>

#include "argmax.hpp"
#include "reduce.hpp"

namespace gemmconv {

template <class T>
struct Largest {
  using Value = T;
  T neutral() const { return -std::numeric_limits<T>::infinity(); }
  T lift(T x) const { return x; }
  T join(T best, T x) const { return (x > best) | (x != x) ? x : best; }
  struct Row {
    T operator()(int64_t, int64_t, T value) const { return value; }
  };
  Row row(int64_t, int64_t, int64_t) const { return Row{}; }
};

template <class T>
void largest(const PoolGeometry &geometry, const Windows &windows, int threads, const T *x, T *y, int64_t *indices) {
  if (indices) argmax(geometry, windows, threads, x, y, indices);
  else reduce_windows(geometry, windows, threads, x, y, Largest<T>{}, Largest<T>{});
}

}  // namespace gemmconv
