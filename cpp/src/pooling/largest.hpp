// The largest cell of each window, with or without its position.
#pragma once

#include <limits>

#include "adaptive_planes.hpp"
#include "argmax.hpp"
#include "channels.hpp"
#include "planes.hpp"
#include "reduce.hpp"
#include "whole.hpp"

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

// Windows that lie wholly in padding have no place: -1.
template <class T>
void unplace_empty(const Windows &windows, const Sweep<T> &sweep, int64_t *indices) {
  if (!sweep.planar) return;  // such a window is a group of its own, without cells
  for (int64_t i = 0; i < sweep.m; ++i)
    if (windows.span(1, sweep.o1 + i).count == 0)
      std::fill_n(indices + sweep.y + i * sweep.y_row, sweep.n, int64_t(-1));
  for (int64_t j = 0; j < sweep.n; ++j)
    if (windows.span(2, sweep.o2 + j).count == 0)
      for (int64_t i = 0; i < sweep.m; ++i) indices[sweep.y + i * sweep.y_row + j] = -1;
}

// Whether some window lies wholly in padding.
inline bool some_empty(const Windows &windows) {
  const auto empty = [&](int a) {
    const Axis &axis = windows.axis[a];
    const int64_t extent = (axis.kernel - 1) * axis.dilation + 1;
    if (axis.dilation > axis.input) return true;  // it may step over the input
    return axis.padding_low >= extent || (axis.output - 1) * axis.stride - axis.padding_low >= axis.input;
  };
  return !windows.adaptive && (empty(0) || empty(1) || empty(2));
}

// Of each plane of NCHW as a whole. Its place is found by looking for what is the largest.
template <class T>
void largest_of_planes(const PoolGeometry &geometry, int threads, const T *x, T *y, int64_t *indices) {
  const int64_t cells = geometry.input_pixels();
  parallel_ranges(threads, geometry.batch * geometry.channels, [&](int64_t begin, int64_t end) {
    kernels<T>().pools.row_maxima(end - begin, cells, x + begin * cells, cells, y + begin);
    for (int64_t plane = begin; indices && plane < end; ++plane) {
      const T *from = x + plane * cells, best = y[plane];
      int64_t cell = 0;
      while (!ties(from[cell], best)) ++cell;
      indices[plane] = cell;
    }
  });
}

template <class T>
void largest(const PoolGeometry &geometry, const Windows &windows, int threads, const T *x, T *y, int64_t *indices) {
  constexpr T lowest = -std::numeric_limits<T>::infinity();
  const PoolKernel<T> &kernel = kernels<T>().pools;
  const bool empties = some_empty(windows);
  const int fewer = threads_for(threads, geometry.batch * geometry.channels * geometry.input_pixels());
  const auto op = [&](const Sweep<T> &sweep) {
    T *to = y + sweep.y;
    if (sweep.k == 0) {
      for (int64_t i = 0; i < sweep.m; ++i) {
        std::fill_n(to + i * sweep.y_row, sweep.n, lowest);
        if (indices) std::fill_n(indices + sweep.y + i * sweep.y_row, sweep.n, int64_t(-1));
      }
    } else if (indices) {
      kernel.argmax(sweep.m, sweep.n, sweep.k, sweep.x, sweep.x_row, sweep.offsets, sweep.places, to, indices + sweep.y,
                    sweep.y_row);
      if (empties) unplace_empty(windows, sweep, indices);
    } else {
      kernel.largest(sweep.m, sweep.n, sweep.k, sweep.x, sweep.x_row, sweep.offsets, to, sweep.y_row);
    }
  };
  const bool planar = geometry.layout == Layout::nchw || geometry.channels == 1;
  if (whole_planes(geometry, windows)) return largest_of_planes(geometry, fewer, x, y, indices);
  if (!indices || places_fit<T>(geometry)) {
    if (windows.adaptive && planar) return largest_adaptive_planes(geometry, windows, fewer, x, y, indices);
    if (!planar) return sweep_channels(geometry, windows, fewer, x, op);
    if (sweep_planes(geometry, windows, fewer, x, lowest, op)) return;
  }
  if (indices) argmax(geometry, windows, threads, x, y, indices);
  else reduce_windows(geometry, windows, threads, x, y, Largest<T>{}, Largest<T>{});
}

}  // namespace gemmconv
