// A plane with its padding written out and its strides taken apart, so that what every tap reads is a shifted view of
// one buffer: cell u of phase p along an axis holds source cell (u + first) * step + p, or 0 outside the source. Then
// a whole output row under one tap is contiguous, whatever stride, padding and dilation are.
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
    return phase * phase_size() + (axes[0].cell(d) * axes[1].extent + axes[1].cell(h)) * axes[2].extent +
           axes[2].cell(w);
  }
};

// How the cells of a padded plane that lie inside the source are filled from one channel of an image, worked out
// once: a plane of 7x7 takes less time to copy than to find the borders of. The other cells are never written: they
// stay the zeros the caller put there once. Phases that no tap reads are left out.
class PlaneFill {
 public:
  static constexpr int64_t most_phases = 64;

  // used[phase]: whether a tap reads it; `strides` of the source.
  PlaneFill(const PaddedPlane &plane, const bool *used, const Sizes &strides)
      : from_(Sizes{plane.axes[0].step * strides[0], plane.axes[1].step * strides[1], plane.axes[2].step * strides[2]}),
        to_depth_(plane.axes[1].extent * plane.axes[2].extent),
        to_row_(plane.axes[2].extent) {
    const PaddedAxis &a0 = plane.axes[0], &a1 = plane.axes[1], &a2 = plane.axes[2];
    for (int64_t phase = 0; phase < plane.phases(); ++phase) {
      if (!used[phase]) continue;
      const int64_t p0 = phase / a2.step / a1.step, p1 = phase / a2.step % a1.step, p2 = phase % a2.step;
      const Range depths = a0.inside(p0), rows = a1.inside(p1), cells = a2.inside(p2);
      parts_[count_++] = {
          a0.at(depths.begin, p0) * strides[0] + a1.at(rows.begin, p1) * strides[1] +
              a2.at(cells.begin, p2) * strides[2],
          phase * plane.phase_size() + (depths.begin * a1.extent + rows.begin) * a2.extent + cells.begin,
          depths.end - depths.begin, rows.end - rows.begin, cells.end - cells.begin};
    }
  }

  template <class T>
  void operator()(const T *source, T *buffer) const {
    const auto copy = kernels().plane<T>().copy;
    for (int64_t i = 0; i < count_; ++i) {
      const Part &part = parts_[i];
      for (int64_t d = 0; d < part.depths; ++d) {
        copy(part.rows, part.cells, source + part.from + d * from_[0], from_[1], from_[2],
             buffer + part.to + d * to_depth_, to_row_, 1);
      }
    }
  }

 private:
  struct Part {
    int64_t from, to, depths, rows, cells;
  };
  Sizes from_;  // steps in the source
  int64_t to_depth_, to_row_, count_ = 0;
  Part parts_[most_phases];
};

}  // namespace gemmconv
