// The variant "bands" (NCHW): a block of a plane at a time is copied into a band in the first-level cache
// (patches/padded_band.hpp), where every tap of a row of windows is contiguous and all windows of the block read the
// same offsets. The copy is one load and store for each cell.
#pragma once

#include "../patches/padded_band.hpp"
#include "../scratch.hpp"
#include "../workspace.hpp"
#include "group.hpp"
#include "variants.hpp"

namespace gemmconv::pooling {

// Sizes of a block of windows and of the bands that hold what it reads: one for each tap of axis 0.
struct BandBlocks {
  static constexpr int64_t buffer_bytes = 32 << 10;  // of a first-level cache of 48 KiB; not tuned
  static constexpr int64_t most_bytes = 512 << 10;
  static constexpr int64_t most_taps = 128, most_stride = 16;
  static constexpr int64_t fewest_columns = 64;  // rows are made shorter only down to this

  int64_t rows = 1, columns = 1;  // windows of a block
  PaddedPlane plane;              // of the block at the first window
  int64_t depths = 1;             // bands of a block

  // nullptr, or why windows have no such blocks.
  template <class T>
  static const char *refuses(const Call<T> &call) {
    const Windows &windows = call.windows;
    const Axis &a0 = windows.axis[0], &a1 = windows.axis[1], &a2 = windows.axis[2];
    if (windows.adaptive) return "it is for windows of one size";
    if (a2.stride > most_stride || a0.kernel * a1.kernel * a2.kernel > most_taps)
      return "it is for windows of at most 128 cells and strides of at most 16 along the last axis";
    // the smallest block that is made, with a cell to spare
    const int64_t reach = (a1.kernel - 1) * a1.dilation + 1;
    const int64_t cells = std::min(a2.output, fewest_columns) + (a2.kernel - 1) * a2.dilation / a2.stride + 1;
    const int64_t bytes = a0.kernel * reach * std::min(a2.stride, a2.kernel) * cells * static_cast<int64_t>(sizeof(T));
    return bytes > most_bytes ? "it is for windows that fit 512 KiB, 64 of a row" : nullptr;
  }

  // At least one block for each thread, where there are rows enough.
  template <class T>
  explicit BandBlocks(const Call<T> &call) : columns(call.windows.axis[2].output), depths(call.windows.axis[0].kernel) {
    const Axis &a1 = call.windows.axis[1], &a2 = call.windows.axis[2];
    const int64_t planes = call.planes() * call.geometry.output[0], low = -a1.padding_low;
    plane.axes[1] = PaddedAxis::covering(a1.input, 1, 1, low, low + (a1.kernel - 1) * a1.dilation);
    plane.axes[2] = PaddedAxis::covering_taps(a2.input, a2.stride, columns, a2.kernel,
                                              [&](int64_t t) { return tap_offset(a2, t, false); });
    const auto too_large = [&] { return size() * static_cast<int64_t>(sizeof(T)) > buffer_bytes; };
    const auto set_rows = [&](int64_t count) {
      plane.axes[1].extent += (count - rows) * a1.stride;
      rows = count;
    };
    while (columns > fewest_columns && too_large()) {
      plane.axes[2].extent -= columns / 2;
      columns -= columns / 2;
    }
    set_rows(planes >= call.threads
                 ? a1.output
                 : ceil_div(a1.output,
                            std::clamp<int64_t>(ceil_div(call.threads, std::max<int64_t>(planes, 1)), 1, a1.output)));
    while (rows > 1 && too_large()) set_rows((rows + 1) / 2);
  }
  int64_t size() const { return depths * plane.size(); }
};

// The blocks of one thread, one after the other: what stays the same from plane to plane is computed once.
template <class T>
class BandReader {
 public:
  struct Scratch {
    T *cells;
    PlaceOf<T> *row_starts, *column_starts;
    template <class Visit>
    void each(const Visit &visit, const BandBlocks &blocks) {
      visit(cells, blocks.size());
      visit(row_starts, blocks.rows);
      visit(column_starts, blocks.columns);
    }
  };

  BandReader(const Call<T> &call, const BandBlocks &blocks, T padding, void *memory)
      : call_(call),
        windows_(call.windows),
        blocks_(blocks),
        scratch_(scratch_arrays<Scratch>(memory, blocks)),
        band_(scratch_.cells, padding) {
    const Axis &a1 = windows_.axis[1], &a2 = windows_.axis[2];
    const PaddedPlane &plane = blocks.plane;
    // the taps of one row, then all of them as rows that differ by a shift
    for (int64_t t2 = 0; t2 < a2.kernel; ++t2) {
      offsets_[t2] = plane.place(0, -a1.padding_low, tap_offset(a2, t2, false));
      places_[t2] = static_cast<PlaceOf<T>>(t2 * a2.dilation);
    }
    int64_t tap = 0;
    for (int64_t t0 = 0; t0 < blocks.depths; ++t0) {
      for (int64_t t1 = 0; t1 < a1.kernel; ++t1) {
        const int64_t shift = t0 * plane.size() + t1 * a1.dilation * plane.axes[2].extent;
        const int64_t row = (t0 * windows_.axis[0].dilation * a1.input + t1 * a1.dilation) * a2.input;
        for (int64_t t2 = 0; t2 < a2.kernel; ++t2, ++tap) {
          offsets_[tap] = offsets_[t2] + shift;
          places_[tap] = places_[t2] + static_cast<PlaceOf<T>>(row);
        }
      }
    }
  }

  // op(group) for the block of windows from (o0, o1, o2) on of plane `outer`.
  template <class Op>
  void block(int64_t outer, int64_t o0, int64_t o1, int64_t o2, const Op &op) {
    const Axis &a1 = windows_.axis[1], &a2 = windows_.axis[2];
    if (o0 != o0_ || o1 != o1_ || o2 != o2_) move(o0, o1, o2);
    const T *plane = call_.x + outer * call_.geometry.input_pixels();
    for (int64_t t0 = 0; t0 < depths_.count; ++t0)
      band_.load(plane + (depths_.begin + t0 * depths_.step) * a1.input * a2.input, t0);
    const int64_t rows = std::min(blocks_.rows, a1.output - o1), columns = std::min(blocks_.columns, a2.output - o2);
    const int64_t y = ((outer * call_.geometry.output[0] + o0) * a1.output + o1) * a2.output + o2;
    const PoolPlaces<T> places{first_place_, a1.stride * a2.input, a2.stride,
                               places_,      scratch_.row_starts,  scratch_.column_starts};
    op(WindowGroup<T>{rows, columns, depths_.count * a1.kernel * a2.kernel, scratch_.cells,
                      a1.stride * blocks_.plane.axes[2].extent, offsets_, y, a2.output, places, outer, o0, o1, o2, 0,
                      true});
  }

 private:
  void move(int64_t o0, int64_t o1, int64_t o2) {
    const Axis &a1 = windows_.axis[1], &a2 = windows_.axis[2];
    o0_ = o0, o1_ = o1, o2_ = o2;
    depths_ = windows_.span(0, o0);
    PaddedPlane plane = blocks_.plane;
    plane.axes[1].first += o1 * a1.stride;
    plane.axes[2].first += o2;
    band_.move(plane, Sizes{0, a2.input, 1}, depths_.count);
    first_place_ =
        (depths_.begin * a1.input + o1 * a1.stride - a1.padding_low) * a2.input + o2 * a2.stride - a2.padding_low;
    for (int64_t i = 0; i < std::min(blocks_.rows, a1.output - o1); ++i)
      scratch_.row_starts[i] =
          static_cast<PlaceOf<T>>((depths_.begin * a1.input + windows_.span(1, o1 + i).begin) * a2.input);
    for (int64_t j = 0; j < std::min(blocks_.columns, a2.output - o2); ++j)
      scratch_.column_starts[j] = static_cast<PlaceOf<T>>(windows_.span(2, o2 + j).begin);
  }

  const Call<T> &call_;
  const Windows &windows_;
  const BandBlocks &blocks_;
  Scratch scratch_;
  BandBuffer<T> band_;
  int64_t o0_ = -1, o1_ = -1, o2_ = -1, first_place_ = 0;
  Span depths_{0, 0, 1};
  int64_t offsets_[BandBlocks::most_taps];
  PlaceOf<T> places_[BandBlocks::most_taps];
};

// Calls op(group) for blocks that together are all windows, in parallel. `padding`: what cells outside the input hold.
template <class T, class Op>
void for_bands(const Call<T> &call, T padding, const Op &op) {
  const BandBlocks blocks(call);
  const Sizes &output = call.geometry.output;
  const IndexGrid grid{call.planes(), output[0], ceil_div(output[1], blocks.rows), ceil_div(output[2], blocks.columns)};
  const int64_t count = grid.count();
  const int parts = static_cast<int>(std::min<int64_t>(call.threads, std::max<int64_t>(count, 1)));
  const size_t bytes = scratch_bytes<typename BandReader<T>::Scratch>(blocks);
  const Workspace workspace(bytes * static_cast<size_t>(parts));
  parallel(parts, [&](int part) {
    BandReader<T> reader(call, blocks, padding, static_cast<char *>(workspace.data()) + part * bytes);
    grid.each(even_share(count, part, parts), [&](const auto &at) {
      const auto [outer, o0, band, tile] = at;
      reader.block(outer, o0, band * blocks.rows, tile * blocks.columns, op);
    });
  });
}

template <class T>
const char *refuses_bands(const Call<T> &call) {
  if (const char *reason = refuses_channels_last(call)) return reason;
  if (const char *reason = refuses_positions(call)) return reason;
  return BandBlocks::refuses(call);
}

}  // namespace gemmconv::pooling
