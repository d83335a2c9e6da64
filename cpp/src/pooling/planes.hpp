// Windows of NCHW, a block of one plane at a time: the cells that its windows reach are copied into a buffer in which
// padding is written out and the stride along axis 2 is taken apart, so that every tap of a row of windows is contiguous
// and all windows of the block read the same offsets. The copy is one load and store for each cell; the buffer stays in
// the first-level cache.
#pragma once

#include "../workspace.hpp"
#include "sweep.hpp"

namespace gemmconv {

// Sizes of a block and of its buffer: [tap of axis 0][row][phase of axis 2][cell].
struct PlaneBlocks {
  static constexpr int64_t buffer_bytes = 32 << 10;  // of a first-level cache of 48 KiB; not tuned
  static constexpr int64_t most_bytes = 512 << 10;
  static constexpr int64_t most_taps = 128, most_phases = 16;

  int64_t rows, columns;             // windows of a block
  int64_t buffer_rows, phase_cells;  // rows of a tap of axis 0, cells of a phase
  int64_t phases, row_cells, size;   // phases in use; cells of a row and of the buffer
  int8_t phase_slot[most_phases];    // -1: no tap reads it
  bool fits;

  PlaneBlocks(const Windows &windows, int64_t element_bytes, int64_t least_blocks) {
    const Axis &a0 = windows.axis[0], &a1 = windows.axis[1], &a2 = windows.axis[2];
    fits = !windows.adaptive && a2.stride <= most_phases && a0.kernel * a1.kernel * a2.kernel <= most_taps;
    rows = columns = 1;
    if (!fits) return;
    phases = 0;
    std::fill(phase_slot, phase_slot + most_phases, int8_t(-1));
    for (int64_t t = 0; t < a2.kernel; ++t) {
      int8_t &slot = phase_slot[t * a2.dilation % a2.stride];
      if (slot < 0) slot = static_cast<int8_t>(phases++);
    }
    columns = a2.output;
    set_sizes(windows);
    while (columns > 64 && size * element_bytes > buffer_bytes) {
      columns = (columns + 1) / 2;
      set_sizes(windows);
    }
    rows = ceil_div(a1.output, std::max<int64_t>(1, std::min(least_blocks, a1.output)));
    set_sizes(windows);
    while (rows > 1 && size * element_bytes > buffer_bytes) {
      rows = (rows + 1) / 2;
      set_sizes(windows);
    }
    fits = size * element_bytes <= most_bytes;
  }

 private:
  void set_sizes(const Windows &windows) {
    const Axis &a0 = windows.axis[0], &a1 = windows.axis[1], &a2 = windows.axis[2];
    buffer_rows = (rows - 1) * a1.stride + (a1.kernel - 1) * a1.dilation + 1;
    phase_cells = columns + (a2.kernel - 1) * a2.dilation / a2.stride;
    row_cells = phases * phase_cells;
    size = a0.kernel * buffer_rows * row_cells;
  }
};

// The blocks of a part, one after the other: what stays the same from plane to plane is kept.
template <class T>
class PlaneSweeper {
 public:
  static size_t scratch_bytes(const PlaneBlocks &blocks) {
    const int64_t bytes = blocks.size * static_cast<int64_t>(sizeof(T)) +
                          (blocks.rows + blocks.columns) * static_cast<int64_t>(sizeof(PlaceOf<T>));
    return static_cast<size_t>(bytes + 63) / 64 * 64;
  }

  PlaneSweeper(const PoolGeometry &geometry, const Windows &windows, const PlaneBlocks &blocks, T neutral,
               void *scratch)
      : geometry_(geometry),
        windows_(windows),
        blocks_(blocks),
        neutral_(neutral),
        buffer_(static_cast<T *>(scratch)),
        row_starts_(reinterpret_cast<PlaceOf<T> *>(buffer_ + blocks.size)),
        column_starts_(row_starts_ + blocks.rows) {}

  // op(sweep) for the block of windows from (o0, o1, o2) on of plane `outer`.
  template <class Op>
  void block(int64_t outer, int64_t o0, int64_t o1, int64_t o2, const T *x, const Op &op) {
    const Axis &a1 = windows_.axis[1], &a2 = windows_.axis[2];
    if (o0 != o0_ || o1 != o1_ || o2 != o2_) arrange(o0, o1, o2);
    const T *plane = x + outer * geometry_.input_pixels();
    for (int64_t slab = 0; slab < span0_.count; ++slab)
      fill(plane + (span0_.begin + slab * span0_.step) * a1.input * a2.input, buffer_ + slab * slab_size());
    bordered_ = true;
    const int64_t rows = std::min(blocks_.rows, a1.output - o1), columns = std::min(blocks_.columns, a2.output - o2);
    const int64_t y = ((outer * geometry_.output[0] + o0) * a1.output + o1) * a2.output + o2;
    op(Sweep<T>{rows, columns, taps_, buffer_, a1.stride * blocks_.row_cells, offsets_, y, a2.output,
                PoolPlaces<T>{first_place_, a1.stride * a2.input, a2.stride, places_, row_starts_, column_starts_},
                outer, o0, o1, o2, 0, true});
  }

 private:
  int64_t slab_size() const { return blocks_.buffer_rows * blocks_.row_cells; }

  // Offsets and places of the taps, and the cells of the buffer that lie inside the input.
  void arrange(int64_t o0, int64_t o1, int64_t o2) {
    const Axis &a0 = windows_.axis[0], &a1 = windows_.axis[1], &a2 = windows_.axis[2];
    o0_ = o0, o1_ = o1, o2_ = o2;
    bordered_ = false;
    span0_ = windows_.span(0, o0);
    row0_ = o1 * a1.stride - a1.padding_low;
    column0_ = o2 * a2.stride - a2.padding_low;
    inside_rows_.begin = std::clamp<int64_t>(-row0_, 0, blocks_.buffer_rows);
    inside_rows_.end = std::clamp(a1.input - row0_, inside_rows_.begin, blocks_.buffer_rows);
    taps_ = 0;
    for (int64_t slab = 0; slab < span0_.count; ++slab) {
      for (int64_t t1 = 0; t1 < a1.kernel; ++t1) {
        for (int64_t t2 = 0; t2 < a2.kernel; ++t2, ++taps_) {
          const int64_t column = t2 * a2.dilation, phase = blocks_.phase_slot[column % a2.stride];
          offsets_[taps_] = slab * slab_size() + t1 * a1.dilation * blocks_.row_cells + phase * blocks_.phase_cells +
                            column / a2.stride;
          places_[taps_] =
              static_cast<PlaceOf<T>>((slab * span0_.step * a1.input + t1 * a1.dilation) * a2.input + column);
        }
      }
    }
    (void)a0;
    first_place_ = (span0_.begin * a1.input + row0_) * a2.input + column0_;
    for (int64_t i = 0; i < std::min(blocks_.rows, a1.output - o1); ++i)
      row_starts_[i] = static_cast<PlaceOf<T>>((span0_.begin * a1.input + windows_.span(1, o1 + i).begin) * a2.input);
    for (int64_t j = 0; j < std::min(blocks_.columns, a2.output - o2); ++j)
      column_starts_[j] = static_cast<PlaceOf<T>>(windows_.span(2, o2 + j).begin);
  }

  // One plane of the input into the buffer; its borders only once, they stay as they are from plane to plane.
  void fill(const T *plane, T *to) const {
    const Axis &a2 = windows_.axis[2];
    const int64_t row_size = blocks_.row_cells, rows = inside_rows_.end - inside_rows_.begin;
    if (!bordered_) std::fill(to, to + slab_size(), neutral_);
    if (rows == 0) return;
    const T *from = plane + (row0_ + inside_rows_.begin) * a2.input;
    to += inside_rows_.begin * row_size;
    const int64_t first = std::max<int64_t>(0, column0_);  // the first input column that is read
    const int64_t stop = std::min(a2.input, column0_ + blocks_.phase_cells * a2.stride);
    if (a2.stride == 2 && blocks_.phases == 2 && first < stop) {
      const int64_t skipped = first - column0_, cell = skipped / 2;
      T *even = to + blocks_.phase_slot[0] * blocks_.phase_cells + cell;
      T *odd = to + blocks_.phase_slot[1] * blocks_.phase_cells + cell;
      if (skipped % 2 == 0)
        kernels<T>().moves.deinterleave(rows, stop - first, from + first, a2.input, even, odd, row_size);
      else kernels<T>().moves.deinterleave(rows, stop - first, from + first, a2.input, odd, even + 1, row_size);
      return;
    }
    for (int64_t phase = 0; phase < a2.stride; ++phase) {
      if (blocks_.phase_slot[phase] < 0) continue;
      const int64_t start = column0_ + phase;  // input column of the phase's cell 0
      const int64_t begin = start < 0 ? ceil_div(-start, a2.stride) : 0;
      const int64_t end = std::clamp(ceil_div(a2.input - start, a2.stride), begin, blocks_.phase_cells);
      if (begin < end)
        kernels<T>().moves.copy(rows, end - begin, from + start + begin * a2.stride, a2.input, a2.stride,
                                to + blocks_.phase_slot[phase] * blocks_.phase_cells + begin, row_size, 1);
    }
  }

  const PoolGeometry &geometry_;
  const Windows &windows_;
  const PlaneBlocks &blocks_;
  T neutral_, *buffer_;
  PlaceOf<T> *row_starts_, *column_starts_;
  int64_t o0_ = -1, o1_ = -1, o2_ = -1;
  bool bordered_ = false;
  Span span0_{0, 0, 1};
  int64_t row0_ = 0, column0_ = 0, first_place_ = 0, taps_ = 0;
  Range inside_rows_{0, 0};
  int64_t offsets_[PlaneBlocks::most_taps];
  PlaceOf<T> places_[PlaneBlocks::most_taps];
};

// Calls op(sweep) for blocks that together are all windows, in parallel. False, and nothing done, for windows so large that
// their cells do not fit a buffer, or that differ from each other.
template <class T, class Op>
bool sweep_planes(const PoolGeometry &geometry, const Windows &windows, int threads, const T *x, T neutral,
                  const Op &op) {
  const int64_t outer = geometry.batch * geometry.channels;
  const int64_t planes = std::max<int64_t>(1, outer * geometry.output[0]);
  const PlaneBlocks blocks(windows, sizeof(T), ceil_div(threads, planes));
  if (!blocks.fits) return false;
  const int64_t bands = ceil_div(geometry.output[1], blocks.rows), tiles = ceil_div(geometry.output[2], blocks.columns);
  const int64_t count = outer * geometry.output[0] * bands * tiles;
  const int parts = static_cast<int>(std::min<int64_t>(threads, std::max<int64_t>(count, 1)));
  const size_t bytes = PlaneSweeper<T>::scratch_bytes(blocks);
  const Workspace workspace(bytes * static_cast<size_t>(parts));
  parallel(parts, [&](int part) {
    PlaneSweeper<T> sweeper(geometry, windows, blocks, neutral, static_cast<char *>(workspace.data()) + part * bytes);
    for (int64_t i = count * part / parts; i < count * (part + 1) / parts; ++i) {
      const int64_t tile = i % tiles, band = i / tiles % bands, plane = i / tiles / bands;
      sweeper.block(plane / geometry.output[0], plane % geometry.output[0], band * blocks.rows, tile * blocks.columns,
                    x, op);
    }
  });
  return true;
}

}  // namespace gemmconv
