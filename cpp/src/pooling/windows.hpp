// Which cells each output of a pooling reads, and which outputs read a cell, one axis at a time: for sliding windows and
// for adaptive ones. And the tiles that the loops of pooling are divided into.
#pragma once

#include <algorithm>
#include <cstdint>

#include "../geometry.hpp"
#include "../grain.hpp"
#include "../index_grid.hpp"
#include "../threads.hpp"

namespace gemmconv::pooling {

// `count` cells: begin, begin + step, ...
struct Span {
  int64_t begin, count, step;
  int64_t last() const { return begin + (count - 1) * step; }
};

// The cells [start, start + width) of a row that some windows reach, padding included; those from start + low to
// start + high are inside the input.
struct Reach {
  int64_t start, width, low, high;
};

inline constexpr int64_t row_cells = 2048;     // cells of a row that a tile of an NCHW pooling holds on its stack
inline constexpr int64_t tile_channels = 256;  // channels that a tile of an NHWC pooling holds
inline constexpr int64_t tile_columns = 64;    // and its columns

struct Windows {
  Axis axis[3];
  bool adaptive;

  // adaptive: windows [floor(o * input / output), ceil((o + 1) * input / output)), as in PyTorch
  Windows(const Window &window, bool adaptive)
      : axis{window.axis(0), window.axis(1), window.axis(2)}, adaptive(adaptive) {}

  // The cells inside the input that output o reads.
  Span span(int a, int64_t o) const {
    const Axis &at = axis[a];
    if (adaptive) {
      const int64_t begin = o * at.input / at.output;
      return Span{begin, ceil_div((o + 1) * at.input, at.output) - begin, 1};
    }
    const int64_t start = o * at.stride - at.padding_low;
    if (start >= 0 && start + (at.kernel - 1) * at.dilation < at.input) return Span{start, at.kernel, at.dilation};
    const Range taps = taps_inside(at, start);
    return Span{start + taps.begin * at.dilation, taps.end - taps.begin, at.dilation};
  }

  // The outputs whose window reaches from or over a cell of [begin, end).
  Range outputs_touching(int a, int64_t begin, int64_t end) const {
    const Axis &at = axis[a];
    if (adaptive) return Range{begin * at.output / at.input, ceil_div(end * at.output, at.input)};
    const int64_t extent = (at.kernel - 1) * at.dilation;
    const int64_t first = std::max<int64_t>(0, ceil_div(begin + at.padding_low - extent, at.stride));
    const int64_t last = std::min(at.output, ceil_div(end + at.padding_low, at.stride));
    return Range{first, std::max(first, last)};
  }

  // Whether output o, one of outputs_touching(cell), reads the cell or steps over it.
  bool reads(int a, int64_t o, int64_t cell) const {
    const Axis &at = axis[a];
    return adaptive || at.dilation == 1 || (cell + at.padding_low - o * at.stride) % at.dilation == 0;
  }

  // Cells from the first to the last that a window of axis 2 can reach, padding included.
  int64_t extent() const {
    return adaptive ? axis[2].input / axis[2].output + 2 : (axis[2].kernel - 1) * axis[2].dilation + 1;
  }

  // Windows of axis 2 that together reach no more than row_cells cells; 1 where a single one reaches further.
  int64_t columns() const {
    const Axis &at = axis[2];
    if (extent() > row_cells) return 1;
    if (adaptive) return std::clamp<int64_t>((row_cells - 2) * at.output / at.input, 1, row_cells);
    return (row_cells - extent()) / at.stride + 1;
  }

  // The cells that the windows [begin, end) of axis 2 reach.
  Reach reach(int64_t begin, int64_t end) const {
    const Axis &at = axis[2];
    const int64_t start = adaptive ? span(2, begin).begin : begin * at.stride - at.padding_low;
    const int64_t width = adaptive ? span(2, end - 1).last() + 1 - start : (end - 1 - begin) * at.stride + extent();
    const int64_t low = std::clamp<int64_t>(-start, 0, width);
    return Reach{start, width, low, std::clamp(at.input - start, low, width)};
  }

  // All taps of output o along axis 2, those in the padding too.
  Span taps(int64_t o) const {
    return adaptive ? span(2, o) : Span{o * axis[2].stride - axis[2].padding_low, axis[2].kernel, axis[2].dilation};
  }
};

// Both layouts are (outer, spatial, inner): NCHW has one channel per outer index, NHWC all of them next to each other.
struct Planes {
  int64_t outer, inner;
  explicit Planes(const PoolGeometry &geometry)
      : outer(geometry.layout == Layout::nchw ? geometry.batch * geometry.channels : geometry.batch),
        inner(geometry.layout == Layout::nchw ? 1 : geometry.channels) {}
};

// Columns [begin, end) of row (row0, row1) of outer index `outer`, `channels` channels from `channel` on.
struct Tile {
  int64_t outer, row0, row1, begin, end, channel, channels;
};

// The tiles of at most `columns` x `channels` that cover (outer, spatial, inner).
struct Tiles {
  int64_t columns, channels;
  int64_t all_columns, all_channels;
  IndexGrid<5> grid;

  Tiles(const Planes &planes, const Sizes &spatial, int64_t columns, int64_t channels)
      : columns(columns),
        channels(channels),
        all_columns(spatial[2]),
        all_channels(planes.inner),
        grid{planes.outer, spatial[0], spatial[1], ceil_div(spatial[2], columns), ceil_div(planes.inner, channels)} {}

  int64_t count() const { return grid.count(); }
  Tile at(int64_t number) const {
    const auto [outer, row0, row1, column_tile, channel_tile] = grid.at(number);
    const int64_t begin = column_tile * columns, channel = channel_tile * channels;
    return Tile{outer,
                row0,
                row1,
                begin,
                std::min(begin + columns, all_columns),
                channel,
                std::min(channels, all_channels - channel)};
  }
};

// Calls body(part, tile) for all tiles, each once, in `parts` parallel parts of neighbouring tiles.
template <class Body>
void for_tiles_in_parts(int parts, const Tiles &tiles, const Body &body) {
  parallel(parts, [&](int part) {
    const Range own = even_share(tiles.count(), part, parts);
    for (int64_t i = own.begin; i < own.end; ++i) body(part, tiles.at(i));
  });
}

// The same for bodies that hold nothing from tile to tile.
template <class Body>
void for_tiles(int threads, const Tiles &tiles, const Body &body) {
  for_tiles_in_parts(static_cast<int>(std::min<int64_t>(threads, tiles.count())), tiles,
                     [&](int, const Tile &tile) { body(tile); });
}

// The sliding windows that an adaptive pooling has where its outputs share the input evenly.
inline bool shares_evenly(const PoolGeometry &geometry) {
  for (int a = 0; a < 3; ++a)
    if (geometry.input[a] % geometry.output[a] != 0) return false;
  return true;
}

inline PoolGeometry sliding(const PoolGeometry &adaptive) {
  PoolGeometry geometry = adaptive;
  for (int a = 0; a < 3; ++a) geometry.kernel[a] = geometry.stride[a] = adaptive.input[a] / adaptive.output[a];
  geometry.dilation = {1, 1, 1};
  geometry.padding_low = geometry.padding_high = {0, 0, 0};
  geometry.divisor = 0;
  geometry.count_include_pad = true;
  return geometry;
}

// Offset of the row (row0, row1) of outer index `outer`, in elements.
inline int64_t row_offset(const Planes &planes, const Sizes &spatial, int64_t outer, int64_t row0, int64_t row1) {
  return ((outer * spatial[0] + row0) * spatial[1] + row1) * spatial[2] * planes.inner;
}

}  // namespace gemmconv::pooling
