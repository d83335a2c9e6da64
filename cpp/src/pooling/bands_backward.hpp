// The variant "bands" of gradients (NCHW), the adjoint of pooling by bands: each input cell sums what the windows over it
// hold. Cells of one phase of the strides are read by the same taps, so that a block of a plane is, for each phase, a sum
// over shifted views of the outputs; the phases are interleaved at the end. The outputs are put into a band
// (patches/padded_band.hpp) whose cells beyond the edges are zeros.
#pragma once

#include "../patches/padded_band.hpp"
#include "../scratch.hpp"
#include "../workspace.hpp"
#include "readers.hpp"
#include "variants.hpp"

namespace gemmconv::pooling {

// A block of input cells, and the band of outputs that read it. What does not depend on where it lies.
struct GradientBlocks {
  static constexpr int64_t buffer_bytes = 32 << 10;  // of a first-level cache of 48 KiB; not tuned
  static constexpr int64_t most_bytes = 512 << 10;
  static constexpr int64_t most_taps = 256, most_stride = 16;
  static constexpr int64_t fewest_phase_columns = 64;  // rows are made shorter only down to this

  int64_t stride1, stride2;           // of the windows
  int64_t phase_rows, phase_columns;  // of a block, in one phase of the strides
  PaddedPlane outputs;                // of the block at the first cell; one for each tap of axis 0 that meets it
  int64_t depths;                     // taps of axis 0

  // nullptr, or why windows have no such blocks. Q: what outputs and sums are held in.
  template <class Q, class T>
  static const char *refuses(const Call<T> &call) {
    const Axis &a0 = call.windows.axis[0], &a1 = call.windows.axis[1], &a2 = call.windows.axis[2];
    if (call.windows.adaptive) return "it is for windows of one size";
    if (a0.kernel * a1.kernel * a2.kernel > most_taps || std::max(a1.stride, a2.stride) > most_stride)
      return "it is for windows of at most 256 cells and strides of at most 16";
    // the smallest block that is made, with an output to spare along each axis
    const int64_t phase_columns = std::min(ceil_div(a2.input, a2.stride), fewest_phase_columns);
    const int64_t rows = (a1.kernel - 1) * a1.dilation / a1.stride + 2;
    const int64_t columns = (a2.kernel - 1) * a2.dilation / a2.stride + phase_columns + 1;
    const int64_t cells = a0.kernel * rows * columns + (2 + a1.stride) * a2.stride * phase_columns;
    return cells * static_cast<int64_t>(sizeof(Q)) > most_bytes ? "it is for windows that fit 512 KiB, 64 of a row"
                                                                : nullptr;
  }

  // At least one block for each thread, where there are rows enough.
  template <class T>
  GradientBlocks(const Call<T> &call, size_t item_bytes)
      : stride1(call.windows.axis[1].stride),
        stride2(call.windows.axis[2].stride),
        phase_rows(1),
        phase_columns(ceil_div(call.windows.axis[2].input, stride2)),
        depths(call.windows.axis[0].kernel) {
    const int64_t planes = call.planes() * call.geometry.input[0];
    outputs.axes[1] = outputs_of(call.windows.axis[1], phase_rows);
    outputs.axes[2] = outputs_of(call.windows.axis[2], phase_columns);
    const auto too_large = [&] {
      const int64_t cells = outputs_size() + phases_size() + rows() * columns();
      return cells * static_cast<int64_t>(item_bytes) > buffer_bytes;
    };
    const auto set_rows = [&](int64_t count) {
      outputs.axes[1].extent += count - phase_rows;
      phase_rows = count;
    };
    while (phase_columns > fewest_phase_columns && too_large()) {
      outputs.axes[2].extent -= phase_columns / 2;
      phase_columns -= phase_columns / 2;
    }
    const int64_t all = ceil_div(call.windows.axis[1].input, stride1);
    set_rows(planes >= call.threads ? all : ceil_div(all, ceil_div(call.threads, std::max<int64_t>(planes, 1))));
    while (phase_rows > 1 && too_large()) set_rows(phase_rows - phase_rows / 2);
  }
  int64_t rows() const { return phase_rows * stride1; }
  int64_t columns() const { return phase_columns * stride2; }
  int64_t phase_size() const { return phase_rows * phase_columns; }
  int64_t outputs_size() const { return depths * outputs.size(); }
  // Sums of each phase of columns, and as much again to interleave them in.
  int64_t phases_size() const { return 2 * stride2 * phase_size(); }

 private:
  // The outputs that read `count` cells of each phase.
  static PaddedAxis outputs_of(const Axis &axis, int64_t count) {
    return PaddedAxis::covering(axis.output, 1, count,
                                floor_div(axis.padding_low - (axis.kernel - 1) * axis.dilation, axis.stride),
                                floor_div(axis.padding_low + axis.stride - 1, axis.stride));
  }
};

// The blocks of one thread. fill(outer, o0, Range rows, Range columns, Q *to, to_row) writes outputs into the band;
// finish(outer, i0, i1, i2, m, n, sums, sums_row) takes sums of the rows i1, i1 + stride, ...
template <class Q>
class GradientWriter {
 public:
  struct Scratch {
    Q *outputs, *phases, *sums;
    template <class Visit>
    void each(const Visit &visit, const GradientBlocks &blocks) {
      visit(outputs, blocks.outputs_size());
      visit(phases, blocks.phases_size());
      visit(sums, blocks.rows() * blocks.columns());
    }
  };

  GradientWriter(const Windows &windows, const GradientBlocks &blocks, void *memory)
      : windows_(windows),
        blocks_(blocks),
        scratch_(scratch_arrays<Scratch>(memory, blocks)),
        row_(blocks.outputs.axes[2].extent) {}

  template <class Fill, class Finish>
  void block(int64_t outer, int64_t i0, int64_t i1, int64_t i2, const Fill &fill, const Finish &finish) {
    const Axis &a0 = windows_.axis[0], &a1 = windows_.axis[1], &a2 = windows_.axis[2];
    PaddedAxis outputs1 = blocks_.outputs.axes[1], outputs2 = blocks_.outputs.axes[2];
    outputs1.first += i1 / a1.stride;
    outputs2.first += i2 / a2.stride;
    const Range rows = outputs1.inside(0), columns = outputs2.inside(0);
    // zeros beyond the edges stay from plane to plane
    if (i1 != i1_ || i2 != i2_) std::fill_n(scratch_.outputs, blocks_.outputs_size(), Q(0));
    i1_ = i1, i2_ = i2;
    depths_ = 0;
    for (int64_t t0 = 0; t0 < a0.kernel; ++t0) {
      const int64_t distance = i0 + a0.padding_low - t0 * a0.dilation;
      if (distance < 0 || distance % a0.stride != 0 || distance / a0.stride >= a0.output) continue;
      if (rows.begin < rows.end && columns.begin < columns.end) {
        fill(outer, distance / a0.stride, Range{rows.begin + outputs1.first, rows.end + outputs1.first},
             Range{columns.begin + outputs2.first, columns.end + outputs2.first},
             scratch_.outputs + depths_ * blocks_.outputs.size() + rows.begin * row_ + columns.begin, row_);
      }
      ++depths_;
    }
    if (depths_ != offsets_of_) set_offsets();
    const int64_t height = std::min(blocks_.rows(), a1.input - i1), width = std::min(blocks_.columns(), a2.input - i2);
    for (int64_t phase = 0; phase < std::min(a1.stride, height); ++phase) {
      const int64_t m = ceil_div(height - phase, a1.stride);
      sum_rows(phase, m, width);
      finish(outer, i0, i1 + phase, i2, m, width, scratch_.sums, blocks_.columns());
    }
  }

 private:
  // Sums of one phase of columns.
  struct PhaseSums {
    const Q *data;
    int64_t row;
  };

  // The rows of one phase of axis 1 into scratch_.sums: the sums of each phase of axis 2, interleaved.
  void sum_rows(int64_t row_phase, int64_t m, int64_t width) {
    const int64_t stride = blocks_.stride2, to_row = blocks_.columns();
    Q *const to = scratch_.sums;
    if (stride == 1) return sum(row_phase, 0, m, width, to, to_row);
    PhaseSums phases[GradientBlocks::most_stride];
    for (int64_t phase = 0; phase < stride; ++phase) phases[phase] = sums_of(row_phase, phase, m, buffer(phase));
    if (stride == 2) return join(m, width, phases[0], phases[1], buffer(0), buffer(1), to, to_row);
    if (stride == 4) {
      const int64_t half = 2 * blocks_.phase_columns;
      Q *even = buffer(4), *odd = buffer(6);
      join(m, half, phases[0], phases[2], buffer(0), buffer(2), even, half);
      join(m, half, phases[1], phases[3], buffer(1), buffer(3), odd, half);
      return kernels<Q>().moves.interleave(m, width, even, odd, half, to, to_row);
    }
    for (int64_t phase = 0; phase < std::min(stride, width); ++phase)
      kernels<Q>().moves.copy(m, ceil_div(width - phase, stride), phases[phase].data, phases[phase].row, 1, to + phase,
                              to_row, stride);
  }

  Q *buffer(int64_t phase) const { return scratch_.phases + phase * blocks_.phase_size(); }

  // The sums of one phase of columns: where one tap reads it, they are the band itself.
  PhaseSums sums_of(int64_t row_phase, int64_t phase, int64_t m, Q *buffer) {
    if (taps(row_phase, phase) == 1) return PhaseSums{scratch_.outputs + *offsets(row_phase, phase), row_};
    sum(row_phase, phase, m, blocks_.phase_columns, buffer, blocks_.phase_columns);
    return PhaseSums{buffer, blocks_.phase_columns};
  }

  // Interleaves two phases. If their rows have different steps, the one that lies in the band is copied first.
  void join(int64_t m, int64_t width, const PhaseSums &even, const PhaseSums &odd, Q *even_buffer, Q *odd_buffer, Q *to,
            int64_t to_row) {
    const int64_t packed = blocks_.phase_columns;
    const Q *even_data = even.data, *odd_data = odd.data;
    const int64_t row = even.row == odd.row ? even.row : packed;
    if (even.row != row) even_data = copied(m, even, even_buffer);
    if (odd.row != row) odd_data = copied(m, odd, odd_buffer);
    kernels<Q>().moves.interleave(m, width, even_data, odd_data, row, to, to_row);
  }
  const Q *copied(int64_t m, const PhaseSums &sums, Q *buffer) {
    const int64_t packed = blocks_.phase_columns;
    kernels<Q>().moves.copy(m, packed, sums.data, sums.row, 1, buffer, packed, 1);
    return buffer;
  }

  void sum(int64_t row_phase, int64_t phase, int64_t m, int64_t n, Q *to, int64_t to_row) {
    const int64_t k = taps(row_phase, phase);
    if (k > 0)
      return kernels<Q>().pools.mean(m, n, k, scratch_.outputs, row_, offsets(row_phase, phase), 1, to, to_row);
    for (int64_t i = 0; i < m; ++i) std::fill_n(to + i * to_row, n, Q(0));
  }

  // The offsets of the outputs that read the first cell of each phase, phase after phase.
  void set_offsets() {
    const Axis &a1 = windows_.axis[1], &a2 = windows_.axis[2];
    int64_t k = 0;
    for (int64_t phase1 = 0; phase1 < a1.stride; ++phase1) {
      for (int64_t phase2 = 0; phase2 < a2.stride; ++phase2) {
        starts_[phase1 * a2.stride + phase2] = k;
        for (int64_t depth = 0; depth < depths_; ++depth) k = set_offsets(depth, phase1, phase2, k);
      }
    }
    starts_[a1.stride * a2.stride] = k;
    offsets_of_ = depths_;
  }
  // Those in one band, from number k on, in the order of the outputs; returns the number behind the last.
  int64_t set_offsets(int64_t depth, int64_t phase1, int64_t phase2, int64_t k) {
    const Axis &a1 = windows_.axis[1], &a2 = windows_.axis[2];
    for (int64_t t1 = a1.kernel - 1; t1 >= 0; --t1) {
      const int64_t distance1 = phase1 + a1.padding_low - t1 * a1.dilation;
      if (distance1 % a1.stride != 0) continue;
      for (int64_t t2 = a2.kernel - 1; t2 >= 0; --t2) {
        const int64_t distance2 = phase2 + a2.padding_low - t2 * a2.dilation;
        if (distance2 % a2.stride != 0) continue;
        offsets_[k++] =
            depth * blocks_.outputs.size() + blocks_.outputs.place(0, distance1 / a1.stride, distance2 / a2.stride);
      }
    }
    return k;
  }
  const int64_t *offsets(int64_t row_phase, int64_t phase) const {
    return offsets_ + starts_[row_phase * blocks_.stride2 + phase];
  }
  int64_t taps(int64_t row_phase, int64_t phase) const {
    const int64_t *start = starts_ + row_phase * blocks_.stride2 + phase;
    return start[1] - start[0];
  }

  const Windows &windows_;
  const GradientBlocks &blocks_;
  Scratch scratch_;
  int64_t row_;                             // elements from row to row of the band
  int64_t i1_ = -1, i2_ = -1, depths_ = 0;  // of the last block
  int64_t offsets_of_ = -1;                 // the number of depths that the offsets are for
  int64_t offsets_[GradientBlocks::most_taps];
  int64_t starts_[GradientBlocks::most_stride * GradientBlocks::most_stride + 1];
};

// All blocks of all planes, in parallel.
template <class Q, class T, class Fill, class Finish>
void for_bands_backward(const Call<T> &call, const Fill &fill, const Finish &finish) {
  const GradientBlocks blocks(call, sizeof(Q));
  const Sizes &input = call.geometry.input;
  const IndexGrid grid{call.planes(), input[0], ceil_div(input[1], blocks.rows()),
                       ceil_div(input[2], blocks.columns())};
  const int64_t count = grid.count();
  const int parts = static_cast<int>(std::min<int64_t>(call.threads, std::max<int64_t>(count, 1)));
  const size_t bytes = scratch_bytes<typename GradientWriter<Q>::Scratch>(blocks);
  const Workspace workspace(bytes * static_cast<size_t>(parts));
  parallel(parts, [&](int part) {
    GradientWriter<Q> writer(call.windows, blocks, static_cast<char *>(workspace.data()) + part * bytes);
    grid.each(even_share(count, part, parts), [&](const auto &at) {
      const auto [outer, i0, band, tile] = at;
      writer.block(outer, i0, band * blocks.rows(), tile * blocks.columns(), fill, finish);
    });
  });
}

template <class Q, class T>
const char *refuses_bands_backward(const Call<T> &call) {
  if (const char *reason = refuses_channels_last(call)) return reason;
  return GradientBlocks::refuses<Q>(call);
}

}  // namespace gemmconv::pooling
