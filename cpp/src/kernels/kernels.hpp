// The innermost code, one table per instruction set. A table is plain data: which tile sizes suit the set and where
// its functions are. Bodies are written once (*_body.hpp) over a small vector type (simd_*.hpp) and compiled per set.
#pragma once

#include <cstdint>

namespace gemmconv {

template <class T>
struct GemmKernel {
  int mr, nr;      // rows and columns of the register tile
  int mc, kc, nc;  // cache blocks: a panel block mc x kc stays in L2, a sliver kc x nr in L1
  // c[i * ldc + j] (+)= sum over l < k of a[l * mr + i] * b[l * nr + j], for i < rows <= mr, j < columns <= nr;
  // nothing else is written. a and b are whole panels whatever rows and columns are. `accumulate` false overwrites. The
  // order of l is the order of addition: equal inputs give equal bits at any i, j and in any tile.
  void (*tile)(int64_t k, const T *a, const T *b, T *c, int64_t ldc, int rows, int columns, bool accumulate);
  // One panel of width mr or nr: panel[l * width + i] = source[i * across + l * along] for i < count, zeros for
  // count <= i < width (l < k).
  void (*pack)(int64_t width, int64_t k, int64_t count, const T *source, int64_t across, int64_t along, T *panel);
  // c[i * c_row + j] (+)= sum_l a[i * a_row + l * a_col] * b[l * b_row + j] for i < m, j < n: the same bits as by
  // tiles, from operands that are not packed.
  void (*unpacked)(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b, int64_t b_row,
                   T *c, int64_t c_row, bool accumulate);
};

template <class T>
struct DirectKernel {
  // c[i * c_row + j] += sum_l a[i * a_row + l * a_col] * b[l * b_row + j]     (i < m, j < n, l < k)
  void (*outer)(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b, int64_t b_row,
                T *c, int64_t c_row);
  // c[i * c_row + j * c_col] += sum_l a[i * a_row + l] * b[j * b_row + l]      (i < m, j < n, l < k)
  void (*dot)(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, const T *b, int64_t b_row, T *c,
              int64_t c_row, int64_t c_col);
  // to[j * to_row + i] = from[i * from_row + j]                                 (i < m, j < n)
  void (*transpose)(int64_t m, int64_t n, const T *from, int64_t from_row, T *to, int64_t to_row);
};

template <class T>
struct ShiftedKernel {
  // c[i * c_row + j] (+)= sum_l a[i * a_row + l * a_col] * b[offsets[l] + j]    (i < m, j < n, l < k)
  void (*correlate)(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b,
                    const int64_t *offsets, T *c, int64_t c_row, bool accumulate);
  // c[i * c_row + l] += sum_j a[i * a_row + j] * b[offsets[l] + j]             (i < m, j < n, l < k)
  void (*dots)(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, const T *b, const int64_t *offsets, T *c,
               int64_t c_row);
};

// A plane of cells that a kernel slides over where it lies. Cells outside of it count as zeros, and no load touches
// them.
struct PlaneWindow {
  int64_t rows, columns, row_step;                   // of the plane that is read; elements from row to row
  int64_t kernel_rows, kernel_columns, column_step;  // column_step: the dilation along rows
  int64_t first_row, first_column;                   // the cell under tap 0 of output 0: negative in the padding
  int64_t stride;                                    // 1 or 2, along both axes
  int64_t out_rows, out_columns, out_row_step;
};

// Elements from tap to tap of a kernel; negative ones turn it.
struct TapSteps {
  int64_t row, column;
};

// So many planes, and the elements from each to the next in its three arrays.
struct Series {
  int64_t count, w, x, y;
};

template <class T>
struct WindowKernel {
  // For each plane of the series:
  // y[i * out_row_step + j] (+)= sum_{r, s} w[r * tap.row + s * tap.column] * x(i * stride + r, j * stride + s * column_step),
  // where x(h, v) = x[(first_row + h) * row_step + first_column + v], or 0 outside the plane.
  void (*correlate)(const PlaneWindow &, const Series &, const T *w, TapSteps tap, const T *x, T *y, bool accumulate);
  // The same at stride 1 by two kernels, whose sums go to the even and to the odd columns of y. Each has a window of
  // its own, which differ in their columns only.
  void (*interleaved)(const PlaneWindow &even, const PlaneWindow &odd, const Series &, const T *w_even, const T *w_odd,
                      TapSteps tap, const T *x, T *y, bool accumulate);
  // For each plane of `channels`, where y stands for dy and w for dw:
  // dw[r * tap.row + s * tap.column] += sum_{i, j} dy[i * out_row_step + j] * x(i * stride + r, j * stride + s * column_step),
  // also summed over the series `images`.
  void (*gradient)(const PlaneWindow &, const Series &channels, const Series &images, const T *dy, const T *x, T *dw,
                   TapSteps tap);
};

// Kernels over tensors whose channels are neighbours.
template <class T>
struct ChannelKernel {
  // y[p * y_step + c] = sum_t w[places[t] + c] * x[offsets[t] + p * x_step + c]      (p < pixels, c < channels, t < taps)
  void (*correlate)(int64_t pixels, int64_t channels, int64_t taps, const T *w, const int64_t *places, const T *x,
                    const int64_t *offsets, int64_t x_step, T *y, int64_t y_step);
  // dw[places[t] + c] += sum_p dy[p * dy_step + c] * x[offsets[t] + p * x_step + c]
  void (*gradient)(int64_t pixels, int64_t channels, int64_t taps, const T *dy, int64_t dy_step, const T *x,
                   const int64_t *offsets, int64_t x_step, T *dw, const int64_t *places);
};

template <class T>
struct PlaneKernel {
  // to[i * to_row + j * to_col] = from[i * from_row + j * from_col]            (i < m, j < n)
  void (*copy)(int64_t m, int64_t n, const T *from, int64_t from_row, int64_t from_col, T *to, int64_t to_row,
               int64_t to_col);
  // to[i * to_row + j * to_col] += from[i * from_row + j * from_col]           (i < m, j < n)
  void (*add)(int64_t m, int64_t n, const T *from, int64_t from_row, int64_t from_col, T *to, int64_t to_row,
              int64_t to_col);
  // to[i * to_row + j] = (j even ? even : odd)[i * from_row + j / 2]           (i < m, j < n)
  void (*interleave)(int64_t m, int64_t n, const T *even, const T *odd, int64_t from_row, T *to, int64_t to_row);
};

// Cells of a row of a panel that lie one behind the other in the source, or, `from` < 0, that are padding.
struct Run {
  int32_t column, count;
  int64_t from;
};

// c[i * c_row + j] = start + sum_l a(i, l) b(l, j) for i < m, j < n, where column l = u * inner + t of a is
// a(i, l) = a[i * a_row + u * (inner * a_inner + a_skip) + t * a_inner] and row l of b begins at b + l * b_row, or, if
// there are b_offsets, at b + b_offsets[l]. `start` is the row's bias or 0, and c itself with `accumulate`. Rows of b are
// read in whole vectors. `stream` writes c around the caches, where its alignment allows. With `keep`, b is read once, in
// the first rows of c, and copied to a panel with rows of `keep_row`, from which the other rows are done (no b_offsets).
template <class T>
struct Product {
  int64_t m, n;
  const T *a;
  int64_t a_row, inner, a_inner, outer, a_skip;
  const T *b;
  int64_t b_row;
  const int64_t *b_offsets;
  T *c;
  int64_t c_row;
  const T *bias;
  bool accumulate, stream;
  T *keep;
  int64_t keep_row;
};

template <class T>
struct PanelKernel {
  int columns;  // of the widest tile
  int lanes;    // of one vector
  void (*product)(const Product<T> &);
  // panel[(c * taps + t) * panel_row + run.column + j] = x[c * channel_stride + run.from + j * step] for j < run.count
  // and the runs first_run[t] .. first_run[t + 1] - 1 of each tap, in the order of their columns. Up to a vector
  // behind a run is overwritten: a row has that much room.
  void (*gather)(int64_t channels, int64_t taps, const int32_t *first_run, const Run *runs, const T *x,
                 int64_t channel_stride, int64_t step, T *panel, int64_t panel_row);
};

template <class T>
struct LanesKernel {
  int lanes;  // of one vector
  // For one vector or two of target channels:
  // sums[i * sums_row + j] (+)= sum_l x[offsets[l] + i] * w[l * w_row + j]     (i < m, j < lanes or 2 lanes, l < k)
  void (*row[2])(int64_t m, int64_t k, const T *x, const int64_t *offsets, const T *w, int64_t w_row, T *sums,
                 int64_t sums_row, bool accumulate);
};

template <class T>
struct WeightsKernel {
  int lanes, vectors;  // of one vector; most vectors at once
  // For `count` vectors of target channels: c[i * c_row + j] +=
  //   sum_{h < height, p < width} x[offsets[i] + h * x_line + p] * b[(h * width + p) * b_row + j]  (i < m, j < count lanes)
  void (*sums)(int count, int64_t m, int64_t height, int64_t width, const T *x, const int64_t *offsets, int64_t x_line,
               const T *b, int64_t b_row, T *c, int64_t c_row);
};

// Places in a plane are as wide as values, so that one mask chooses both.
template <class T>
struct PlaceFor {
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

// Windows (i, j) for i < m, j < n, all of the same k > 0 offsets: cell l of one is x[i * x_row + offsets[l] + j]. Answers go
// to y[i * y_row + j] and nothing else is written.
template <class T>
struct PoolKernel {
  // NaN wins.
  void (*largest)(int64_t m, int64_t n, int64_t k, const T *x, int64_t x_row, const int64_t *offsets, T *y,
                  int64_t y_row);
  // And where it is, the first tap among equals; `indices` lies as y does.
  void (*argmax)(int64_t m, int64_t n, int64_t k, const T *x, int64_t x_row, const int64_t *offsets,
                 const PoolPlaces<T> &places, T *y, int64_t *indices, int64_t y_row);
  void (*mean)(int64_t m, int64_t n, int64_t k, const T *x, int64_t x_row, const int64_t *offsets, double divisor, T *y,
               int64_t y_row);
  // p = 1: sum of |x|, p = 2: root of the sum of x^2; both in double and without regard to overflow.
  void (*norm)(int p, int64_t m, int64_t n, int64_t k, const T *x, int64_t x_row, const int64_t *offsets, T *y,
               int64_t y_row);
  // sum of w[l] * cell l; k may be 0.
  void (*weighted)(int64_t m, int64_t n, int64_t k, const T *x, int64_t x_row, const int64_t *offsets, const T *w, T *y,
                   int64_t y_row);
  // even[i * to_row + j / 2] or odd[the same] = from[i * from_row + j]            (i < m, j < n)
  void (*split)(int64_t m, int64_t n, const T *from, int64_t from_row, T *even, T *odd, int64_t to_row);
  // to[i * to_row + j] = (j even ? even : odd)[i * from_row + j / 2]             (i < m, j < n)
  void (*join)(int64_t m, int64_t n, const T *even, const T *odd, int64_t from_row, T *to, int64_t to_row);
  // y[i] = sum or largest of x[i * x_row + j] over j < n                          (i < m)
  void (*row_means)(int64_t m, int64_t n, const T *x, int64_t x_row, double divisor, T *y);
  void (*row_maxima)(int64_t m, int64_t n, const T *x, int64_t x_row, T *y);
};

// Over `count` floats; z may be the array that is written.
struct ActivationKernel {
  void (*sigmoid)(int64_t count, const float *z, float *a);
  void (*tanh)(int64_t count, const float *z, float *a);
  void (*sigmoid_backward)(int64_t count, const float *da, const float *z, float *dz);  // dz = da sigma'(z)
  void (*tanh_backward)(int64_t count, const float *da, const float *z, float *dz);
};

// The yardstick of the others, not part of any strategy.
template <class T>
struct PeakKernel {
  int64_t flops;  // of one step
  // `steps` rounds of independent fused multiply-adds in registers, with numbers that stay finite for 0 < start < 1.
  T (*multiply_add)(int64_t steps, T start);
};

struct Kernels {
  const char *name;  // "avx512"
  GemmKernel<float> gemm_f32;
  GemmKernel<double> gemm_f64;
  DirectKernel<float> direct_f32;
  DirectKernel<double> direct_f64;
  ShiftedKernel<float> shifted_f32;
  ShiftedKernel<double> shifted_f64;
  PlaneKernel<float> plane_f32;
  PlaneKernel<double> plane_f64;
  WindowKernel<float> window_f32;
  WindowKernel<double> window_f64;
  ChannelKernel<float> channel_f32;
  ChannelKernel<double> channel_f64;
  PanelKernel<float> panel_f32;
  PanelKernel<double> panel_f64;
  LanesKernel<float> lanes_f32;
  LanesKernel<double> lanes_f64;
  WeightsKernel<float> weights_f32;
  WeightsKernel<double> weights_f64;
  ActivationKernel activation_f32;
  PeakKernel<float> peak_f32;
  PeakKernel<double> peak_f64;
  PoolKernel<float> pool_f32;
  PoolKernel<double> pool_f64;

  template <class T>
  const GemmKernel<T> &gemm() const {
    if constexpr (sizeof(T) == 4) return gemm_f32;
    else return gemm_f64;
  }
  template <class T>
  const DirectKernel<T> &direct() const {
    if constexpr (sizeof(T) == 4) return direct_f32;
    else return direct_f64;
  }
  template <class T>
  const ShiftedKernel<T> &shifted() const {
    if constexpr (sizeof(T) == 4) return shifted_f32;
    else return shifted_f64;
  }
  template <class T>
  const PanelKernel<T> &panel() const {
    if constexpr (sizeof(T) == 4) return panel_f32;
    else return panel_f64;
  }
  template <class T>
  const LanesKernel<T> &lanes() const {
    if constexpr (sizeof(T) == 4) return lanes_f32;
    else return lanes_f64;
  }
  template <class T>
  const WeightsKernel<T> &weights() const {
    if constexpr (sizeof(T) == 4) return weights_f32;
    else return weights_f64;
  }
  template <class T>
  const PlaneKernel<T> &plane() const {
    if constexpr (sizeof(T) == 4) return plane_f32;
    else return plane_f64;
  }
  template <class T>
  const PeakKernel<T> &peak() const {
    if constexpr (sizeof(T) == 4) return peak_f32;
    else return peak_f64;
  }
  template <class T>
  const PoolKernel<T> &pool() const {
    if constexpr (sizeof(T) == 4) return pool_f32;
    else return pool_f64;
  }
  template <class T>
  const WindowKernel<T> &window() const {
    if constexpr (sizeof(T) == 4) return window_f32;
    else return window_f64;
  }
  template <class T>
  const ChannelKernel<T> &channel() const {
    if constexpr (sizeof(T) == 4) return channel_f32;
    else return channel_f64;
  }
};

// The table in use, chosen once when the library is loaded: the first one of the ordered list that this machine runs,
// or the one GEMMCONV_ISA names.
const Kernels &kernels();
// The ordered list, best first; nullptr past the end.
const Kernels *kernels_at(int index);
// Whether this machine can run the table.
bool runs_here(const Kernels &table);
// A sentence about a GEMMCONV_ISA that names nothing or nothing that runs here, else nullptr.
const char *kernels_error();

}  // namespace gemmconv
