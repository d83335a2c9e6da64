// The gradient of average pooling: each input cell sums the shares of the windows over it.
#pragma once

#include "average.hpp"
#include "channels_backward.hpp"
#include "planes_backward.hpp"
#include "spread.hpp"

namespace gemmconv {

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

// NCHW by blocks of planes, shares and sums held as Q; false where there are no such blocks.
template <class Q, class T>
bool average_backward_planes(const PoolGeometry &geometry, const Windows &windows, int threads, const T *dy, T *dx) {
  const Divisors<T> divisors(geometry, windows);
  const Sizes &output = geometry.output, &input = geometry.input;
  const int64_t here = 0;
  const auto fill = [&](int64_t outer, int64_t o0, Range rows, Range columns, Q *to, int64_t to_row) {
    const int64_t n = columns.end - columns.begin;
    const T *from = dy + ((outer * output[0] + o0) * output[1] + rows.begin) * output[2] + columns.begin;
    if constexpr (sizeof(Q) == sizeof(T)) {
      if (divisors.alike())
        return kernels<T>().pools.mean(rows.end - rows.begin, n, 1, from, output[2], &here, divisors.common(), to,
                                       to_row);
    }
    for (int64_t o1 = rows.begin; o1 < rows.end; ++o1, from += output[2], to += to_row) {
      const double row_count = divisors.rows(o0, o1);
      for (int64_t j = 0; j < n; ++j) {
        const double count = row_count * divisors.column(columns.begin + j);
        to[j] = static_cast<Q>(count != 0 ? from[j] / count : 0.0);
      }
    }
  };
  const auto finish = [&](int64_t outer, int64_t i0, int64_t i1, int64_t i2, int64_t m, int64_t n, const Q *sums,
                          int64_t sums_row) {
    const int64_t to_row = geometry.stride[1] * input[2];
    T *to = dx + ((outer * input[0] + i0) * input[1] + i1) * input[2] + i2;
    if constexpr (sizeof(Q) == sizeof(T)) {
      kernels<T>().moves.copy(m, n, sums, sums_row, 1, to, to_row, 1);
    } else {
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) to[i * to_row + j] = static_cast<T>(sums[i * sums_row + j]);
    }
  };
  return spread_planes<Q>(geometry, windows, threads, fill, finish);
}

template <class T>
void average_backward(const PoolGeometry &geometry, const Windows &windows, int threads, const T *dy, T *dx) {
  threads = threads_for(threads, geometry.batch * geometry.channels * geometry.input_pixels());
  const bool planar = geometry.layout == Layout::nchw || geometry.channels == 1;
  if (!planar) return average_backward_channels(geometry, windows, threads, dy, dx);
  if (whole_planes(geometry, windows)) {
    const int64_t cells = geometry.input_pixels();
    const double count = Divisor<T>{geometry, windows}.rows(0, 0) * Divisor<T>{geometry, windows}.cells(2, 0);
    return parallel_ranges(threads, geometry.batch * geometry.channels, [&](int64_t begin, int64_t end) {
      for (int64_t plane = begin; plane < end; ++plane)
        std::fill_n(dx + plane * cells, cells, static_cast<T>(dy[plane] / count));
    });
  }
  if (windows.adaptive) return average_backward_adaptive_planes(geometry, windows, threads, dy, dx);
  const bool done = most_windows(windows) > 16 ? average_backward_planes<double>(geometry, windows, threads, dy, dx)
                                               : average_backward_planes<T>(geometry, windows, threads, dy, dx);
  if (!done) average_backward_rows(geometry, windows, threads, dy, dx);
}

}  // namespace gemmconv
