// A group of channels by padded copies of its planes (patches/padded_band.hpp): which taps reach which target cells, and
// where in the copies of all source channels they find what they read. Everything here is worked out once per plan.
#pragma once

#include <optional>
#include <vector>

#include "../../patches/padded_band.hpp"
#include "../sides.hpp"
#include "axis_taps.hpp"

namespace gemmconv::depthwise {

// The target cells of one residue modulo the stride, and the taps that reach them. The forward pass has one phase; in
// the input gradient each tap belongs to one of the phases.
struct StridePhase {
  Sizes residue;            // the first of the cells
  Sizes cells;              // along each axis
  int64_t first_tap, taps;  // of a source channel
};

class PaddedGroup {
 public:
  PaddedGroup(const Geometry &g, const Sides &sides);

  int64_t planes_size() const { return sources * plane.size(); }
  int64_t row_step() const { return plane.axes[2].extent; }
  int64_t depth_step() const { return plane.axes[1].extent * plane.axes[2].extent; }
  // Cells of the padded grid from the first to the last target of a phase.
  int64_t positions(const Sizes &cells) const {
    return (cells[0] - 1) * depth_step() + (cells[1] - 1) * row_step() + cells[2];
  }
  // Copies one source channel of the group; what its padding is must be zeros.
  template <class T>
  void copy(const T *source, T *padded) const {
    copy_->load(source, padded);
  }
  // How many threads can work at once, each with `bytes` of scratch memory.
  static int threads_that_fit(const Execution &execution, int64_t tasks, size_t bytes);

  const int64_t sources;  // channels
  PaddedPlane plane;      // of one of them
  std::vector<StridePhase> phases;
  std::vector<int64_t> indices;  // of the taps in a channel's kernel, phase by phase
  std::vector<int64_t> offsets;  // of the taps in the copies, phase by phase, source channel by source channel

 private:
  void add_phase(const Sizes &kernel, const Sizes &residue, const Sizes &cells, const AxisTaps *const axes[3]);

  std::vector<int64_t> places_;  // of the taps in one plane
  std::optional<PlaneCopy> copy_;
};

}  // namespace gemmconv::depthwise
