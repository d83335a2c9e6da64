// How a convolution is divided into padded bands (patches/padded_band.hpp). A task is a band of rows of an image and a
// group, and a part of the target channels. The input gradient with strides computes every stride phase of dx from one
// band of dy.
#pragma once

#include <cstddef>
#include <vector>

#include "../../index_grid.hpp"
#include "../../patches/padded_band.hpp"
#include "../sides.hpp"

namespace gemmconv::implicit {

// What fills the lanes of a vector: target channels, or neighbouring pixels of a row.
enum class Lanes { channels, pixels };

// Why no band can be made of the problem, or nullptr.
const char *why_no_bands(const Problem &problem);

// The stride phases of dx that differ along the last axis only: they are computed together and interleaved. The forward
// pass is one phase of all taps.
struct PhaseTaps {
  Sizes residue;
  int64_t taps;     // of this phase
  int64_t earlier;  // of all phases before it
};

struct BandLayout {
  // `problem` has to outlive the layout.
  BandLayout(const Problem &problem, const Execution &execution, Lanes lanes);

  const Geometry &g;
  Lanes lanes;
  Sides sides;
  PaddedBand band;
  bool strided;              // dx phase by phase
  bool local_weights;        // laid out block by block, just before a band uses them, rather than all before the call
  int64_t all_taps;          // taps
  int64_t panel, panels;     // target channels of a panel of weights (two vectors), panels of a group
  int64_t band_rows, bands;  // rows of a phase
  int64_t parts;             // of the target channels
  int64_t channel_stride;    // of the padded band
  int64_t block_channels;    // source channels whose products are summed in one go
  std::vector<PhaseTaps> phases;     // in the order of the packed weights
  std::vector<int64_t> tap_numbers;  // in w, of phase after phase
  int threads;
  // Elements of scratch memory: shared laid-out weights, and for each thread a band, sums, interleaved rows, and locally
  // laid-out weights.
  int64_t shared_weights_size, band_size, sums_size, rows_size, local_weights_size;

  IndexGrid<5> tasks() const {  // image, group, depth of a phase, band, part
    return {{g.batch, g.groups, sides.phase_sizes[0], bands, parts}};
  }
  // Elements of all weights, laid out for the products.
  int64_t packed_size() const;
  // Where the taps of all phases lie in a band: phase after phase, in each [source channel][tap].
  std::vector<int64_t> tap_offsets() const;

 private:
  // Sizes for bands of `band_rows` rows.
  void measure(const Execution &execution);
};

// The scratch arrays of one thread.
template <class T>
struct BandArrays {
  T *band, *sums, *rows, *weights;

  template <class Visit>
  void each(const Visit &visit, const BandLayout &layout) {
    visit(band, layout.band_size);
    visit(sums, layout.sums_size);
    visit(rows, layout.rows_size);
    visit(weights, layout.local_weights_size);
  }
};

}  // namespace gemmconv::implicit
