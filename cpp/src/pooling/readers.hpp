// Which outputs read an input row or cell, for gradients of poolings that read every cell of their windows: each input cell
// gathers from the outputs that read it, so that no two threads write to one cell and the order of additions follows from
// the geometry alone.
#pragma once

#include "windows.hpp"

namespace gemmconv::pooling {

// Calls row(o0, o1) for the output rows that read input row (row0, row1), in C order.
template <class Row>
void for_rows_over(const Windows &windows, int64_t row0, int64_t row1, const Row &row) {
  const Range range0 = windows.outputs_touching(0, row0, row0 + 1),
              range1 = windows.outputs_touching(1, row1, row1 + 1);
  for (int64_t o0 = range0.begin; o0 < range0.end; ++o0) {
    if (!windows.reads(0, o0, row0)) continue;
    for (int64_t o1 = range1.begin; o1 < range1.end; ++o1)
      if (windows.reads(1, o1, row1)) row(o0, o1);
  }
}

// Calls body(o, cell) for the outputs o of [outputs.begin, outputs.end) and the cells of [begin, end) that they read,
// along axis 2. The inner loop is the longer one: over outputs for few taps, over cells for few outputs.
template <class Body>
void for_reads(const Windows &windows, Range outputs, int64_t begin, int64_t end, const Body &body) {
  const Axis &axis = windows.axis[2];
  if (!windows.adaptive && axis.kernel <= outputs.end - outputs.begin) {
    for (int64_t t = 0; t < axis.kernel; ++t) {
      const int64_t offset = t * axis.dilation - axis.padding_low;
      const int64_t first = std::max(outputs.begin, ceil_div(begin - offset, axis.stride));
      const int64_t last = std::min(outputs.end, ceil_div(end - offset, axis.stride));
      if (axis.stride == 1)
        for (int64_t o = first; o < last; ++o) body(o, o + offset);
      else
        for (int64_t o = first; o < last; ++o) body(o, o * axis.stride + offset);
    }
    return;
  }
  for (int64_t o = outputs.begin; o < outputs.end; ++o) {
    const Span span = windows.span(2, o);
    const int64_t skipped = span.begin < begin ? ceil_div(begin - span.begin, span.step) : 0;
    const int64_t stop = std::min(end, span.begin + span.count * span.step);
    if (span.step == 1)
      for (int64_t cell = span.begin + skipped; cell < stop; ++cell) body(o, cell);
    else
      for (int64_t cell = span.begin + skipped * span.step; cell < stop; cell += span.step) body(o, cell);
  }
}

}  // namespace gemmconv::pooling
