// The variant "adaptive" (NCHW): adaptive windows that differ in size. The rows of a window are joined by a kernel, column
// by column, and the columns of each window after that.
#pragma once

#include "../scratch.hpp"
#include "../workspace.hpp"
#include "argmax_rows.hpp"
#include "group.hpp"

namespace gemmconv::pooling {

template <class T>
const char *refuses_adaptive(const Call<T> &call) {
  if (const char *reason = refuses_channels_last(call)) return reason;
  return call.windows.adaptive ? nullptr : "it is for adaptive windows that differ in size";
}

// Input rows that a row of adaptive windows reaches, at most.
inline int64_t most_adaptive_rows(const PoolGeometry &geometry) {
  return (geometry.input[0] / geometry.output[0] + 2) * (geometry.input[1] / geometry.output[1] + 2);
}

// What a thread needs for one row of windows.
template <class T>
struct AdaptiveScratch {
  int64_t *offsets;    // of the input rows in their plane
  T *joined_row;       // the rows, joined
  int64_t *positions;  // of the largest cell of each column
  PlaceOf<T> *places;  // offsets, in the kernel's type
  template <class Visit>
  void each(const Visit &visit, const Call<T> &call) {
    const int64_t rows = most_adaptive_rows(call.geometry), width = call.geometry.input[2];
    visit(offsets, rows);
    visit(joined_row, width);
    visit(positions, call.indices ? width : 0);
    visit(places, call.indices ? rows : 0);
  }
};

// A row of windows: the k input rows that it reaches begin at scratch.offsets in plane `outer`; `output` is the offset of
// its first window in the output.
struct AdaptiveRow {
  int64_t outer, k, output;
  bool first;  // of its plane
};

// Calls body(row, scratch) for every row of windows, in parallel.
template <class T, class Body>
void for_adaptive_rows(const Call<T> &call, const Body &body) {
  const PoolGeometry &geometry = call.geometry;
  const int64_t planes = call.planes();
  const int parts = static_cast<int>(std::min<int64_t>(call.threads, std::max<int64_t>(planes, 1)));
  const size_t bytes = scratch_bytes<AdaptiveScratch<T>>(call);
  const Workspace workspace(bytes * static_cast<size_t>(parts));
  parallel(parts, [&](int part) {
    const auto scratch = scratch_arrays<AdaptiveScratch<T>>(static_cast<char *>(workspace.data()) + part * bytes, call);
    const Range own = even_share(planes, part, parts);
    for (int64_t outer = own.begin; outer < own.end; ++outer) {
      for (int64_t o0 = 0; o0 < geometry.output[0]; ++o0) {
        const Span span0 = call.windows.span(0, o0);
        for (int64_t o1 = 0; o1 < geometry.output[1]; ++o1) {
          const Span span1 = call.windows.span(1, o1);
          int64_t k = 0;
          for (int64_t t0 = 0; t0 < span0.count; ++t0)
            for (int64_t t1 = 0; t1 < span1.count; ++t1)
              scratch.offsets[k++] = ((span0.begin + t0) * geometry.input[1] + span1.begin + t1) * geometry.input[2];
          const int64_t output = ((outer * geometry.output[0] + o0) * geometry.output[1] + o1) * geometry.output[2];
          body(AdaptiveRow{outer, k, output, o0 + o1 == 0}, scratch);
        }
      }
    }
  });
}

// The columns of each window of a row, computed once, without a division for each window.
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
void average_by_adaptive_rows(const Call<T> &call) {
  const ColumnSpans spans(call.windows);
  const int64_t width = call.geometry.input[2], outputs = call.geometry.output[2];
  for_adaptive_rows(call, [&](const AdaptiveRow &row, const AdaptiveScratch<T> &scratch) {
    kernels<T>().pools.mean(1, width, row.k, call.x + row.outer * call.geometry.input_pixels(), 0, scratch.offsets, 1,
                            scratch.joined_row, width);
    T *to = call.out + row.output;
    for (int64_t o = 0; o < outputs; ++o) {
      const Range &span = spans[o];
      double sum = 0;
      for (int64_t i = span.begin; i < span.end; ++i) sum += scratch.joined_row[i];
      to[o] = static_cast<T>(sum / static_cast<double>(row.k * (span.end - span.begin)));
    }
  });
}

// The kernel finds the largest cell of each column and its position, of which ties take the smallest.
template <class T>
void argmax_of_adaptive_row(const Call<T> &call, const ColumnSpans &spans, const AdaptiveRow &row,
                            const AdaptiveScratch<T> &scratch) {
  const int64_t width = call.geometry.input[2];
  const T *joined_row = scratch.joined_row;
  const int64_t *at = scratch.positions;
  for (int64_t l = 0; l < row.k; ++l) scratch.places[l] = static_cast<PlaceOf<T>>(scratch.offsets[l]);
  // a column of nothing but -inf begins with its first cell
  kernels<T>().pools.argmax(1, width, row.k, call.x + row.outer * call.geometry.input_pixels(), 0, scratch.offsets,
                            PoolPlaces<T>{0, 0, 1, scratch.places, nullptr, nullptr}, scratch.joined_row,
                            scratch.positions, width);
  for (int64_t o = 0; o < call.geometry.output[2]; ++o) {
    const Range &span = spans[o];
    int64_t best = span.begin;
    for (int64_t i = span.begin + 1; i < span.end; ++i)
      best = beats(joined_row[i], joined_row[best]) | (ties(joined_row[i], joined_row[best]) & (at[i] < at[best]))
                 ? i
                 : best;
    call.out[row.output + o] = joined_row[best];
    call.indices[row.output + o] = at[best];
  }
}

template <class T>
void largest_by_adaptive_rows(const Call<T> &call) {
  const ColumnSpans spans(call.windows);
  const int64_t width = call.geometry.input[2];
  for_adaptive_rows(call, [&](const AdaptiveRow &row, const AdaptiveScratch<T> &scratch) {
    if (call.indices) return argmax_of_adaptive_row(call, spans, row, scratch);
    kernels<T>().pools.largest(1, width, row.k, call.x + row.outer * call.geometry.input_pixels(), 0, scratch.offsets,
                               scratch.joined_row, width);
    for (int64_t o = 0; o < call.geometry.output[2]; ++o) {
      const Range &span = spans[o];
      T best = scratch.joined_row[span.begin];
      for (int64_t i = span.begin + 1; i < span.end; ++i)
        best = beats(scratch.joined_row[i], best) ? scratch.joined_row[i] : best;
      call.out[row.output + o] = best;
    }
  });
}

// dx: each window's share is spread over its columns first, then added to its rows.
template <class T>
void average_backward_by_adaptive_rows(const Call<T> &call) {
  const ColumnSpans spans(call.windows);
  const int64_t width = call.geometry.input[2], pixels = call.geometry.input_pixels();
  for_adaptive_rows(call, [&](const AdaptiveRow &row, const AdaptiveScratch<T> &scratch) {
    T *joined_row = scratch.joined_row, *plane = call.out + row.outer * pixels;
    if (row.first) std::fill(plane, plane + pixels, T(0));
    const T *dy = call.dy + row.output;
    std::fill(joined_row, joined_row + width, T(0));
    for (int64_t o = 0; o < call.geometry.output[2]; ++o) {
      const Range &span = spans[o];
      const T share = static_cast<T>(dy[o] / static_cast<double>(row.k * (span.end - span.begin)));
      for (int64_t i = span.begin; i < span.end; ++i) joined_row[i] += share;
    }
    for (int64_t l = 0; l < row.k; ++l)
      for (int64_t i = 0; i < width; ++i) plane[scratch.offsets[l] + i] += joined_row[i];
  });
}

}  // namespace gemmconv::pooling
