// Contract of the kernels that move the elements of matrices and planes without multiplying them.
#pragma once

#include <cstdint>

namespace gemmconv {

// Cells of a row of a panel that are contiguous in the source but for the stride or, `from` < 0, that are padding.
struct PanelRun {
  int32_t column, count;
  int64_t from;
};

template <class T>
struct MoveKernel {
  // to[i * to_row + j * to_col] = from[i * from_row + j * from_col]            (i < m, j < n)
  void (*copy)(int64_t m, int64_t n, const T *from, int64_t from_row, int64_t from_col, T *to, int64_t to_row,
               int64_t to_col);
  // to[i * to_row + j * to_col] += from[i * from_row + j * from_col]           (i < m, j < n)
  void (*add)(int64_t m, int64_t n, const T *from, int64_t from_row, int64_t from_col, T *to, int64_t to_row,
              int64_t to_col);
  // to[j * to_row + i] = from[i * from_row + j]                                (i < m, j < n)
  void (*transpose)(int64_t m, int64_t n, const T *from, int64_t from_row, T *to, int64_t to_row);
  // to[i * to_row + j] = (j even ? even : odd)[i * from_row + j / 2]           (i < m, j < n)
  void (*interleave)(int64_t m, int64_t n, const T *even, const T *odd, int64_t from_row, T *to, int64_t to_row);
  // (j even ? even : odd)[i * to_row + j / 2] = from[i * from_row + j]         (i < m, j < n)
  void (*deinterleave)(int64_t m, int64_t n, const T *from, int64_t from_row, T *even, T *odd, int64_t to_row);
  // panel[(c * taps + t) * panel_row + run.column + j] = x[c * channel_stride + run.from + j * step] for j < run.count
  // and the runs first_run[t] .. first_run[t + 1] - 1 of each tap, in the order of their columns. Up to a vector
  // behind a run is overwritten: a row ends with a margin of that size.
  void (*gather)(int64_t channels, int64_t taps, const int32_t *first_run, const PanelRun *runs, const T *x,
                 int64_t channel_stride, int64_t step, T *panel, int64_t panel_row);
};

}  // namespace gemmconv
