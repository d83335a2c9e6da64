// A plane with its padding written out and its strides taken apart, so that what every tap reads is a shifted view of one
// buffer: cell u of phase p along an axis holds source cell (u + first) * step + p, or 0 outside the source. Then a whole
// output row under one tap is contiguous, whatever stride, padding and dilation are.
#pragma once

#include <algorithm>
#include <cstdint>

#include "../geometry.hpp"
#include "../kernels/kernels.hpp"

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
  // The source cell that a cell of a phase holds, and the cells that hold one.
  int64_t at(int64_t cell, int64_t phase) const { return (cell + first) * step + phase; }
  Range inside(int64_t phase) const {
    const int64_t begin = std::clamp<int64_t>(ceil_div(-phase, step) - first, 0, extent);
    return {begin, std::clamp<int64_t>(ceil_div(source - phase, step) - first, begin, extent)};
  }
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

// Fills the cells that lie inside the source from one channel of an image, `strides` apart. The others are never written:
// they stay the zeros the caller put there once. A phase that no tap reads (`used` false) is left out.
template <class T>
void fill_padded(const PaddedPlane &plane, const bool *used, const T *source, const Sizes &strides, T *buffer) {
  const PaddedAxis &a0 = plane.axes[0], &a1 = plane.axes[1], &a2 = plane.axes[2];
  const auto copy = kernels().plane<T>().copy;
  for (int64_t p0 = 0, phase = 0; p0 < a0.step; ++p0) {
    const Range depths = a0.inside(p0);
    for (int64_t p1 = 0; p1 < a1.step; ++p1) {
      const Range rows = a1.inside(p1);
      for (int64_t p2 = 0; p2 < a2.step; ++p2, ++phase, buffer += plane.phase_size()) {
        if (!used[phase]) continue;
        const Range cells = a2.inside(p2);
        for (int64_t u = depths.begin; u < depths.end; ++u) {
          copy(rows.end - rows.begin, cells.end - cells.begin,
               source + a0.at(u, p0) * strides[0] + a1.at(rows.begin, p1) * strides[1] + a2.at(cells.begin, p2) * strides[2],
               a1.step * strides[1], a2.step * strides[2], buffer + (u * a1.extent + rows.begin) * a2.extent + cells.begin,
               a2.extent, 1);
        }
      }
    }
  }
}

}  // namespace gemmconv
