// Adaptive pooling of NCHW whose windows differ in size: the rows of a window are joined by a kernel, column by column, and
// the columns of each window after that.
#pragma once

#include "../workspace.hpp"
#include "argmax.hpp"
#include "sweep.hpp"

namespace gemmconv {

// Calls row(outer, o0, o1, offsets, k, line) for every row of windows, in parallel: the k input rows that it reaches begin
// at these offsets in their plane; `line` has room for `line_bytes` and belongs to the thread.
template <class Row>
void for_adaptive_rows(const PoolGeometry &geometry, const Windows &windows, int threads, int64_t line_bytes,
                       const Row &row) {
  const int64_t planes = geometry.batch * geometry.channels;
  const int64_t most_rows = (geometry.input[0] / geometry.output[0] + 2) * (geometry.input[1] / geometry.output[1] + 2);
  const int parts = static_cast<int>(std::min<int64_t>(threads, std::max<int64_t>(planes, 1)));
  const int64_t offset_bytes = (most_rows * 8 + 63) / 64 * 64, bytes = offset_bytes + (line_bytes + 63) / 64 * 64;
  const Workspace workspace(static_cast<size_t>(bytes * parts));
  parallel(parts, [&](int part) {
    char *own = static_cast<char *>(workspace.data()) + part * bytes;
    int64_t *offsets = reinterpret_cast<int64_t *>(own);
    for (int64_t outer = planes * part / parts; outer < planes * (part + 1) / parts; ++outer) {
      for (int64_t o0 = 0; o0 < geometry.output[0]; ++o0) {
        const Span span0 = windows.span(0, o0);
        for (int64_t o1 = 0; o1 < geometry.output[1]; ++o1) {
          const Span span1 = windows.span(1, o1);
          int64_t k = 0;
          for (int64_t t0 = 0; t0 < span0.count; ++t0)
            for (int64_t t1 = 0; t1 < span1.count; ++t1)
              offsets[k++] = ((span0.begin + t0) * geometry.input[1] + span1.begin + t1) * geometry.input[2];
          row(outer, o0, o1, offsets, k, own + offset_bytes);
        }
      }
    }
  });
}

// The first column and the number of columns of each window of a row, worked out once, without a division for
// each window.
class ColumnSpans {
 public:
  explicit ColumnSpans(const Windows &windows)
      : workspace_(static_cast<size_t>(windows.axis[2].output) * sizeof(Range)),
        spans_(static_cast<Range *>(workspace_.data())) {
    for (int64_t o = 0; o < windows.axis[2].output; ++o) {
      const Span span = windows.span(2, o);
      spans_[o] = Range{span.begin, span.begin + span.count};
    }
  }
  const Range &operator[](int64_t o) const { return spans_[o]; }

 private:
  Workspace workspace_;
  Range *spans_;
};

template <class T>
void average_adaptive_planes(const PoolGeometry &geometry, const Windows &windows, int threads, const T *x, T *y) {
  const ColumnSpans spans(windows);
  const int64_t width = geometry.input[2];
  for_adaptive_rows(geometry, windows, threads, width * static_cast<int64_t>(sizeof(T)),
                    [&](int64_t outer, int64_t o0, int64_t o1, const int64_t *offsets, int64_t k, char *scratch) {
                      T *line = reinterpret_cast<T *>(scratch);
                      kernels<T>().pools.mean(1, width, k, x + outer * geometry.input_pixels(), 0, offsets, 1, line,
                                              width);
                      T *to = y + ((outer * geometry.output[0] + o0) * geometry.output[1] + o1) * geometry.output[2];
                      for (int64_t o = 0; o < geometry.output[2]; ++o) {
                        const Range &span = spans[o];
                        double sum = 0;
                        for (int64_t i = span.begin; i < span.end; ++i) sum += line[i];
                        to[o] = static_cast<T>(sum / static_cast<double>(k * (span.end - span.begin)));
                      }
                    });
}

// indices: or nullptr. The kernel finds the largest cell of each column and its place, of which ties take the smallest.
template <class T>
void largest_adaptive_planes(const PoolGeometry &geometry, const Windows &windows, int threads, const T *x, T *y,
                             int64_t *indices) {
  const ColumnSpans spans(windows);
  const int64_t width = geometry.input[2];
  const int64_t most_rows = (geometry.input[0] / geometry.output[0] + 2) * (geometry.input[1] / geometry.output[1] + 2);
  const int64_t line_bytes = width * static_cast<int64_t>(sizeof(T) + sizeof(int64_t)) + 8 * most_rows + 64;
  for_adaptive_rows(
      geometry, windows, threads, line_bytes,
      [&](int64_t outer, int64_t o0, int64_t o1, const int64_t *offsets, int64_t k, char *scratch) {
        int64_t *at = reinterpret_cast<int64_t *>(scratch);
        T *line = reinterpret_cast<T *>(at + width);
        PlaceOf<T> *places = reinterpret_cast<PlaceOf<T> *>(scratch + (line_bytes - 8 * most_rows) / 8 * 8);
        const T *plane = x + outer * geometry.input_pixels();
        const int64_t to = ((outer * geometry.output[0] + o0) * geometry.output[1] + o1) * geometry.output[2];
        if (!indices) {
          kernels<T>().pools.largest(1, width, k, plane, 0, offsets, line, width);
          for (int64_t o = 0; o < geometry.output[2]; ++o) {
            const Range &span = spans[o];
            T best = line[span.begin];
            for (int64_t i = span.begin + 1; i < span.end; ++i) best = beats(line[i], best) ? line[i] : best;
            y[to + o] = best;
          }
          return;
        }
        for (int64_t l = 0; l < k; ++l) places[l] = static_cast<PlaceOf<T>>(offsets[l]);
        // a column of nothing but -inf begins with its first cell
        kernels<T>().pools.argmax(1, width, k, plane, 0, offsets, PoolPlaces<T>{0, 0, 1, places, nullptr, nullptr},
                                  line, at, width);
        for (int64_t o = 0; o < geometry.output[2]; ++o) {
          const Range &span = spans[o];
          int64_t best = span.begin;
          for (int64_t i = span.begin + 1; i < span.end; ++i)
            best = beats(line[i], line[best]) | (ties(line[i], line[best]) & (at[i] < at[best])) ? i : best;
          y[to + o] = line[best];
          indices[to + o] = at[best];
        }
      });
}

// dx: each window's share is spread over its columns first, then added to its rows.
template <class T>
void average_backward_adaptive_planes(const PoolGeometry &geometry, const Windows &windows, int threads, const T *dy,
                                      T *dx) {
  const ColumnSpans spans(windows);
  const int64_t width = geometry.input[2];
  for_adaptive_rows(geometry, windows, threads, width * static_cast<int64_t>(sizeof(T)),
                    [&](int64_t outer, int64_t o0, int64_t o1, const int64_t *offsets, int64_t k, char *scratch) {
                      T *line = reinterpret_cast<T *>(scratch), *plane = dx + outer * geometry.input_pixels();
                      if (o0 + o1 == 0) std::fill(plane, plane + geometry.input_pixels(), T(0));
                      const T *from =
                          dy + ((outer * geometry.output[0] + o0) * geometry.output[1] + o1) * geometry.output[2];
                      std::fill(line, line + width, T(0));
                      for (int64_t o = 0; o < geometry.output[2]; ++o) {
                        const Range &span = spans[o];
                        const T share = static_cast<T>(from[o] / static_cast<double>(k * (span.end - span.begin)));
                        for (int64_t i = span.begin; i < span.end; ++i) line[i] += share;
                      }
                      for (int64_t l = 0; l < k; ++l)
                        for (int64_t i = 0; i < width; ++i) plane[offsets[l] + i] += line[i];
                    });
}

}  // namespace gemmconv
