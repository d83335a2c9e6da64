// The adjoint of pooling windows of NCHW: each input cell sums what the windows over it hold. Cells of one phase of the
// strides are read by the same taps, so that a block of a plane is a sum over shifted views of the outputs for each phase,
// put together again at the end. The outputs are copied into a buffer in which those beyond the edges are zeros.
#pragma once

#include "../workspace.hpp"
#include "sweep.hpp"

namespace gemmconv {

// A block of input cells: sizes that do not depend on where it lies.
struct SpreadBlocks {
  static constexpr int64_t buffer_bytes = 32 << 10, most_bytes = 512 << 10;
  static constexpr int64_t most_taps = 256, most_phases = 16;

  int64_t rows, columns;   // of a block, multiples of the strides
  int64_t first1, first2;  // outputs from the block's first cell (over the stride) to the buffer's first, <= 0
  int64_t out_rows, out_columns, phase_columns;
  int64_t buffer, pieces;  // elements: outputs; one phase of a row phase of the block
  bool fits;

  SpreadBlocks(const Windows &windows, int64_t element_bytes, int64_t least_blocks) {
    const Axis &a1 = windows.axis[1], &a2 = windows.axis[2];
    fits = !windows.adaptive && windows.axis[0].kernel * a1.kernel * a2.kernel <= most_taps &&
           std::max(a1.stride, a2.stride) <= most_phases;
    if (!fits) return;
    rows = a1.stride;
    columns = ceil_div(a2.input, a2.stride) * a2.stride;
    set_sizes(windows);
    while (columns > 64 * a2.stride && total() * element_bytes > buffer_bytes)
      halve(columns, a2.stride), set_sizes(windows);
    rows = ceil_div(ceil_div(a1.input, a1.stride), std::max<int64_t>(1, least_blocks)) * a1.stride;
    set_sizes(windows);
    while (rows > a1.stride && total() * element_bytes > buffer_bytes) halve(rows, a1.stride), set_sizes(windows);
    fits = total() * element_bytes <= most_bytes;
  }
  int64_t total() const { return buffer + 2 * stride2_ * pieces + rows * columns; }

 private:
  static void halve(int64_t &size, int64_t stride) { size = (size / stride + 1) / 2 * stride; }
  static int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -ceil_div(-a, b); }
  static int64_t first_of(const Axis &axis) {
    return floor_div(axis.padding_low - (axis.kernel - 1) * axis.dilation, axis.stride);
  }
  void set_sizes(const Windows &windows) {
    const Axis &a1 = windows.axis[1], &a2 = windows.axis[2];
    stride2_ = a2.stride;
    first1 = first_of(a1);
    first2 = first_of(a2);
    out_rows = floor_div(rows - 1 + a1.padding_low, a1.stride) - first1 + 1;
    out_columns = floor_div(columns - 1 + a2.padding_low, a2.stride) - first2 + 1;
    phase_columns = columns / a2.stride;
    buffer = windows.axis[0].kernel * out_rows * out_columns;
    pieces = rows / a1.stride * phase_columns;
  }
  int64_t stride2_ = 1;
};

// One part's blocks. Q: what outputs and sums are held in. fill(outer, o0, Range rows, Range columns, Q *to, to_row)
// writes outputs; finish(outer, i0, i1, i2, m, n, sums, sums_row) takes sums of rows i1, i1 + stride, ...
template <class Q>
class PlaneSpreader {
 public:
  static size_t scratch_bytes(const SpreadBlocks &blocks) {
    return static_cast<size_t>(blocks.total() * static_cast<int64_t>(sizeof(Q)) + 63) / 64 * 64;
  }
  PlaneSpreader(const Windows &windows, const SpreadBlocks &blocks, void *scratch)
      : windows_(windows),
        blocks_(blocks),
        buffer_(static_cast<Q *>(scratch)),
        pieces_(buffer_ + blocks.buffer),
        sums_(pieces_ + 2 * windows.axis[2].stride * blocks.pieces) {}

  template <class Fill, class Finish>
  void block(int64_t outer, int64_t i0, int64_t i1, int64_t i2, const Fill &fill, const Finish &finish) {
    const Axis &a0 = windows_.axis[0], &a1 = windows_.axis[1], &a2 = windows_.axis[2];
    const int64_t o1 = i1 / a1.stride + blocks_.first1,
                  o2 = i2 / a2.stride + blocks_.first2;  // the buffer's first output
    const Range rows{std::max<int64_t>(0, o1), std::clamp<int64_t>(o1 + blocks_.out_rows, 0, a1.output)};
    const Range columns{std::max<int64_t>(0, o2), std::clamp<int64_t>(o2 + blocks_.out_columns, 0, a2.output)};
    const int64_t size = blocks_.out_rows * blocks_.out_columns;
    // borders stay as they are from plane to plane
    if (i1 != i1_ || i2 != i2_) std::fill(buffer_, buffer_ + blocks_.buffer, Q(0));
    i1_ = i1, i2_ = i2;
    slabs_ = 0;
    for (int64_t t0 = 0; t0 < a0.kernel; ++t0) {
      const int64_t distance = i0 + a0.padding_low - t0 * a0.dilation;
      if (distance < 0 || distance % a0.stride != 0 || distance / a0.stride >= a0.output) continue;
      if (rows.begin < rows.end && columns.begin < columns.end)
        fill(outer, distance / a0.stride, rows, columns,
             buffer_ + slabs_ * size + (rows.begin - o1) * blocks_.out_columns + columns.begin - o2,
             blocks_.out_columns);
      ++slabs_;
    }
    if (slabs_ != arranged_) arrange();
    const int64_t height = std::min(blocks_.rows, a1.input - i1), width = std::min(blocks_.columns, a2.input - i2);
    for (int64_t phase = 0; phase < std::min(a1.stride, height); ++phase) {
      const int64_t m = ceil_div(height - phase, a1.stride);
      put_together(phase, m, width);
      finish(outer, i0, i1 + phase, i2, m, width, sums_, blocks_.columns);
    }
  }

 private:
  // The rows of one phase of axis 1 into sums_.
  void put_together(int64_t row_phase, int64_t m, int64_t width) {
    const int64_t stride = windows_.axis[2].stride, to_row = blocks_.columns;
    if (stride == 1) return sum(row_phase, 0, m, width, sums_, to_row);
    Piece piece[16];
    for (int64_t phase = 0; phase < stride; ++phase)
      piece[phase] = piece_of(row_phase, phase, m, pieces_ + phase * blocks_.pieces);
    if (stride == 2) return join(m, width, piece[0], piece[1], pieces_, sums_, to_row);
    if (stride == 4) {
      const int64_t half = 2 * blocks_.phase_columns;
      Q *even = pieces_ + 4 * blocks_.pieces, *odd = even + 2 * blocks_.pieces;
      join(m, half, piece[0], piece[2], pieces_, even, half);
      join(m, half, piece[1], piece[3], pieces_ + blocks_.pieces, odd, half);
      return kernels<Q>().moves.interleave(m, width, even, odd, half, sums_, to_row);
    }
    for (int64_t phase = 0; phase < std::min(stride, width); ++phase)
      kernels<Q>().moves.copy(m, ceil_div(width - phase, stride), piece[phase].data, piece[phase].row, 1, sums_ + phase,
                              to_row, stride);
  }

  struct Piece {
    const Q *data;
    int64_t row;
  };

  // One phase of columns: where one tap reads it, the buffer itself.
  Piece piece_of(int64_t row_phase, int64_t phase, int64_t m, Q *room) {
    if (taps(row_phase, phase) == 1) return Piece{buffer_ + *offsets(row_phase, phase), blocks_.out_columns};
    sum(row_phase, phase, m, blocks_.phase_columns, room, blocks_.phase_columns);
    return Piece{room, blocks_.phase_columns};
  }

  // Puts two pieces together; one that lies otherwise than the other is copied to `room` first.
  void join(int64_t m, int64_t width, Piece even, Piece odd, Q *room, Q *to, int64_t to_row) {
    if (even.row != odd.row) {
      Piece &other = even.row == blocks_.phase_columns ? odd : even;
      Q *place = &other == &even ? room : room + (stride() == 2 ? 1 : 2) * blocks_.pieces;
      kernels<Q>().moves.copy(m, blocks_.phase_columns, other.data, other.row, 1, place, blocks_.phase_columns, 1);
      other = Piece{place, blocks_.phase_columns};
    }
    kernels<Q>().moves.interleave(m, width, even.data, odd.data, even.row, to, to_row);
  }
  int64_t stride() const { return windows_.axis[2].stride; }

  void sum(int64_t row_phase, int64_t phase, int64_t m, int64_t n, Q *to, int64_t to_row) {
    const int64_t k = taps(row_phase, phase);
    if (k > 0)
      return kernels<Q>().pools.mean(m, n, k, buffer_, blocks_.out_columns, offsets(row_phase, phase), 1, to, to_row);
    for (int64_t i = 0; i < m; ++i) std::fill_n(to + i * to_row, n, Q(0));
  }

  // The offsets of the outputs that read the first cell of each phase, phase after phase.
  void arrange() {
    const Axis &a1 = windows_.axis[1], &a2 = windows_.axis[2];
    int64_t k = 0;
    for (int64_t phase1 = 0; phase1 < a1.stride; ++phase1) {
      for (int64_t phase2 = 0; phase2 < a2.stride; ++phase2) {
        starts_[phase1 * a2.stride + phase2] = k;
        for (int64_t slab = 0; slab < slabs_; ++slab) {
          for (int64_t t1 = a1.kernel - 1; t1 >= 0; --t1) {
            const int64_t distance1 = phase1 + a1.padding_low - t1 * a1.dilation;
            if (distance1 % a1.stride != 0) continue;
            for (int64_t t2 = a2.kernel - 1; t2 >= 0; --t2) {
              const int64_t distance2 = phase2 + a2.padding_low - t2 * a2.dilation;
              if (distance2 % a2.stride != 0) continue;
              offsets_[k++] = (slab * blocks_.out_rows + distance1 / a1.stride - blocks_.first1) * blocks_.out_columns +
                              distance2 / a2.stride - blocks_.first2;
            }
          }
        }
      }
    }
    starts_[a1.stride * a2.stride] = k;
    arranged_ = slabs_;
  }
  const int64_t *offsets(int64_t row_phase, int64_t phase) const {
    return offsets_ + starts_[row_phase * stride() + phase];
  }
  int64_t taps(int64_t row_phase, int64_t phase) const {
    const int64_t *start = starts_ + row_phase * stride() + phase;
    return start[1] - start[0];
  }

  const Windows &windows_;
  const SpreadBlocks &blocks_;
  Q *buffer_, *pieces_, *sums_;
  int64_t i1_ = -1, i2_ = -1, slabs_ = 0, arranged_ = -1;  // of the last block
  int64_t offsets_[SpreadBlocks::most_taps];
  int64_t starts_[SpreadBlocks::most_phases * SpreadBlocks::most_phases + 1];
};

// All blocks of all planes, in parallel. False, and nothing done, for windows that have no such blocks.
template <class Q, class Fill, class Finish>
bool spread_planes(const PoolGeometry &geometry, const Windows &windows, int threads, const Fill &fill,
                   const Finish &finish) {
  const int64_t planes = geometry.batch * geometry.channels * geometry.input[0];
  const SpreadBlocks blocks(windows, sizeof(Q), ceil_div(threads, std::max<int64_t>(1, planes)));
  if (!blocks.fits) return false;
  const int64_t bands = ceil_div(geometry.input[1], blocks.rows), tiles = ceil_div(geometry.input[2], blocks.columns);
  const int64_t count = planes * bands * tiles;
  const int parts = static_cast<int>(std::min<int64_t>(threads, std::max<int64_t>(count, 1)));
  const size_t bytes = PlaneSpreader<Q>::scratch_bytes(blocks);
  const Workspace workspace(bytes * static_cast<size_t>(parts));
  parallel(parts, [&](int part) {
    PlaneSpreader<Q> spreader(windows, blocks, static_cast<char *>(workspace.data()) + part * bytes);
    for (int64_t i = count * part / parts; i < count * (part + 1) / parts; ++i) {
      const int64_t tile = i % tiles, band = i / tiles % bands, plane = i / tiles / bands;
      spreader.block(plane / geometry.input[0], plane % geometry.input[0], band * blocks.rows, tile * blocks.columns,
                     fill, finish);
    }
  });
  return true;
}

}  // namespace gemmconv
