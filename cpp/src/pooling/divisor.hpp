// What an average pooling divides the sum of a window by: a number given, or its cells per axis, those inside the padded
// input or those inside the input.
#pragma once

#include "../workspace.hpp"
#include "windows.hpp"

namespace gemmconv::pooling {

// Of one window, axis by axis; as a Finish of rows.hpp, it divides.
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

// The divisors of all windows: one number, or a number for each output of each axis, computed once.
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

}  // namespace gemmconv::pooling
