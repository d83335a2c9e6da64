// Average pooling over any windows. Sums are in double, so that a float average is rounded once and the gradient is exact
// to the last bit or two whatever the window.
#pragma once

#include "reduce.hpp"
#include "spread.hpp"

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

template <class T>
void average(const PoolGeometry &geometry, const Windows &windows, int threads, const T *x, T *y) {
  reduce_windows(geometry, windows, threads, x, y, Sum<T>{}, Divisor<T>{geometry, windows});
}

// NCHW: per tile of an input row, the rows of dy that reach it are summed first, then spread over the columns.
template <class T>
void average_backward_rows(const PoolGeometry &geometry, const Windows &windows, int threads, const T *dy, T *dx) {
  const Planes planes(geometry);
  const Divisor<T> divisor{geometry, windows};
  for_tiles(threads, planes, geometry.input, row_cells, 1, [&](const Tile &tile) {
    double cells[row_cells], shares[row_cells];
    std::fill(cells, cells + (tile.end - tile.begin), 0.0);
    const Range reaching = windows.outputs_touching(2, tile.begin, tile.end);
    for (int64_t begin = reaching.begin; begin < reaching.end; begin += row_cells) {
      const Range outputs{begin, std::min(begin + row_cells, reaching.end)};
      const int64_t count = outputs.end - outputs.begin;
      std::fill(shares, shares + count, 0.0);
      for_rows_over(windows, tile.row0, tile.row1, [&](int64_t o0, int64_t o1) {
        const T *from = dy + row_offset(planes, geometry.output, tile.outer, o0, o1) + outputs.begin;
        const double rows = divisor.rows(o0, o1);
        for (int64_t o = 0; o < count; ++o) shares[o] += from[o] / rows;
      });
      for (int64_t o = 0; o < count; ++o) {
        const double columns = divisor.cells(2, outputs.begin + o);
        shares[o] = columns != 0 ? shares[o] / columns : 0;
      }
      for_meetings(windows, outputs, tile.begin, tile.end,
                   [&](int64_t o, int64_t i) { cells[i - tile.begin] += shares[o - outputs.begin]; });
    }
    T *to = dx + row_offset(planes, geometry.input, tile.outer, tile.row0, tile.row1);
    for (int64_t i = tile.begin; i < tile.end; ++i) to[i] = static_cast<T>(cells[i - tile.begin]);
  });
}

template <class T>
void average_backward_channels(const PoolGeometry &geometry, const Windows &windows, int threads, const T *dy, T *dx) {
  const Planes planes(geometry);
  const Divisor<T> divisor{geometry, windows};
  for_tiles(threads, planes, geometry.input, tile_columns, tile_channels, [&](const Tile &tile) {
    double sums[tile_channels];
    T *to = dx + row_offset(planes, geometry.input, tile.outer, tile.row0, tile.row1) + tile.channel;
    for (int64_t i = tile.begin; i < tile.end; ++i) {
      std::fill(sums, sums + tile.channels, 0.0);
      const Range reaching = windows.outputs_touching(2, i, i + 1);
      for_rows_over(windows, tile.row0, tile.row1, [&](int64_t o0, int64_t o1) {
        const T *row = dy + row_offset(planes, geometry.output, tile.outer, o0, o1) + tile.channel;
        for (int64_t o = reaching.begin; o < reaching.end; ++o) {
          if (!windows.reads(2, o, i)) continue;
          const double count = divisor.rows(o0, o1) * divisor.cells(2, o);
          for (int64_t c = 0; c < tile.channels; ++c) sums[c] += row[o * planes.inner + c] / count;
        }
      });
      for (int64_t c = 0; c < tile.channels; ++c) to[i * planes.inner + c] = static_cast<T>(sums[c]);
    }
  });
}

template <class T>
void average_backward(const PoolGeometry &geometry, const Windows &windows, int threads, const T *dy, T *dx) {
  threads = threads_for(threads, geometry.batch * geometry.channels * geometry.input_pixels());
  if (geometry.layout == Layout::nchw || geometry.channels == 1)
    average_backward_rows(geometry, windows, threads, dy, dx);
  else average_backward_channels(geometry, windows, threads, dy, dx);
}

}  // namespace gemmconv
