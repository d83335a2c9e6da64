// The rows of a channels-last pass that reads its source in place. A row of targets falls into segments whose cells are
// reached by the same taps (for a 3x3 kernel with padding: the first column, the last, and all between) and, in the
// input gradient of a strided layer, into the phases of the stride. Segments are worked out once; a row joins its own
// taps along depth and rows with those of each segment.
#pragma once

#include <vector>

#include "../sides.hpp"
#include "axis_taps.hpp"
#include "depthwise.hpp"

namespace gemmconv::depthwise {

// Target cells of a row: first, first + phases, ...
struct RowSegment {
  int64_t first, count;
  int64_t source;     // elements from the start of a source row to what the first cell reads under a tap of cell 0
  int64_t tap, taps;  // first of its column taps, and how many
};

class ChannelRows {
 public:
  ChannelRows(const Geometry &g, const Sides &sides)
      : depths_(g.axis(0), g.flip, sides.backward),
        rows_(g.axis(1), g.flip, sides.backward),
        columns_(g.axis(2), g.flip, sides.backward),
        source_rows_(sides.source.sizes[1]),
        source_row_(sides.source.sizes[2] * g.in_channels),
        kernel_rows_(g.kernel[1]),
        kernel_row_(g.kernel[2] * g.in_channels) {
    for (const AxisTap &tap : columns_.taps) {
      offsets_.push_back(tap.cell * g.in_channels);
      places_.push_back(tap.index * g.in_channels);
    }
    for (int64_t phase = 0; phase < columns_.phases; ++phase) {
      add_segments(phase, sides.cells_of_phase(2, phase), g.in_channels);
    }
  }

  int64_t target_step() const { return columns_.phases; }       // cells between the targets of a segment
  int64_t source_step() const { return columns_.source_step; }  // and between what they read

  // Calls body(segment, taps, source offsets, places in the weights) for each segment of the target row at (depth,
  // row). Offsets are those of the segment's first target; weights lie tap by tap, a tap's channels are neighbours.
  template <class Body>
  void for_segments(int64_t depth, int64_t row, const Body &body) const {
    int64_t row_offsets[most_taps], row_places[most_taps], row_count = 0;
    depths_.for_reaching(depth, [&](int64_t depth_tap, int64_t d) {
      rows_.for_reaching(row, [&](int64_t row_tap, int64_t h) {
        row_offsets[row_count] = (d * source_rows_ + h) * source_row_;
        row_places[row_count++] = (depth_tap * kernel_rows_ + row_tap) * kernel_row_;
      });
    });
    int64_t offsets[most_taps], places[most_taps];
    for (const RowSegment &segment : segments_) {
      int64_t taps = 0;
      for (int64_t r = 0; r < row_count; ++r) {
        for (int64_t t = segment.tap; t < segment.tap + segment.taps; ++t, ++taps) {
          offsets[taps] = row_offsets[r] + segment.source + offsets_[t];
          places[taps] = row_places[r] + places_[t];
        }
      }
      body(segment, taps, offsets, places);
    }
  }

 private:
  // Taps of one phase meet the source in the order of their cells, so those that reach a target are neighbours.
  void add_segments(int64_t phase, int64_t targets, int64_t channels) {
    const AxisTap *taps = columns_.taps.data();
    const int64_t begin = columns_.first[phase], end = columns_.first[phase + 1];
    for (int64_t at = 0, next; at < targets; at = next) {
      next = targets;
      int64_t first = begin, count = 0;
      for (int64_t t = begin; t < end; ++t) {
        const Range &reached = taps[t].targets;
        if (reached.begin > at) next = std::min(next, reached.begin);
        if (reached.end > at) next = std::min(next, reached.end);
        if (reached.begin > at || reached.end <= at) continue;
        if (count++ == 0) first = t;
      }
      segments_.push_back(
          {phase + at * columns_.phases, next - at, at * columns_.source_step * channels, first, count});
    }
  }

  const AxisTaps depths_, rows_, columns_;
  const int64_t source_rows_, source_row_, kernel_rows_, kernel_row_;  // the second and the last in elements
  std::vector<int64_t> offsets_, places_;                              // of the column taps, in elements
  std::vector<RowSegment> segments_;
};

}  // namespace gemmconv::depthwise
