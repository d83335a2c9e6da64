// Windows of NHWC, where the channels of a cell lie together: outputs whose windows lie inside the input along axis 2 go
// to the kernel as one group, those at its ends alone.
#pragma once

#include "../workspace.hpp"
#include "sweep.hpp"

namespace gemmconv {

// The most cells a window has inside the input.
inline int64_t most_cells(const Windows &windows) {
  int64_t cells = 1;
  for (const Axis &axis : windows.axis)
    cells *= windows.adaptive ? std::min(axis.input, axis.input / axis.output + 2) : std::min(axis.kernel, axis.input);
  return cells;
}

// The outputs along axis 2 whose windows lie inside the input; none of an adaptive pooling, whose windows differ.
inline Range inner_columns(const Windows &windows) {
  const Axis &axis = windows.axis[2];
  if (windows.adaptive) return Range{0, 0};
  const int64_t begin = std::min(axis.output, ceil_div(axis.padding_low, axis.stride));
  const int64_t room = axis.input + axis.padding_low - windows.extent();
  return Range{begin, std::clamp(room < 0 ? 0 : room / axis.stride + 1, begin, axis.output)};
}

// Calls op(sweep) for groups that together are all windows, in parallel.
template <class T, class Op>
void sweep_channels(const PoolGeometry &geometry, const Windows &windows, int threads, const T *x, const Op &op) {
  const Planes planes(geometry);
  const int64_t cells = most_cells(windows), channels = planes.inner;
  const int64_t width = geometry.input[2], stride = windows.axis[2].stride;
  const Range inner = inner_columns(windows);
  // rows of outputs, cut further only where they are too few for the threads
  const int64_t rows = planes.outer * geometry.output[0] * geometry.output[1];
  const int64_t cuts = rows < 4 * threads && threads > 1 ? 4 * threads : 1;
  const int64_t column_cuts = std::min(cuts, geometry.output[2]);
  const int64_t channel_cuts = std::min(ceil_div(cuts, column_cuts), ceil_div(channels, 64));
  const int64_t tile_width = ceil_div(geometry.output[2], column_cuts), tile_depth = ceil_div(channels, channel_cuts);
  const int parts = static_cast<int>(std::min<int64_t>(threads, std::max<int64_t>(rows * cuts, 1)));
  const size_t taps_bytes = (static_cast<size_t>(cells) * (sizeof(int64_t) + sizeof(PlaceOf<T>)) + 63) / 64 * 64;
  const Workspace workspace(taps_bytes * static_cast<size_t>(parts));
  for_tiles_in_parts(parts, planes, geometry.output, tile_width, tile_depth, [&](int part, const Tile &tile) {
    int64_t *offsets = reinterpret_cast<int64_t *>(static_cast<char *>(workspace.data()) + part * taps_bytes);
    PlaceOf<T> *places = reinterpret_cast<PlaceOf<T> *>(offsets + cells);
    const Span span0 = windows.span(0, tile.row0), span1 = windows.span(1, tile.row1);
    const int64_t to = row_offset(planes, geometry.output, tile.outer, tile.row0, tile.row1) + tile.channel;
    const T *from = x + tile.outer * geometry.input_pixels() * channels + tile.channel;
    for (int64_t o = tile.begin; o < tile.end;) {
      const bool grouped = o >= inner.begin && o < inner.end;
      const int64_t m = grouped ? std::min(inner.end, tile.end) - o : 1;
      const Span span2 = windows.span(2, o);
      int64_t k = 0;
      for (int64_t t0 = 0; t0 < span0.count; ++t0) {
        for (int64_t t1 = 0; t1 < span1.count; ++t1) {
          const int64_t row = (span0.begin + t0 * span0.step) * geometry.input[1] + span1.begin + t1 * span1.step;
          for (int64_t t2 = 0; t2 < span2.count; ++t2, ++k) {
            const int64_t place = row * width + span2.begin + t2 * span2.step;
            places[k] = static_cast<PlaceOf<T>>(place);
            offsets[k] = place * channels;
          }
        }
      }
      op(Sweep<T>{m, tile.channels, k, from, stride * channels, offsets, to + o * channels, channels,
                  PoolPlaces<T>{0, stride, 0, places, nullptr, nullptr}, tile.outer, tile.row0, tile.row1, o,
                  tile.channel, false});
      o += m;
    }
  });
}

}  // namespace gemmconv
