// The taps of a kernel along one axis, as the target cells read the source. The cells of dx fall into phases, their
// residues modulo the stride, each with taps of its own; forward, there is one phase. Target j of a phase reads source
// cell `tap.cell + j * source_step`: the same formula for both passes.
#pragma once

#include <algorithm>
#include <vector>

#include "../../index.hpp"

namespace gemmconv::depthwise {

struct AxisTap {
  int64_t index;  // in the kernel as w holds it
  int64_t cell;   // of the source, that target 0 of the phase reads; it may lie in the padding
  Range targets;  // of the phase, for which the cell lies inside the source
};

struct AxisTaps {
  int64_t phases, source_step;
  std::vector<AxisTap> taps;   // phase by phase, in the order of w
  std::vector<int64_t> first;  // tap of each phase, and the number of taps

  AxisTaps(const Axis &axis, bool flip, bool backward)
      : phases(backward ? std::min(axis.stride, axis.input) : 1), source_step(backward ? 1 : axis.stride) {
    const int64_t sources = backward ? axis.output : axis.input, targets = backward ? axis.input : axis.output;
    for (int64_t phase = 0; phase < phases; ++phase) {
      first.push_back(static_cast<int64_t>(taps.size()));
      const int64_t count = ceil_div(targets - phase, phases);
      for (int64_t tap = 0; tap < axis.kernel; ++tap) {
        const int64_t offset = tap_offset(axis, tap, flip);
        if (backward && (phase - offset) % axis.stride != 0) continue;
        const int64_t cell = backward ? (phase - offset) / axis.stride : offset;
        const int64_t begin = std::clamp<int64_t>(ceil_div(-cell, source_step), 0, count);
        taps.push_back({tap, cell, {begin, std::clamp<int64_t>(ceil_div(sources - cell, source_step), begin, count)}});
      }
    }
    first.push_back(static_cast<int64_t>(taps.size()));
  }

  // Calls body(tap index, source cell) for each tap that reaches a target cell, in the order of w.
  template <class Body>
  void for_reaching(int64_t target, const Body &body) const {
    const int64_t phase = phases == 1 ? 0 : target % phases, at = phases == 1 ? target : target / phases;
    for (int64_t t = first[phase]; t < first[phase + 1]; ++t) {
      const AxisTap &tap = taps[t];
      if (tap.targets.begin <= at && at < tap.targets.end) body(tap.index, tap.cell + at * source_step);
    }
  }
};

}  // namespace gemmconv::depthwise
