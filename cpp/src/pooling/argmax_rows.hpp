// Where the largest cell of each window is, by the variants "rows" and "cells". As rows.hpp, with the position beside the
// value: rows of a window first, then its columns. A column remembers the offset of the row its value came from, so that
// among equals the second half can still take the first in C order.
#pragma once

#include <limits>

#include "variants.hpp"

namespace gemmconv::pooling {

// NaN beats everything but an earlier NaN. Without branches, so that the compiler makes vectors of it.
template <class T>
inline bool beats(T value, T best) {
  return (value > best) | ((value != value) & (best == best));
}

template <class T>
inline bool ties(T value, T best) {
  return (value == best) | ((value != value) & (best != best));
}

// The first largest cell of one window of an NCHW plane, for windows too wide for a tile.
template <class T>
int64_t argmax_window(const Windows &windows, const T *plane, const Span &span0, const Span &span1, const Span &span2) {
  int64_t best = -1;
  for (int64_t t0 = 0; t0 < span0.count; ++t0) {
    for (int64_t t1 = 0; t1 < span1.count; ++t1) {
      const int64_t row = (span0.begin + t0 * span0.step) * windows.axis[1].input + span1.begin + t1 * span1.step;
      for (int64_t t2 = 0; t2 < span2.count; ++t2) {
        const int64_t cell = row * windows.axis[2].input + span2.begin + t2 * span2.step;
        if (best < 0 || beats(plane[cell], plane[best])) best = cell;
      }
    }
  }
  return best;
}

// Index: int32_t where the plane allows, so that positions are hardly wider than values.
template <class T, class Index>
void argmax_of_rows(const Call<T> &call) {
  const PoolGeometry &geometry = call.geometry;
  const Windows &windows = call.windows;
  T *y = call.out;
  int64_t *indices = call.indices;
  constexpr T lowest = -std::numeric_limits<T>::infinity();
  constexpr Index nowhere = std::numeric_limits<Index>::max();
  const Planes planes(geometry);
  const int64_t plane = geometry.input_pixels();
  const bool wide = windows.extent() > row_cells;
  for_tiles(call.threads, Tiles(planes, geometry.output, windows.columns(), 1), [&](const Tile &tile) {
    const Span span0 = windows.span(0, tile.row0), span1 = windows.span(1, tile.row1);
    const T *from = call.x + tile.outer * plane;
    const int64_t to = row_offset(planes, geometry.output, tile.outer, tile.row0, tile.row1);
    if (wide) {
      const int64_t best = argmax_window(windows, from, span0, span1, windows.span(2, tile.begin));
      y[to + tile.begin] = best < 0 ? lowest : from[best];
      indices[to + tile.begin] = best;
      return;
    }
    const Reach reach = windows.reach(tile.begin, tile.end);
    T values[row_cells];
    Index rows[row_cells];
    std::fill(values, values + reach.width, lowest);
    std::fill(rows, rows + reach.width, nowhere);
    // rows of the windows
    for (int64_t t0 = 0; t0 < span0.count; ++t0) {
      for (int64_t t1 = 0; t1 < span1.count; ++t1) {
        const int64_t row = (span0.begin + t0 * span0.step) * geometry.input[1] + span1.begin + t1 * span1.step;
        const Index offset = static_cast<Index>(row * geometry.input[2]);
        const T *cells = from + (row * geometry.input[2] + reach.start + reach.low);
        T *best = values + reach.low;
        Index *at = rows + reach.low;
        const int64_t width = reach.high - reach.low;
        if (t0 + t1 == 0) {
          std::copy(cells, cells + width, best);
          std::fill(at, at + width, offset);
          continue;
        }
        for (int64_t j = 0; j < width; ++j) {
          const bool better = beats(cells[j], best[j]);
          best[j] = better ? cells[j] : best[j];
          at[j] = better ? offset : at[j];
        }
      }
    }
    // columns of the windows
    for (int64_t o = tile.begin; o < tile.end; ++o) {
      const Span taps = windows.taps(o);
      int64_t best = taps.begin - reach.start;
      for (int64_t t = 1; t < taps.count; ++t) {
        const int64_t j = taps.begin - reach.start + t * taps.step;
        const bool better = beats(values[j], values[best]) | (ties(values[j], values[best]) & (rows[j] < rows[best]));
        best = better ? j : best;
      }
      y[to + o] = values[best];
      indices[to + o] = rows[best] == nowhere ? -1 : rows[best] + reach.start + best;
    }
  });
}

template <class T, class Index>
void argmax_of_cells(const Call<T> &call) {
  const PoolGeometry &geometry = call.geometry;
  const Windows &windows = call.windows;
  T *y = call.out;
  int64_t *indices = call.indices;
  const Planes planes(geometry);
  const int64_t plane = geometry.input_pixels() * planes.inner;
  for_tiles(call.threads, Tiles(planes, geometry.output, tile_columns, tile_channels), [&](const Tile &tile) {
    const Span span0 = windows.span(0, tile.row0), span1 = windows.span(1, tile.row1);
    const T *from = call.x + tile.outer * plane + tile.channel;
    const int64_t to = row_offset(planes, geometry.output, tile.outer, tile.row0, tile.row1) + tile.channel;
    T values[tile_channels];
    Index cells[tile_channels];
    for (int64_t o = tile.begin; o < tile.end; ++o) {
      const Span span2 = windows.span(2, o);
      std::fill(values, values + tile.channels, -std::numeric_limits<T>::infinity());
      std::fill(cells, cells + tile.channels, Index(-1));
      // cells of the window, in C order
      for (int64_t t0 = 0; t0 < span0.count; ++t0) {
        for (int64_t t1 = 0; t1 < span1.count; ++t1) {
          const int64_t row = (span0.begin + t0 * span0.step) * geometry.input[1] + span1.begin + t1 * span1.step;
          for (int64_t t2 = 0; t2 < span2.count; ++t2) {
            const int64_t position = row * geometry.input[2] + span2.begin + t2 * span2.step;
            const Index cell = static_cast<Index>(position);
            const T *value = from + position * planes.inner;
            if (t0 + t1 + t2 == 0) {
              for (int64_t c = 0; c < tile.channels; ++c) values[c] = value[c];
              for (int64_t c = 0; c < tile.channels; ++c) cells[c] = cell;
              continue;
            }
            for (int64_t c = 0; c < tile.channels; ++c) {
              const bool better = beats(value[c], values[c]);
              values[c] = better ? value[c] : values[c];
              cells[c] = better ? cell : cells[c];
            }
          }
        }
      }
      for (int64_t c = 0; c < tile.channels; ++c) y[to + o * planes.inner + c] = values[c];
      for (int64_t c = 0; c < tile.channels; ++c) indices[to + o * planes.inner + c] = cells[c];
    }
  });
}

template <class T>
void argmax_by_rows(const Call<T> &call) {
  const bool small = call.geometry.input_pixels() < std::numeric_limits<int32_t>::max();
  small ? argmax_of_rows<T, int32_t>(call) : argmax_of_rows<T, int64_t>(call);
}

template <class T>
void argmax_by_cells(const Call<T> &call) {
  const bool small = call.geometry.input_pixels() < std::numeric_limits<int32_t>::max();
  small ? argmax_of_cells<T, int32_t>(call) : argmax_of_cells<T, int64_t>(call);
}

}  // namespace gemmconv::pooling
