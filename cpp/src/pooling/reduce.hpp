// A pooling that reduces each window to one number: sum, sum of powers, maximum. For NCHW the rows of a window are joined
// first, column by column and contiguously, and the columns of each window after that, so that overlapping windows share
// the first half and the loops have no bounds tests: columns of padding hold the neutral element. For NHWC the channels
// are the contiguous axis.
//
// A Reduce has: Value, neutral(), lift(T) -> Value, join(Value, Value) -> Value.
// A Finish has: row(outer, o0, o1) -> f with f(o2, channel, Value) -> T.
#pragma once

#include "windows.hpp"

namespace gemmconv {

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

template <class T, class Reduce, class Finish>
void reduce_rows(const PoolGeometry &geometry, const Windows &windows, int threads, const T *x, T *y,
                 const Reduce &reduce, const Finish &finish) {
  using Value = typename Reduce::Value;
  const Planes planes(geometry);
  const Axis &axis = windows.axis[2];
  const int64_t plane = geometry.input_pixels();
  const bool wide = windows.extent() > row_cells;
  for_tiles(threads, planes, geometry.output, windows.columns(), 1, [&](const Tile &tile) {
    const Span span0 = windows.span(0, tile.row0), span1 = windows.span(1, tile.row1);
    const T *from = x + tile.outer * plane;
    T *to = y + row_offset(planes, geometry.output, tile.outer, tile.row0, tile.row1);
    const auto finished = finish.row(tile.outer, tile.row0, tile.row1);
    if (wide) {
      const Span span2 = windows.span(2, tile.begin);
      to[tile.begin] = finished(tile.begin, 0, reduce_window(reduce, windows, from, span0, span1, span2));
      return;
    }
    const int64_t count = tile.end - tile.begin;
    const Reach reach = windows.reach(tile.begin, tile.end);
    Value cols[row_cells], out[row_cells];
    const bool empty = span0.count * span1.count == 0;
    std::fill(cols, cols + (empty ? reach.width : reach.low), reduce.neutral());
    std::fill(cols + reach.high, cols + reach.width, reduce.neutral());
    // rows of the windows
    for (int64_t t0 = 0; t0 < span0.count; ++t0) {
      for (int64_t t1 = 0; t1 < span1.count; ++t1) {
        const int64_t row = (span0.begin + t0 * span0.step) * geometry.input[1] + span1.begin + t1 * span1.step;
        const T *cells = from + (row * axis.input + reach.start + reach.low);
        Value *to_cols = cols + reach.low;
        const int64_t width = reach.high - reach.low;
        if (t0 + t1 == 0)
          for (int64_t j = 0; j < width; ++j) to_cols[j] = reduce.lift(cells[j]);
        else
          for (int64_t j = 0; j < width; ++j) to_cols[j] = reduce.join(to_cols[j], reduce.lift(cells[j]));
      }
    }
    // columns of the windows
    if (windows.adaptive || axis.kernel > count) {
      for (int64_t o = 0; o < count; ++o) {
        const Span taps = windows.taps(tile.begin + o);
        Value value = cols[taps.begin - reach.start];
        for (int64_t t = 1; t < taps.count; ++t)
          value = reduce.join(value, cols[taps.begin - reach.start + t * taps.step]);
        out[o] = value;
      }
    } else if (axis.stride == 1) {
      slide<1>(reduce, axis, cols, count, out);
    } else if (axis.stride == 2) {
      slide<2>(reduce, axis, cols, count, out);
    } else {
      slide<0>(reduce, axis, cols, count, out);
    }
    for (int64_t o = 0; o < count; ++o) to[tile.begin + o] = finished(tile.begin + o, 0, out[o]);
  });
}

template <class T, class Reduce, class Finish>
void reduce_channels(const PoolGeometry &geometry, const Windows &windows, int threads, const T *x, T *y,
                     const Reduce &reduce, const Finish &finish) {
  using Value = typename Reduce::Value;
  const Planes planes(geometry);
  const int64_t plane = geometry.input_pixels() * planes.inner;
  for_tiles(threads, planes, geometry.output, tile_columns, tile_channels, [&](const Tile &tile) {
    const Span span0 = windows.span(0, tile.row0), span1 = windows.span(1, tile.row1);
    const T *from = x + tile.outer * plane + tile.channel;
    T *to = y + row_offset(planes, geometry.output, tile.outer, tile.row0, tile.row1) + tile.channel;
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

template <class T, class Reduce, class Finish>
void reduce_windows(const PoolGeometry &geometry, const Windows &windows, int threads, const T *x, T *y,
                    const Reduce &reduce, const Finish &finish) {
  threads = threads_for(threads, geometry.batch * geometry.channels * geometry.input_pixels());
  if (geometry.layout == Layout::nchw || geometry.channels == 1)
    reduce_rows(geometry, windows, threads, x, y, reduce, finish);
  else reduce_channels(geometry, windows, threads, x, y, reduce, finish);
}

}  // namespace gemmconv
