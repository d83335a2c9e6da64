// The variant "channels" (NHWC): windows are read where they lie, vectors along the channels. Outputs whose windows lie
// inside the input along axis 2 go to the kernel as one group, those at its ends alone.
#pragma once

#include "../scratch.hpp"
#include "../workspace.hpp"
#include "group.hpp"
#include "variants.hpp"

namespace gemmconv::pooling {

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
  const int64_t space = axis.input + axis.padding_low - windows.extent();
  return Range{begin, std::clamp(space < 0 ? 0 : space / axis.stride + 1, begin, axis.output)};
}

// The cells of one window after the other: offsets in x and positions in the plane.
template <class T>
struct WindowCells {
  int64_t *offsets;
  PlaceOf<T> *places;
  template <class Visit>
  void each(const Visit &visit, int64_t cells) {
    visit(offsets, cells);
    visit(places, cells);
  }

  // Those of the window of three spans; returns how many.
  int64_t set(const Span spans[3], const Sizes &input, int64_t channels) const {
    int64_t k = 0;
    for (int64_t t0 = 0; t0 < spans[0].count; ++t0) {
      for (int64_t t1 = 0; t1 < spans[1].count; ++t1) {
        const int64_t row = (spans[0].begin + t0 * spans[0].step) * input[1] + spans[1].begin + t1 * spans[1].step;
        for (int64_t t2 = 0; t2 < spans[2].count; ++t2, ++k) {
          const int64_t place = row * input[2] + spans[2].begin + t2 * spans[2].step;
          places[k] = static_cast<PlaceOf<T>>(place);
          offsets[k] = place * channels;
        }
      }
    }
    return k;
  }
};

// Rows of outputs; parts of them only where rows are too few for the threads.
inline Tiles channel_tiles(const Planes &planes, const Sizes &output, int threads) {
  constexpr int64_t fewest_channels = 64;
  const int64_t rows = planes.outer * output[0] * output[1];
  const int64_t wanted = rows < 4 * threads && threads > 1 ? 4 * threads : 1;
  const int64_t column_tiles = std::min(wanted, output[2]);
  const int64_t channel_tiles = std::min(ceil_div(wanted, column_tiles), ceil_div(planes.inner, fewest_channels));
  return Tiles(planes, output, ceil_div(output[2], column_tiles), ceil_div(planes.inner, channel_tiles));
}

// Calls op(group) for groups that together are all windows, in parallel.
template <class T, class Op>
void for_channel_groups(const Call<T> &call, const Op &op) {
  const PoolGeometry &geometry = call.geometry;
  const Windows &windows = call.windows;
  const Planes planes(geometry);
  const int64_t cells = most_cells(windows), channels = planes.inner, stride = windows.axis[2].stride;
  const Range inner = inner_columns(windows);
  const Tiles tiles = channel_tiles(planes, geometry.output, call.threads);
  const int parts = static_cast<int>(std::min<int64_t>(call.threads, std::max<int64_t>(tiles.count(), 1)));
  const size_t bytes = scratch_bytes<WindowCells<T>>(cells);
  const Workspace workspace(bytes * static_cast<size_t>(parts));
  for_tiles_in_parts(parts, tiles, [&](int part, const Tile &tile) {
    const auto window = scratch_arrays<WindowCells<T>>(static_cast<char *>(workspace.data()) + part * bytes, cells);
    Span spans[3] = {windows.span(0, tile.row0), windows.span(1, tile.row1), {}};
    const int64_t to = row_offset(planes, geometry.output, tile.outer, tile.row0, tile.row1) + tile.channel;
    const T *from = call.x + tile.outer * geometry.input_pixels() * channels + tile.channel;
    for (int64_t o = tile.begin; o < tile.end;) {
      const bool grouped = o >= inner.begin && o < inner.end;
      const int64_t m = grouped ? std::min(inner.end, tile.end) - o : 1;
      spans[2] = windows.span(2, o);
      const int64_t k = window.set(spans, geometry.input, channels);
      op(WindowGroup<T>{m, tile.channels, k, from, stride * channels, window.offsets, to + o * channels, channels,
                        PoolPlaces<T>{0, stride, 0, window.places, nullptr, nullptr}, tile.outer, tile.row0, tile.row1,
                        o, tile.channel, false});
      o += m;
    }
  });
}

}  // namespace gemmconv::pooling
