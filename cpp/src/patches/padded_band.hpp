// A band: a rectangular part of an image, copied with its padding written out and its strides de-interleaved, so that
// what one kernel tap reads of a row of targets is contiguous, and what two taps read differs by a shift. Whoever works
// on bands copies through this file; README.md lists them, and where padding is applied by those who do not.
//
// Along an axis with stride S, source cells are sorted by their phase, the remainder of their index modulo S: cell u of
// phase p holds source cell (u + first) * S + p. One channel of a band is an array [phases][depth][row][cell].
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>

#include "../geometry.hpp"
#include "../kernels/kernels.hpp"

namespace gemmconv {

inline int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -ceil_div(-a, b); }

// One axis of a band.
struct PaddedAxis {
  static constexpr int64_t most_phases = 64;
  static constexpr uint64_t every_phase = ~uint64_t(0);

  int64_t source = 1;           // cells of the source
  int64_t step = 1;             // source cells between neighbouring cells of one phase
  int64_t first = 0;            // cell 0 of phase 0 is source cell first * step
  int64_t extent = 1;           // cells of one phase
  uint64_t read = every_phase;  // bit p: some tap reads phase p; phases that none reads take no memory

  // The axis that holds what targets 0 .. count - 1 read at the offsets least .. most (in source cells).
  static PaddedAxis covering(int64_t source, int64_t step, int64_t count, int64_t least, int64_t most) {
    const int64_t first = floor_div(least, step);
    return {source, step, first, count + floor_div(most, step) - first, every_phase};
  }
  // The same for taps whose offset(tap) rises or falls evenly, with the phases that they read.
  template <class Offset>
  static PaddedAxis covering_taps(int64_t source, int64_t step, int64_t count, int64_t taps, const Offset &offset) {
    const int64_t a = offset(0), b = offset(taps - 1);
    PaddedAxis axis = covering(source, step, count, std::min(a, b), std::max(a, b));
    if (step == 1 || step > most_phases) return axis;
    uint64_t read = 0;
    // after `step` taps the phases repeat
    for (int64_t t = 0; t < std::min(taps, step); ++t) read |= uint64_t(1) << axis.phase(offset(t));
    if (__builtin_popcountll(read) < step) axis.read = read;
    return axis;
  }

  int64_t phase(int64_t offset) const { return offset - whole_steps(offset) * step; }
  int64_t cell(int64_t offset) const { return whole_steps(offset) - first; }
  int64_t source_cell(int64_t cell, int64_t phase) const { return (cell + first) * step + phase; }

  bool reads(int64_t phase) const { return read == every_phase || (read >> phase & 1) != 0; }
  int64_t phases() const { return read == every_phase ? step : __builtin_popcountll(read); }
  // The position of a phase among those that are read.
  int64_t slot(int64_t phase) const {
    return read == every_phase ? phase : __builtin_popcountll(read & ((uint64_t(1) << phase) - 1));
  }
  // The cells of a phase that lie inside the source; the others are padding.
  Range inside(int64_t phase) const {
    const int64_t cells = step == 1 ? source : ceil_div(source - phase, step);  // of the source in this phase
    const int64_t begin = std::clamp<int64_t>(-first, 0, extent);
    return {begin, std::clamp<int64_t>(cells - first, begin, extent)};
  }

 private:
  // floor(offset / step); the common steps without a division, which takes longer than a row of a small plane.
  int64_t whole_steps(int64_t offset) const {
    return step == 1 ? offset : step == 2 ? offset >> 1 : floor_div(offset, step);
  }
};

// The shape of one channel of a band.
struct PaddedPlane {
  static constexpr int64_t most_phases = PaddedAxis::most_phases;

  PaddedAxis axes[3];

  int64_t phase_size() const { return axes[0].extent * axes[1].extent * axes[2].extent; }
  int64_t phases() const { return axes[0].phases() * axes[1].phases() * axes[2].phases(); }
  int64_t size() const { return phases() * phase_size(); }
  // Where target 0 finds what lies `offset` source cells behind source cell 0.
  int64_t place(int64_t d, int64_t h, int64_t w) const {
    const PaddedAxis &a0 = axes[0], &a1 = axes[1], &a2 = axes[2];
    const int64_t phase =
        (a0.slot(a0.phase(d)) * a1.phases() + a1.slot(a1.phase(h))) * a2.phases() + a2.slot(a2.phase(w));
    return phase * phase_size() + (a0.cell(d) * a1.extent + a1.cell(h)) * a2.extent + a2.cell(w);
  }
};

// Copies one channel of an image into a band and back. The ranges are computed once for all channels: a plane of 7x7
// takes less time to copy than to find the borders of.
//
// Padding is written by pad() and left alone by load(), so that a band that is loaded with one channel after the other
// is padded once. A border mode whose padding repeats cells of the image would be copied at the end of load() for all
// bands, and elsewhere for whoever has none: see README.md.
class PlaneCopy {
 public:
  // At most PaddedPlane::most_phases phases; `strides` of the image.
  PlaneCopy(const PaddedPlane &plane, const Sizes &strides)
      : from_{plane.axes[0].step * strides[0], plane.axes[1].step * strides[1], plane.axes[2].step * strides[2]},
        to_depth_(plane.axes[1].extent * plane.axes[2].extent),
        to_row_(plane.axes[2].extent),
        size_(plane.size()) {
    const PaddedAxis &a0 = plane.axes[0], &a1 = plane.axes[1];
    int64_t place = 0;  // in the band, of the phase
    for (int64_t p0 = 0; p0 < a0.step; ++p0) {
      if (!a0.reads(p0)) continue;
      const Range depths = a0.inside(p0);
      for (int64_t p1 = 0; p1 < a1.step; ++p1) {
        if (!a1.reads(p1)) continue;
        const Range rows = a1.inside(p1);
        const int64_t from =
            a0.source_cell(depths.begin, p0) * strides[0] + a1.source_cell(rows.begin, p1) * strides[1];
        const int64_t to = place + (depths.begin * a1.extent + rows.begin) * to_row_;
        if (depths.begin < depths.end && rows.begin < rows.end) {
          const Box rest{from, to, -1, depths.end - depths.begin, rows.end - rows.begin, 0};
          add_columns(rest, plane.axes[2], strides[2], plane.phase_size());
        }
        place += plane.axes[2].phases() * plane.phase_size();
      }
    }
  }

  // Whether some cell is padding, and whether the same cells are padding in another band.
  bool has_padding() const {
    int64_t inside = 0;
    for (int64_t i = 0; i < count_; ++i) inside += boxes_[i].depths * boxes_[i].rows * boxes_[i].cells;
    return inside < size_;
  }
  bool same_padding(const PlaneCopy &other) const {
    bool same = count_ == other.count_ && size_ == other.size_ && to_row_ == other.to_row_;
    for (int64_t i = 0; same && i < count_; ++i) {
      const Box &a = boxes_[i], &b = other.boxes_[i];
      same = a.to == b.to && a.partner == b.partner && a.depths == b.depths && a.rows == b.rows && a.cells == b.cells;
    }
    return same;
  }

  // Writes the padding (and every other cell, which load() then overwrites).
  template <class T>
  void pad(T value, T *cells) const {
    if (value == T(0)) std::memset(cells, 0, static_cast<size_t>(size_) * sizeof(T));
    else std::fill(cells, cells + size_, value);
  }

  // The cells inside the image, from it; `source` is the channel's first element.
  template <class T>
  void load(const T *source, T *cells) const {
    const auto copy = kernels<T>().moves.copy;
    const auto split = kernels<T>().moves.deinterleave;
    each([&](const Box &box, int64_t from, int64_t depth) {
      T *to = cells + box.to + depth;
      if (box.partner < 0) copy(box.rows, box.cells, source + from, from_[1], from_[2], to, to_row_, 1);
      else split(box.rows, box.cells, source + from, from_[1], to, cells + box.partner + depth, to_row_);
    });
  }

  // The cells inside the image, into it or added to it: the adjoint of load(). Cells of the image that have no cell in
  // the band are left alone.
  template <class T>
  void store(const T *cells, bool accumulate, T *target) const {
    const MoveKernel<T> &moves = kernels<T>().moves;
    each([&](const Box &box, int64_t to, int64_t depth) {
      const T *from = cells + box.to + depth;
      if (box.partner < 0) {
        (accumulate ? moves.add : moves.copy)(box.rows, box.cells, from, to_row_, 1, target + to, from_[1], from_[2]);
      } else if (!accumulate) {
        kernels<T>().moves.interleave(box.rows, box.cells, from, cells + box.partner + depth, to_row_, target + to,
                                      from_[1]);
      } else {
        add_joined(box, from, cells + box.partner + depth, target + to);
      }
    });
  }

 private:
  // A box of cells of one phase, or of two whose cells alternate along axis 2.
  struct Box {
    int64_t from, to, partner;    // in the image, in the band, and of the second phase in the band or -1
    int64_t depths, rows, cells;  // cells: of both phases
  };

  // Adds what `rest` is for one phase of axes 0 and 1, for each phase of axis 2. Both phases of a step of 2 are one box:
  // their cells alternate in the source, and the first of them may be of either.
  void add_columns(const Box &rest, const PaddedAxis &axis, int64_t stride, int64_t phase_size) {
    const auto add = [&](int64_t phase, const Range &cells, int64_t count) -> Box & {
      Box &box = boxes_[count_++] = rest;
      box.from += axis.source_cell(cells.begin, phase) * stride;
      box.to += axis.slot(phase) * phase_size + cells.begin;
      box.cells = count;
      return box;
    };
    if (axis.step == 2 && axis.phases() == 2 && stride == 1) {
      const Range even = axis.inside(0), odd = axis.inside(1);
      const int64_t count = even.end - even.begin + odd.end - odd.begin;
      const bool even_first = odd.begin == odd.end || (even.begin < even.end && even.begin <= odd.begin);
      if (count == 0) return;
      if (even_first) add(0, even, count).partner = rest.to + phase_size + odd.begin;
      else add(1, odd, count).partner = rest.to + even.begin;
      return;
    }
    for (int64_t phase = 0; phase < axis.step; ++phase) {
      const Range cells = axis.inside(phase);
      if (axis.reads(phase) && cells.begin < cells.end) add(phase, cells, cells.end - cells.begin);
    }
  }

  // Calls body(box, place in the image, elements behind box.to) for each depth of each box.
  template <class Body>
  void each(const Body &body) const {
    for (int64_t i = 0; i < count_; ++i) {
      for (int64_t d = 0; d < boxes_[i].depths; ++d) body(boxes_[i], boxes_[i].from + d * from_[0], d * to_depth_);
    }
  }

  template <class T>
  void add_joined(const Box &box, const T *first, const T *second, T *target) const {
    constexpr int64_t most = 2048;
    T joined[most];
    for (int64_t row = 0; row < box.rows; ++row, first += to_row_, second += to_row_, target += from_[1]) {
      for (int64_t begin = 0; begin < box.cells; begin += most) {
        const int64_t count = std::min(most, box.cells - begin);
        kernels<T>().moves.interleave(1, count, first + begin / 2, second + begin / 2, 0, joined, 0);
        kernels<T>().moves.add(1, count, joined, 0, 1, target + begin, 0, 1);
      }
    }
  }

  Sizes from_;  // elements of the image between neighbouring cells of a phase
  int64_t to_depth_, to_row_, size_, count_ = 0;
  Box boxes_[PaddedPlane::most_phases];
};

// The channels of a band, one behind the other, in memory that is used again: at one place of the image for one image
// after the other, then at the next place. Padding is written only where it is not what it was.
template <class T>
class BandBuffer {
 public:
  BandBuffer(T *cells, T padding) : cells_(cells), padding_(padding) {}

  // The band that is loaded from now on; `strides` of the image.
  void move(const PaddedPlane &plane, const Sizes &strides, int64_t channels = 1) {
    std::optional<PlaneCopy> &next = copies_[1 - current_], &before = copies_[current_];
    next.emplace(plane, strides);
    if (!before || !next->same_padding(*before)) padded_ = 0;
    channel_stride_ = plane.size();
    for (; padded_ < channels; ++padded_) next->pad(padding_, cells_ + padded_ * channel_stride_);
    current_ = 1 - current_;
  }
  void load(const T *source, int64_t channel = 0) {
    copies_[current_]->load(source, cells_ + channel * channel_stride_);
  }

 private:
  T *cells_, padding_;
  int64_t padded_ = 0, channel_stride_ = 0;  // padded_: channels whose padding is written
  int current_ = 0;
  std::optional<PlaneCopy> copies_[2];
};

// Bands of a convolution: some rows of x for the rows of y or, backward, of dy for the rows of each stride phase of dx: a
// row of targets is then every stride-th cell of every stride-th row, and a tap serves the targets of its own phase. A
// band is made for a few rows at a time, so that it stays in the cache whatever the size of the image.
class PaddedBand {
 public:
  PaddedBand(const Geometry &g, bool backward)
      : g_(g), backward_(backward), strides_(backward ? g.y_strides() : g.x_strides()) {
    const Sizes counts{1, 1, backward ? ceil_div(g.input[2], g.stride[2]) : g.output[2]};
    for (int i = 0; i < 3; ++i) {
      one_row_.axes[i] = PaddedAxis::covering_taps(backward ? g.output[i] : g.input[i], backward ? 1 : g.stride[i],
                                                   counts[i], g.kernel[i], [&](int64_t tap) { return offset(i, tap); });
    }
  }

  // What `count` rows of targets read, from (d, row) on.
  PaddedPlane plane(int64_t d, int64_t row, int64_t count) const {
    PaddedPlane result = one_row_;
    result.axes[0].first += d;
    result.axes[1].first += row;
    result.axes[1].extent += count - 1;
    return result;
  }
  // Elements between neighbouring rows of targets.
  int64_t row_step() const { return one_row_.axes[2].extent; }
  // Elements of a channel with `count` rows of targets, an odd number of cache lines: channels must not share their
  // cache sets.
  int64_t channel_stride(int64_t count, int64_t item_bytes) const {
    const int64_t cache_line = 64 / item_bytes;
    return (ceil_div(plane(0, 0, count).size(), cache_line) | 1) * cache_line;
  }
  // Where the first target of a band of `count` rows finds a tap of the first channel.
  int64_t tap_offset(const PaddedPlane &shape, int64_t tap) const {
    return shape.place(offset(0, tap / g_.kernel[2] / g_.kernel[1]), offset(1, tap / g_.kernel[2] % g_.kernel[1]),
                       offset(2, tap % g_.kernel[2]));
  }
  // All of them, channel after channel.
  void tap_offsets(int64_t count, int64_t channels, int64_t channel_stride, int64_t *offsets) const {
    const PaddedPlane shape = plane(0, 0, count);
    const int64_t area = g_.kernel_area();
    for (int64_t i = 0; i < channels * area; ++i) {
      offsets[i] = i < area ? tap_offset(shape, i) : offsets[i - area] + channel_stride;
    }
  }
  // The band of `count` rows from (d, row) on, of channels that begin at `from`; zeros outside the source.
  template <class T>
  void copy(const T *from, int64_t channels, int64_t d, int64_t row, int64_t count, int64_t channel_stride,
            T *band) const {
    const PaddedPlane shape = plane(d, row, count);
    const PlaneCopy copy(shape, strides_.axis);
    const int64_t size = shape.size(), gap_begin = copy.has_padding() ? 0 : size;
    for (int64_t c = 0; c < channels; ++c) {
      T *cells = band + c * channel_stride;
      std::memset(cells + gap_begin, 0, static_cast<size_t>(channel_stride - gap_begin) * sizeof(T));
      copy.load(from + c * strides_.channel, cells);
    }
  }

 private:
  // The source cell that target 0, of the tap's phase, reads through a tap.
  int64_t offset(int axis, int64_t tap) const {
    const int64_t reach = gemmconv::tap_offset(g_.axis(axis), tap, g_.flip);
    return backward_ ? -floor_div(reach, g_.stride[axis]) : reach;
  }

  const Geometry &g_;
  bool backward_;
  Strides strides_;
  PaddedPlane one_row_;
};

}  // namespace gemmconv
