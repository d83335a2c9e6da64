// How a convolution is cut into padded bands (patches/padded_band.hpp): tasks are an image, a group, a band of rows
// and a part of the target channels. The input gradient with strides makes every stride phase of dx from one band of
// dy.
#pragma once

#include <cstddef>

#include "../../patches/padded_band.hpp"
#include "../../problem.hpp"

namespace gemmconv::implicit {

constexpr int64_t most_band_taps = 512;

struct BandsCut {
  BandsCut(const Problem &problem, const Execution &execution, bool packed);

  const Geometry &g;
  bool backward, channels_in_lanes;
  bool local;  // weights are laid out block by block, just before a band uses them: the only one, or 1x1, merely copied
  PaddedBand band;
  int64_t rows, depth, area;  // target channels and source channels of a group, taps
  Strides source, target;
  Sizes target_sizes, phases, lattice;  // of one phase of the target
  int64_t panel, blocks;                // channels of a panel of weights, panels of a group
  int64_t band_rows, bands, parts;      // rows of the lattice
  int64_t channel_stride;               // of the padded band
  int64_t channels;                     // source channels of a block
  int threads;
  size_t weights_bytes, slab_bytes, sums_bytes, line_bytes, local_bytes, offset_bytes;

  bool strided() const { return phases != Sizes{1, 1, 1}; }
  int64_t tasks() const { return g.batch * g.groups * lattice[0] * bands * parts; }
  size_t thread_bytes() const { return slab_bytes + sums_bytes + line_bytes + local_bytes + offset_bytes; }
  size_t total_bytes() const { return weights_bytes + thread_bytes() * static_cast<size_t>(threads); }
  // Taps of a stride phase.
  int64_t taps(const Sizes &residue) const;
  // Where they are in the band: offsets of phase after phase, in each [channel][tap].
  void fill_offsets(int64_t *offsets) const;
  // Calls body(residue) for the phases in order.
  template <class Body>
  void for_phases(const Body &body) const {
    for (int64_t r0 = 0; r0 < phases[0]; ++r0) {
      for (int64_t r1 = 0; r1 < phases[1]; ++r1) {
        for (int64_t r2 = 0; r2 < phases[2]; ++r2) body(Sizes{r0, r1, r2});
      }
    }
  }
};

// Whether target channels fill the lanes, rather than pixels of a row.
bool channels_in_lanes(const Problem &problem);

}  // namespace gemmconv::implicit
