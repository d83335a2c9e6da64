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
  // to[i * to_row + j] = (j even ? even : odd)[i * from_row + j / 2]           (i < m, j < n)
  void (*interleave)(int64_t m, int64_t n, const T *even, const T *odd, int64_t from_row, T *to, int64_t to_row);
};

// Over `count` floats; z may be the array that is written.
struct ActivationKernel {
  void (*sigmoid)(int64_t count, const float *z, float *a);
  void (*tanh)(int64_t count, const float *z, float *a);
  void (*sigmoid_backward)(int64_t count, const float *da, const float *z, float *dz);  // dz = da sigma'(z)
  void (*tanh_backward)(int64_t count, const float *da, const float *z, float *dz);
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
  ActivationKernel activation_f32;

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
  const PlaneKernel<T> &plane() const {
    if constexpr (sizeof(T) == 4) return plane_f32;
    else return plane_f64;
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
