// Pooling by 2x2 windows side by side, without padding: what most networks have, on planes so small that the general way
// spends its time on finding out where windows begin. Here every output reads two cells of two rows.
#pragma once

#include "../geometry.hpp"
#include "../grain.hpp"
#include "../threads.hpp"

namespace gemmconv {

inline bool by_pairs(const PoolGeometry &geometry) {
  const auto pairs = [&](int a) {
    return geometry.kernel[a] == 2 && geometry.stride[a] == 2 && geometry.dilation[a] == 1 &&
           geometry.padding_low[a] == 0 && 2 * geometry.output[a] <= geometry.input[a];
  };
  const bool flat = geometry.kernel[0] == 1 && geometry.stride[0] == 1 && geometry.input[0] == geometry.output[0];
  return flat && pairs(1) && pairs(2) && (geometry.layout == Layout::nchw || geometry.channels == 1);
}

// Calls row(input row, output row, first cell in the plane) for the rows of every plane, in parallel: the first two as
// offsets of whole arrays, in elements; the input row's partner is one row further.
template <class Row>
void for_row_pairs(const PoolGeometry &geometry, int threads, const Row &row) {
  const int64_t height = geometry.output[1], width = geometry.output[2], cells = geometry.input[2];
  const int64_t planes = geometry.batch * geometry.channels * geometry.input[0];
  const int64_t plane = geometry.input[1] * cells;
  parallel_ranges(threads_for(threads, planes * plane), planes, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p)
      for (int64_t o = 0; o < height; ++o)
        row(p * plane + 2 * o * cells, (p * height + o) * width, (p % geometry.input[0]) * plane + 2 * o * cells);
  });
}

// y[o] = join(the four cells of window o).
template <class T, class Join>
void join_pairs(const PoolGeometry &geometry, int threads, const T *x, T *y, const Join &join) {
  const int64_t width = geometry.output[2], cells = geometry.input[2];
  for_row_pairs(geometry, threads, [&](int64_t from, int64_t to, int64_t) {
    const T *top = x + from, *bottom = top + cells;
    for (int64_t o = 0; o < width; ++o) y[to + o] = join(top[2 * o], top[2 * o + 1], bottom[2 * o], bottom[2 * o + 1]);
  });
}

// dx[cell] = share(output, cell) for the cells of every window, given as offsets of whole arrays; 0 for cells of none.
template <class T, class Share>
void share_pairs(const PoolGeometry &geometry, int threads, T *dx, const Share &share) {
  const int64_t width = geometry.output[2], cells = geometry.input[2], height = geometry.input[1];
  for_row_pairs(geometry, threads, [&](int64_t to, int64_t from, int64_t first) {
    const bool last = first % (height * cells) / cells + 3 == height;  // an odd row follows that no window reads
    for (int64_t row = to; row < to + 2 * cells; row += cells) {
      for (int64_t o = 0; o < width; ++o) {
        dx[row + 2 * o] = share(from + o, row + 2 * o);
        dx[row + 2 * o + 1] = share(from + o, row + 2 * o + 1);
      }
      for (int64_t cell = 2 * width; cell < cells; ++cell) dx[row + cell] = T(0);
    }
    if (last)
      for (int64_t cell = 0; cell < cells; ++cell) dx[to + 2 * cells + cell] = T(0);
  });
}

}  // namespace gemmconv
