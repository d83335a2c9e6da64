// Contract of the reductions of windows: pooling, and the sums and maxima of rows.
#pragma once

#include <cstdint>

namespace gemmconv {

// Places in a plane are as wide as values, so that one mask chooses both.
template <class T>
struct PlaceFor;
template <>
struct PlaceFor<float> {
  using Type = int32_t;
};
template <>
struct PlaceFor<double> {
  using Type = int64_t;
};
template <class T>
using PlaceOf = typename PlaceFor<T>::Type;

// The place in its plane of the cell that window (i, j) reads under tap l: first + i * row + j * column + taps[l]. A window
// whose cells are all -inf takes row_starts[i] + column_starts[j], or, where those are nullptr, that of its first tap.
template <class T>
struct PoolPlaces {
  int64_t first, row, column;
  const PlaceOf<T> *taps, *row_starts, *column_starts;
};

// Windows (i, j) for i < m, j < n, all of the same k > 0 offsets: cell l of one is x[i * x_row + offsets[l] + j]. Results go
// to y[i * y_row + j] and nothing else is written.
template <class T>
struct PoolKernel {
  // The largest cell; NaN wins.
  void (*largest)(int64_t m, int64_t n, int64_t k, const T *x, int64_t x_row, const int64_t *offsets, T *y,
                  int64_t y_row);
  // And where it is, the first tap among equals; `indices` has the rows of y.
  void (*argmax)(int64_t m, int64_t n, int64_t k, const T *x, int64_t x_row, const int64_t *offsets,
                 const PoolPlaces<T> &places, T *y, int64_t *indices, int64_t y_row);
  // The sum divided by `divisor`.
  void (*mean)(int64_t m, int64_t n, int64_t k, const T *x, int64_t x_row, const int64_t *offsets, double divisor, T *y,
               int64_t y_row);
  // p = 1: sum of |x|, p = 2: root of the sum of x^2; both in double and without regard to overflow.
  void (*norm)(int p, int64_t m, int64_t n, int64_t k, const T *x, int64_t x_row, const int64_t *offsets, T *y,
               int64_t y_row);
  // Sum of w[l] * cell l, from zero; k may be 0.
  void (*weighted)(int64_t m, int64_t n, int64_t k, const T *x, int64_t x_row, const int64_t *offsets, const T *w, T *y,
                   int64_t y_row);
  // y[i] = sum / divisor, or largest, of x[i * x_row + j] over j < n            (i < m)
  void (*row_means)(int64_t m, int64_t n, const T *x, int64_t x_row, double divisor, T *y);
  void (*row_maxima)(int64_t m, int64_t n, const T *x, int64_t x_row, T *y);
};

}  // namespace gemmconv
