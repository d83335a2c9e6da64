// The variants "rows" (NCHW) and "cells" (NHWC), for windows of any size and for any reduction of a window to one number:
// sum, sum of powers, maximum. By rows, the rows of a window are joined first, column by column and contiguously, and the
// columns of each window after that, so that overlapping windows share the first half; columns of padding hold the
// neutral element. By cells, a window is joined cell by cell, channels side by side.
//
// A Reduce has: Value, neutral(), lift(T) -> Value, join(Value, Value) -> Value.
// A Finish has: row(outer, o0, o1) -> f with f(o2, channel, Value) -> T.
#pragma once

#include "variants.hpp"

namespace gemmconv::pooling {

// out[o] = join of cols[o * stride + t * dilation] over the taps, o < count. `Stride` 0: the stride of the axis.
template <int Stride, class Reduce>
void slide(const Reduce &reduce, const Axis &axis, const typename Reduce::Value *cols, int64_t count,
           typename Reduce::Value *out) {
  const int64_t stride = Stride == 0 ? axis.stride : Stride;
  for (int64_t o = 0; o < count; ++o) out[o] = cols[o * stride];
  for (int64_t t = 1; t < axis.kernel; ++t) {
    const typename Reduce::Value *tap = cols + t * axis.dilation;
    for (int64_t o = 0; o < count; ++o) out[o] = reduce.join(out[o], tap[o * stride]);
  }
}

// join over one window of a plane, for windows too wide for a tile: eight chains, so that the loop is not bound by the
// latency of one
template <class T, class Reduce>
typename Reduce::Value reduce_window(const Reduce &reduce, const Windows &windows, const T *plane, const Span &span0,
                                     const Span &span1, const Span &span2) {
  typename Reduce::Value lanes[8];
  for (auto &lane : lanes) lane = reduce.neutral();
  for (int64_t t0 = 0; t0 < span0.count; ++t0) {
    for (int64_t t1 = 0; t1 < span1.count; ++t1) {
      const int64_t row = (span0.begin + t0 * span0.step) * windows.axis[1].input + span1.begin + t1 * span1.step;
      const T *cell = plane + row * windows.axis[2].input + span2.begin;
      int64_t t = 0;
      for (; t + 8 <= span2.count; t += 8)
        for (int lane = 0; lane < 8; ++lane)
          lanes[lane] = reduce.join(lanes[lane], reduce.lift(cell[(t + lane) * span2.step]));
      for (; t < span2.count; ++t) lanes[0] = reduce.join(lanes[0], reduce.lift(cell[t * span2.step]));
    }
  }
  for (int width = 4; width > 0; width /= 2)
    for (int lane = 0; lane < width; ++lane) lanes[lane] = reduce.join(lanes[lane], lanes[lane + width]);
  return lanes[0];
}

// cols[j] = join of the cells of column reach.start + j over the rows of a window.
template <class T, class Reduce>
void join_rows(const Reduce &reduce, const Windows &windows, const T *plane, const Span &span0, const Span &span1,
               const Reach &reach, typename Reduce::Value *cols) {
  const bool empty = span0.count * span1.count == 0;
  std::fill(cols, cols + (empty ? reach.width : reach.low), reduce.neutral());
  std::fill(cols + reach.high, cols + reach.width, reduce.neutral());
  const int64_t width = reach.high - reach.low;
  typename Reduce::Value *inside = cols + reach.low;
  for (int64_t t0 = 0; t0 < span0.count; ++t0) {
    for (int64_t t1 = 0; t1 < span1.count; ++t1) {
      const int64_t row = (span0.begin + t0 * span0.step) * windows.axis[1].input + span1.begin + t1 * span1.step;
      const T *cells = plane + (row * windows.axis[2].input + reach.start + reach.low);
      if (t0 + t1 == 0)
        for (int64_t j = 0; j < width; ++j) inside[j] = reduce.lift(cells[j]);
      else
        for (int64_t j = 0; j < width; ++j) inside[j] = reduce.join(inside[j], reduce.lift(cells[j]));
    }
  }
}

// out[o] = join of the columns of window begin + o, where cols[0] is column `start`.
template <class Reduce>
void join_columns(const Reduce &reduce, const Windows &windows, int64_t begin, int64_t count, int64_t start,
                  const typename Reduce::Value *cols, typename Reduce::Value *out) {
  const Axis &axis = windows.axis[2];
  if (windows.adaptive || axis.kernel > count) {
    for (int64_t o = 0; o < count; ++o) {
      const Span taps = windows.taps(begin + o);
      typename Reduce::Value value = cols[taps.begin - start];
      for (int64_t t = 1; t < taps.count; ++t) value = reduce.join(value, cols[taps.begin - start + t * taps.step]);
      out[o] = value;
    }
  } else if (axis.stride == 1) {
    slide<1>(reduce, axis, cols, count, out);
  } else if (axis.stride == 2) {
    slide<2>(reduce, axis, cols, count, out);
  } else {
    slide<0>(reduce, axis, cols, count, out);
  }
}

template <class T, class Reduce, class Finish>
void reduce_by_rows(const Call<T> &call, const Reduce &reduce, const Finish &finish) {
  using Value = typename Reduce::Value;
  const PoolGeometry &geometry = call.geometry;
  const Windows &windows = call.windows;
  const Planes planes(geometry);
  const bool wide = windows.extent() > row_cells;
  for_tiles(call.threads, Tiles(planes, geometry.output, windows.columns(), 1), [&](const Tile &tile) {
    const Span span0 = windows.span(0, tile.row0), span1 = windows.span(1, tile.row1);
    const T *from = call.x + tile.outer * geometry.input_pixels();
    T *to = call.out + row_offset(planes, geometry.output, tile.outer, tile.row0, tile.row1);
    const auto finished = finish.row(tile.outer, tile.row0, tile.row1);
    if (wide) {
      const Span span2 = windows.span(2, tile.begin);
      to[tile.begin] = finished(tile.begin, 0, reduce_window(reduce, windows, from, span0, span1, span2));
      return;
    }
    const int64_t count = tile.end - tile.begin;
    const Reach reach = windows.reach(tile.begin, tile.end);
    Value cols[row_cells], out[row_cells];
    join_rows(reduce, windows, from, span0, span1, reach, cols);
    join_columns(reduce, windows, tile.begin, count, reach.start, cols, out);
    for (int64_t o = 0; o < count; ++o) to[tile.begin + o] = finished(tile.begin + o, 0, out[o]);
  });
}

template <class T, class Reduce, class Finish>
void reduce_by_cells(const Call<T> &call, const Reduce &reduce, const Finish &finish) {
  using Value = typename Reduce::Value;
  const PoolGeometry &geometry = call.geometry;
  const Windows &windows = call.windows;
  const Planes planes(geometry);
  const int64_t plane = geometry.input_pixels() * planes.inner;
  for_tiles(call.threads, Tiles(planes, geometry.output, tile_columns, tile_channels), [&](const Tile &tile) {
    const Span span0 = windows.span(0, tile.row0), span1 = windows.span(1, tile.row1);
    const T *from = call.x + tile.outer * plane + tile.channel;
    T *to = call.out + row_offset(planes, geometry.output, tile.outer, tile.row0, tile.row1) + tile.channel;
    const auto finished = finish.row(tile.outer, tile.row0, tile.row1);
    Value values[tile_channels];
    for (int64_t o = tile.begin; o < tile.end; ++o) {
      const Span span2 = windows.span(2, o);
      std::fill(values, values + tile.channels, reduce.neutral());
      for (int64_t t0 = 0; t0 < span0.count; ++t0) {
        for (int64_t t1 = 0; t1 < span1.count; ++t1) {
          const int64_t row = (span0.begin + t0 * span0.step) * geometry.input[1] + span1.begin + t1 * span1.step;
          for (int64_t t2 = 0; t2 < span2.count; ++t2) {
            const T *cell = from + (row * geometry.input[2] + span2.begin + t2 * span2.step) * planes.inner;
            for (int64_t c = 0; c < tile.channels; ++c) values[c] = reduce.join(values[c], reduce.lift(cell[c]));
          }
        }
      }
      for (int64_t c = 0; c < tile.channels; ++c) to[o * planes.inner + c] = finished(o, tile.channel + c, values[c]);
    }
  });
}

}  // namespace gemmconv::pooling
