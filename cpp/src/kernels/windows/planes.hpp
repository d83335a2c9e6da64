// Contract of the correlations of planes (NCHW) with one kernel each, read in place: the depthwise passes.
#pragma once

#include <cstdint>

namespace gemmconv {

// A plane of cells that a kernel slides over. Cells outside of it count as zeros, and no load touches them.
struct PlaneWindow {
  int64_t rows, columns, row_step;                   // of the plane that is read; elements from row to row
  int64_t kernel_rows, kernel_columns, column_step;  // column_step: the dilation along rows
  int64_t first_row, first_column;                   // the cell under tap 0 of output 0: negative in the padding
  int64_t stride;                                    // 1 or 2, along both axes
  int64_t out_rows, out_columns, out_row_step;
};

// Elements from tap to tap of a kernel; negative ones rotate it by 180 degrees.
struct TapSteps {
  int64_t row, column;
};

// So many planes, and the elements from each to the next in its three arrays.
struct Series {
  int64_t count, w, x, y;
};

template <class T>
struct PlaneWindowKernel {
  // For each plane of the series:
  // y[i * out_row_step + j] (+)= sum_{r, s} w[r * tap.row + s * tap.column] * x(i * stride + r, j * stride + s * column_step),
  // where x(h, v) = x[(first_row + h) * row_step + first_column + v], or 0 outside the plane. Sums start from zero and
  // are added to y with `accumulate`.
  void (*correlate)(const PlaneWindow &, const Series &, const T *w, TapSteps tap, const T *x, T *y, bool accumulate);
  // The same at stride 1 by two kernels, whose sums go to the even and to the odd columns of y. Each has a window of
  // its own, which differ in their columns only; their kernels have at most 8 columns.
  void (*interleaved)(const PlaneWindow &even, const PlaneWindow &odd, const Series &, const T *w_even, const T *w_odd,
                      TapSteps tap, const T *x, T *y, bool accumulate);
  // For each plane of `channels`, where y stands for dy and w for dw:
  // dw[r * tap.row + s * tap.column] += sum_{i, j} dy[i * out_row_step + j] * x(i * stride + r, j * stride + s * column_step),
  // also summed over the series `images`. Sums start from zero and are added to dw.
  void (*gradient)(const PlaneWindow &, const Series &channels, const Series &images, const T *dy, const T *x, T *dw,
                   TapSteps tap);
};

}  // namespace gemmconv
