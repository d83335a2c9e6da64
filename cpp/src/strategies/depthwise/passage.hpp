// A pass of the depthwise strategy as correlations: which taps reach which target positions, and where they lie in the
// padded source (see patches/padded_band.hpp).
#pragma once

#include "../../patches/padded_band.hpp"

namespace gemmconv::depthwise {

inline constexpr int64_t most_taps = 1024;  // of a channel: their places are kept on the stack

// The target positions of one residue modulo the stride, and the taps that reach them. The forward pass has one
// lattice; the input gradient one for each phase of the stride, and each tap belongs to one of them.
struct Lattice {
  Sizes count;              // target positions along each axis
  Sizes residue;            // the first of them
  int64_t first_tap, taps;  // in Passage::places and indices
};

struct Passage {
  const Geometry &g;
  bool backward;
  Sizes source_sizes, target_sizes, lattice_step;  // lattice_step: between target positions of one lattice
  PaddedPlane plane;
  int64_t places[most_taps], indices[most_taps];  // of taps, lattice by lattice: in the padded plane, and in w
  Lattice lattices[PaddedPlane::most_phases];
  int64_t lattice_count = 0;

  Passage(const Geometry &g, bool backward)
      : g(g),
        backward(backward),
        source_sizes(backward ? g.output : g.input),
        target_sizes(backward ? g.input : g.output),
        lattice_step(backward ? g.stride : Sizes{1, 1, 1}) {
    for (int i = 0; i < 3; ++i) {
      const Axis axis = g.axis(i);
      const int64_t first = tap_offset(axis, 0, false), last = tap_offset(axis, axis.kernel - 1, false);
      // dx position r + S j takes dy position j + (r - offset) / S, where that is whole.
      plane.axes[i] = backward ? PaddedAxis::covering(axis.output, 1, ceil_div(axis.input, axis.stride),
                                                      floor_div(-last, axis.stride),
                                                      floor_div(axis.stride - 1 - first, axis.stride))
                               : PaddedAxis::covering_taps(axis.input, axis.stride, axis.output, axis.kernel,
                                                           [&](int64_t t) { return tap_offset(axis, t, false); });
    }
  }

  // Finds the taps. Apart from the constructor, since sizes alone are asked for more often.
  void find_taps() {
    int64_t next = 0;
    for (int64_t a = 0; a < std::min(lattice_step[0], target_sizes[0]); ++a) {
      for (int64_t b = 0; b < std::min(lattice_step[1], target_sizes[1]); ++b) {
        for (int64_t c = 0; c < std::min(lattice_step[2], target_sizes[2]); ++c) {
          Lattice &lattice = lattices[lattice_count++];
          lattice.residue = {a, b, c};
          for (int i = 0; i < 3; ++i) {
            lattice.count[i] = ceil_div(target_sizes[i] - lattice.residue[i], lattice_step[i]);
          }
          lattice.first_tap = next;
          find_taps(lattice.residue, next);
          lattice.taps = next - lattice.first_tap;
        }
      }
    }
  }

  int64_t sources() const { return backward ? g.group_outputs() : g.group_inputs(); }
  int64_t targets() const { return backward ? g.group_inputs() : g.group_outputs(); }
  int64_t row_step() const { return plane.axes[2].extent; }
  int64_t depth_step() const { return plane.axes[1].extent * plane.axes[2].extent; }
  // Positions of the padded grid from the first to the last of a lattice.
  int64_t positions(const Sizes &count) const {
    return (count[0] - 1) * depth_step() + (count[1] - 1) * row_step() + count[2];
  }
  int64_t most_positions() const {
    Sizes most;
    for (int i = 0; i < 3; ++i) most[i] = ceil_div(target_sizes[i], lattice_step[i]);
    return positions(most);
  }
  // The places of a lattice's taps in the planes of all source channels, channel by channel; as many for each lattice
  // before it come before them.
  void fill_offsets(int64_t *offsets) const {
    for (int64_t i = 0; i < lattice_count; ++i) {
      const Lattice &lattice = lattices[i];
      for (int64_t s = 0; s < sources(); ++s) {
        for (int64_t t = 0; t < lattice.taps; ++t) {
          offsets[lattice.first_tap * sources() + s * lattice.taps + t] =
              s * plane.size() + places[lattice.first_tap + t];
        }
      }
    }
  }

 private:
  void find_taps(const Sizes &residue, int64_t &next) {
    int64_t index = 0;
    for (int64_t a = 0; a < g.kernel[0]; ++a) {
      for (int64_t b = 0; b < g.kernel[1]; ++b) {
        for (int64_t c = 0; c < g.kernel[2]; ++c, ++index) {
          const Sizes tap{a, b, c};
          Sizes at;
          bool reaches = true;
          for (int i = 0; i < 3; ++i) {
            const int64_t offset = tap_offset(g.axis(i), tap[i], g.flip);
            at[i] = backward ? residue[i] - offset : offset;
            if (!backward) continue;
            reaches = reaches && at[i] % g.stride[i] == 0;
            at[i] = floor_div(at[i], g.stride[i]);
          }
          if (!reaches) continue;
          places[next] = plane.place(at[0], at[1], at[2]);
          indices[next++] = index;
        }
      }
    }
  }
};

}  // namespace gemmconv::depthwise
