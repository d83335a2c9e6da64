// The analysis that the variant `padded` does once per plan: phases, places of taps, scratch memory, threads.
#include "padded_group.hpp"

namespace gemmconv::depthwise {
namespace {

// The axis of a padded plane that holds what all target cells read.
PaddedAxis padded_axis(const Axis &axis, bool backward) {
  const int64_t first = tap_offset(axis, 0, false), last = tap_offset(axis, axis.kernel - 1, false);
  if (!backward) {
    return PaddedAxis::covering_taps(axis.input, axis.stride, axis.output, axis.kernel,
                                     [&](int64_t tap) { return tap_offset(axis, tap, false); });
  }
  // Cell r + stride j of dx takes cell j + (r - offset) / stride of dy, where that is whole.
  return PaddedAxis::covering(axis.output, 1, ceil_div(axis.input, axis.stride), floor_div(-last, axis.stride),
                              floor_div(axis.stride - 1 - first, axis.stride));
}

}  // namespace

PaddedGroup::PaddedGroup(const Geometry &g, const Sides &sides) : sources(sides.source.channels) {
  const bool backward = sides.backward;
  const AxisTaps depths(g.axis(0), g.flip, backward), rows(g.axis(1), g.flip, backward);
  const AxisTaps columns(g.axis(2), g.flip, backward);
  const AxisTaps *const axes[3] = {&depths, &rows, &columns};
  for (int i = 0; i < 3; ++i) plane.axes[i] = padded_axis(g.axis(i), backward);
  for (int64_t a = 0; a < sides.phases[0]; ++a) {
    for (int64_t b = 0; b < sides.phases[1]; ++b) {
      for (int64_t c = 0; c < sides.phases[2]; ++c) {
        add_phase(g.kernel, {a, b, c},
                  {sides.cells_of_phase(0, a), sides.cells_of_phase(1, b), sides.cells_of_phase(2, c)}, axes);
      }
    }
  }
  copy_.emplace(plane, sides.source.strides.axis);
}

void PaddedGroup::add_phase(const Sizes &kernel, const Sizes &residue, const Sizes &cells,
                            const AxisTaps *const axes[3]) {
  const int64_t first_tap = static_cast<int64_t>(places_.size());
  const auto taps = [&](int i) {
    const AxisTap *all = axes[i]->taps.data();
    return std::vector<AxisTap>(all + axes[i]->first[residue[i]], all + axes[i]->first[residue[i] + 1]);
  };
  for (const AxisTap &depth : taps(0)) {
    for (const AxisTap &row : taps(1)) {
      for (const AxisTap &column : taps(2)) {
        places_.push_back(plane.place(depth.cell, row.cell, column.cell));
        indices.push_back((depth.index * kernel[1] + row.index) * kernel[2] + column.index);
      }
    }
  }
  const int64_t end_tap = static_cast<int64_t>(places_.size());
  for (int64_t s = 0; s < sources; ++s) {
    for (int64_t t = first_tap; t < end_tap; ++t) offsets.push_back(s * plane.size() + places_[t]);
  }
  phases.push_back({residue, cells, first_tap, end_tap - first_tap});
}

int PaddedGroup::threads_that_fit(const Execution &execution, int64_t tasks, size_t bytes) {
  const int64_t fit = static_cast<int64_t>(execution.workspace_limit / std::max<size_t>(bytes, 1));
  return static_cast<int>(std::clamp<int64_t>(std::min(tasks, fit), 1, execution.threads));
}

}  // namespace gemmconv::depthwise
