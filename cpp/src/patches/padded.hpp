// A plane with its padding written out and its strides taken apart, so that what every tap reads is a shifted view of one
// buffer: cell u of phase p along an axis holds source cell (u + first) * step + p, or 0 outside the source. Then a whole
// output row under one tap is contiguous, whatever stride, padding and dilation are.
#pragma once

#include <algorithm>
#include <cstdint>

#include "../geometry.hpp"

namespace gemmconv {

inline int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -ceil_div(-a, b); }

// One axis of a padded plane.
struct PaddedAxis {
  int64_t source = 1;  // cells of the source
  int64_t step = 1;    // cells apart of neighbours in one phase
  int64_t first = 0;   // what cell 0 holds, in steps
  int64_t extent = 1;  // cells of one phase

  // The axis that holds what outputs 0 .. count-1 read at offsets least .. most (in source cells).
  static PaddedAxis covering(int64_t source, int64_t step, int64_t count, int64_t least, int64_t most) {
    const int64_t first = floor_div(least, step);
    return {source, step, first, count + floor_div(most, step) - first};
  }
  int64_t phase(int64_t offset) const { return offset - floor_div(offset, step) * step; }
  int64_t cell(int64_t offset) const { return floor_div(offset, step) - first; }
};

struct PaddedPlane {
  PaddedAxis axes[3];

  int64_t phase_size() const { return axes[0].extent * axes[1].extent * axes[2].extent; }
  int64_t phases() const { return axes[0].step * axes[1].step * axes[2].step; }
  int64_t size() const { return phases() * phase_size(); }
  // Where output 0 finds what lies `offset` source cells behind source cell 0.
  int64_t place(int64_t d, int64_t h, int64_t w) const {
    const int64_t phase = (axes[0].phase(d) * axes[1].step + axes[1].phase(h)) * axes[2].step + axes[2].phase(w);
    return phase * phase_size() + (axes[0].cell(d) * axes[1].extent + axes[1].cell(h)) * axes[2].extent + axes[2].cell(w);
  }
};

// Fills the buffer from one channel of an image, `strides` apart. A phase that no tap reads (`used` false) is left as is.
template <class T>
void fill_padded(const PaddedPlane &plane, const bool *used, const T *source, const Sizes &strides, T *buffer) {
  const PaddedAxis &a0 = plane.axes[0], &a1 = plane.axes[1], &a2 = plane.axes[2];
  for (int64_t p0 = 0, phase = 0; p0 < a0.step; ++p0) {
    for (int64_t p1 = 0; p1 < a1.step; ++p1) {
      for (int64_t p2 = 0; p2 < a2.step; ++p2, ++phase, buffer += plane.phase_size()) {
        if (!used[phase]) continue;
        // Cells u of a row with 0 <= (u + first) * step + p2 < source.
        const int64_t begin = std::clamp<int64_t>(ceil_div(-p2, a2.step) - a2.first, 0, a2.extent);
        const int64_t end = std::clamp<int64_t>(ceil_div(a2.source - p2, a2.step) - a2.first, begin, a2.extent);
        T *row = buffer;
        for (int64_t u0 = 0; u0 < a0.extent; ++u0) {
          const int64_t i0 = (u0 + a0.first) * a0.step + p0;
          for (int64_t u1 = 0; u1 < a1.extent; ++u1, row += a2.extent) {
            const int64_t i1 = (u1 + a1.first) * a1.step + p1;
            if (i0 < 0 || i0 >= a0.source || i1 < 0 || i1 >= a1.source) {
              std::fill_n(row, a2.extent, T(0));
              continue;
            }
            const T *from = source + i0 * strides[0] + i1 * strides[1] + ((begin + a2.first) * a2.step + p2) * strides[2];
            const int64_t apart = a2.step * strides[2];
            std::fill(row, row + begin, T(0));
            if (apart == 1) {
              std::copy_n(from, end - begin, row + begin);
            } else {
              for (int64_t u = begin; u < end; ++u) row[u] = from[(u - begin) * apart];
            }
            std::fill(row + end, row + a2.extent, T(0));
          }
        }
      }
    }
  }
}

}  // namespace gemmconv
