// The gradient of average pooling in NHWC: a cell sums the cells of dy whose windows read it, each by its weight, channels
// side by side. Cells of one phase of the stride that whole windows read, and no others, go to the kernel as one group.
#pragma once

#include "average.hpp"
#include "spread.hpp"

namespace gemmconv {

// The most windows that read one cell.
inline int64_t most_windows(const Windows &windows) {
  int64_t count = 1;
  for (const Axis &axis : windows.axis)
    count *= windows.adaptive     ? axis.output / axis.input + 2
             : axis.dilation == 1 ? ceil_div(axis.kernel, axis.stride)
                                  : axis.kernel;  // where the dilation is a multiple of the stride
  return count;
}

template <class T>
void average_backward_channels(const PoolGeometry &geometry, const Windows &windows, int threads, const T *dy, T *dx) {
  const Planes planes(geometry);
  const Divisors<T> divisors(geometry, windows);
  const int64_t channels = planes.inner, most = most_windows(windows);
  const Axis &axis = windows.axis[2];
  const Range inner = inner_columns(windows);
  // cells that only inner outputs read, as many as any
  const Range steady = inner.begin < inner.end
                           ? Range{inner.begin * axis.stride + windows.extent() - 1 - axis.padding_low,
                                   std::min(axis.input, inner.end * axis.stride - axis.padding_low)}
                           : Range{0, 0};
  // a tile of about 16 KiB, which stays in the first-level cache from phase to phase
  const int64_t columns = std::max<int64_t>(
      axis.stride * 4, (16 << 10) / (channels * static_cast<int64_t>(sizeof(T))) / axis.stride * axis.stride);
  const int64_t depth = std::min<int64_t>(channels, 1024);
  const int64_t count =
      planes.outer * geometry.input[0] * geometry.input[1] * ceil_div(axis.input, columns) * ceil_div(channels, depth);
  const int parts = static_cast<int>(std::min<int64_t>(threads, std::max<int64_t>(count, 1)));
  const size_t bytes = static_cast<size_t>(most * static_cast<int64_t>(sizeof(int64_t) + sizeof(T)) + 63) / 64 * 64;
  const Workspace workspace(bytes * static_cast<size_t>(parts));
  for_tiles_in_parts(parts, planes, geometry.input, columns, depth, [&](int part, const Tile &tile) {
    int64_t *offsets = reinterpret_cast<int64_t *>(static_cast<char *>(workspace.data()) + part * bytes);
    T *weights = reinterpret_cast<T *>(offsets + most);
    T *to = dx + row_offset(planes, geometry.input, tile.outer, tile.row0, tile.row1) + tile.channel;
    // `m` cells from `cell` on, a stride apart
    const auto gather = [&](int64_t cell, int64_t m) {
      int64_t k = 0;
      const Range reaching = windows.outputs_touching(2, cell, cell + 1);
      for_rows_over(windows, tile.row0, tile.row1, [&](int64_t o0, int64_t o1) {
        const int64_t row = row_offset(planes, geometry.output, tile.outer, o0, o1) + tile.channel;
        const double rows = divisors.rows(o0, o1);
        for (int64_t o = reaching.begin; o < reaching.end; ++o) {
          if (!windows.reads(2, o, cell)) continue;
          offsets[k] = row + o * channels;
          weights[k++] = static_cast<T>(1 / (rows * divisors.column(o)));
        }
      });
      kernels<T>().pools.weighted(m, tile.channels, k, dy, channels, offsets, weights, to + cell * channels,
                                  axis.stride * channels);
    };
    const Range group{std::clamp(steady.begin, tile.begin, tile.end), std::clamp(steady.end, tile.begin, tile.end)};
    for (int64_t cell = tile.begin; cell < std::min(group.begin, tile.end); ++cell) gather(cell, 1);
    for (int64_t phase = 0; phase < axis.stride && group.begin + phase < group.end; ++phase)
      gather(group.begin + phase, ceil_div(group.end - group.begin - phase, axis.stride));
    for (int64_t cell = std::max(group.begin, group.end); cell < tile.end; ++cell) gather(cell, 1);
  });
}

}  // namespace gemmconv
