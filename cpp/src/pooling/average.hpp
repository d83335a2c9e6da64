// Average pooling over any windows. Up to 16 cells are summed in the type of x, which costs the last bit or two; larger sums
// are in double.
#pragma once

#include "adaptive_planes.hpp"
#include "channels.hpp"
#include "planes.hpp"
#include "reduce.hpp"
#include "whole.hpp"

namespace gemmconv {

template <class T>
struct Sum {
  using Value = double;
  double neutral() const { return 0; }
  double lift(T x) const { return x; }
  double join(double a, double b) const { return a + b; }
};

// What a window's sum is divided by: a number given, or the product of its cells per axis.
template <class T>
struct Divisor {
  const PoolGeometry &geometry;
  const Windows &windows;

  // Cells per axis that count; 1 where the divisor is given.
  double cells(int a, int64_t o) const {
    if (!windows.adaptive && geometry.divisor != 0) return 1;
    if (windows.adaptive || !geometry.count_include_pad) return static_cast<double>(windows.span(a, o).count);
    const Axis &axis = windows.axis[a];
    const int64_t left = axis.input + geometry.padding_high[a] - (o * axis.stride - axis.padding_low);
    if (left > (axis.kernel - 1) * axis.dilation) return static_cast<double>(axis.kernel);
    return static_cast<double>(ceil_div(left, axis.dilation));
  }
  double rows(int64_t o0, int64_t o1) const {
    const double given = windows.adaptive ? 0 : geometry.divisor;
    return given != 0 ? given : cells(0, o0) * cells(1, o1);
  }

  struct Row {
    const Divisor &divisor;
    double rows;
    T operator()(int64_t o2, int64_t, double sum) const {
      const double count = rows * divisor.cells(2, o2);
      return static_cast<T>(count != 0 ? sum / count : 0.0);
    }
  };
  Row row(int64_t, int64_t o0, int64_t o1) const { return Row{*this, rows(o0, o1)}; }
};

// The divisors of all windows: one number, or a number for each output of each axis, worked out once.
template <class T>
class Divisors {
 public:
  Divisors(const PoolGeometry &geometry, const Windows &windows)
      : divisor_{geometry, windows}, workspace_(static_cast<size_t>(windows.axis[2].output) * sizeof(double)) {
    columns_ = static_cast<double *>(workspace_.data());
    alike_ = true;
    for (int64_t o = 0; o < windows.axis[2].output; ++o) {
      columns_[o] = divisor_.cells(2, o);
      alike_ &= columns_[o] == columns_[0];
    }
    for (int a = 0; a < 2; ++a)
      for (int64_t o = 1; o < windows.axis[a].output; ++o) alike_ &= divisor_.cells(a, o) == divisor_.cells(a, 0);
    common_ = divisor_.rows(0, 0) * columns_[0];
    alike_ &= common_ != 0;
  }
  bool alike() const { return alike_; }
  double common() const { return common_; }
  double rows(int64_t o0, int64_t o1) const { return divisor_.rows(o0, o1); }
  double column(int64_t o2) const { return columns_[o2]; }

 private:
  Divisor<T> divisor_;
  Workspace workspace_;
  double *columns_;
  double common_;
  bool alike_;
};

template <class T>
void average(const PoolGeometry &geometry, const Windows &windows, int threads, const T *x, T *y) {
  const PoolKernel<T> &kernel = kernels<T>().pools;
  const int fewer = threads_for(threads, geometry.batch * geometry.channels * geometry.input_pixels());
  const bool planar = geometry.layout == Layout::nchw || geometry.channels == 1;
  if (whole_planes(geometry, windows)) {
    const int64_t cells = geometry.input_pixels();
    const double divisor = Divisor<T>{geometry, windows}.rows(0, 0) * Divisor<T>{geometry, windows}.cells(2, 0);
    return parallel_ranges(fewer, geometry.batch * geometry.channels, [&](int64_t begin, int64_t end) {
      kernel.row_means(end - begin, cells, x + begin * cells, cells, divisor, y + begin);
    });
  }
  if (windows.adaptive && planar) return average_adaptive_planes(geometry, windows, fewer, x, y);
  const Divisors<T> divisors(geometry, windows);
  const auto op = [&](const Sweep<T> &sweep) {
    T *to = y + sweep.y;
    const bool alike = divisors.alike() || !sweep.planar;
    const double common = divisors.alike() ? divisors.common()
                          : sweep.planar   ? 1
                                           : divisors.rows(sweep.o0, sweep.o1) * divisors.column(sweep.o2);
    if (sweep.k == 0 || common == 0) {
      for (int64_t i = 0; i < sweep.m; ++i) std::fill_n(to + i * sweep.y_row, sweep.n, T(0));
      return;
    }
    kernel.mean(sweep.m, sweep.n, sweep.k, sweep.x, sweep.x_row, sweep.offsets, common, to, sweep.y_row);
    if (alike) return;
    for (int64_t i = 0; i < sweep.m; ++i, to += sweep.y_row) {
      const double rows = divisors.rows(sweep.o0, sweep.o1 + i);
      for (int64_t j = 0; j < sweep.n; ++j) {
        const double count = rows * divisors.column(sweep.o2 + j);
        to[j] = static_cast<T>(count != 0 ? to[j] / count : 0.0);
      }
    }
  };
  if (!planar) return sweep_channels(geometry, windows, fewer, x, op);
  if (sweep_planes(geometry, windows, fewer, x, T(0), op)) return;
  reduce_windows(geometry, windows, threads, x, y, Sum<T>{}, Divisor<T>{geometry, windows});
}

}  // namespace gemmconv
