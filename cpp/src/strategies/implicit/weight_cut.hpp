// How the weight gradient of planes is cut, and which channels fill the lanes. A task makes dw for some source channels
// (or, where a kernel has very many taps, for some of its taps) and some target channels of a group, over all images.
#pragma once

#include <cstddef>

#include "../../kernels/kernels.hpp"
#include "../../patches/patch_panel.hpp"
#include "../../problem.hpp"

namespace gemmconv::implicit {

struct WeightCut {
  WeightCut(const Problem &problem, const Execution &execution);

  const Geometry &g;
  int64_t inputs, outputs, area;     // channels of a group, taps
  double cycles;                     // of all groups, estimated
  bool pointwise;                    // x itself is the matrix of patches
  bool outputs_in_lanes;             // else the products of a patch
  int64_t channels, channel_blocks;  // source channels of a task
  int64_t taps, tap_blocks;          // taps of a task: all where it has several channels
  int64_t parts;                     // of the target channels
  int64_t lanes, vectors;            // of one vector, of the widest tile
  int64_t pixels, images;            // of a block, patches in lanes: some pixels of an image, or whole images
  int64_t band_rows;                 // of dy, outputs in lanes
  int64_t channel_stride;            // of the padded band
  int64_t panel_row, sums_row;
  int threads;
  size_t panel_bytes, turned_bytes, sums_bytes, table_bytes;

  int64_t tasks() const { return g.groups * channel_blocks * tap_blocks * parts; }
  size_t thread_bytes() const { return panel_bytes + turned_bytes + sums_bytes + table_bytes; }
  size_t total_bytes() const { return thread_bytes() * static_cast<size_t>(threads); }
  PatchGrid grid() const;
  // Pixels of one gathered block, and its row.
  int64_t block_columns() const { return 4 * lanes; }
  int64_t block_row() const { return 5 * lanes; }

 private:
  void shrink(size_t limit, size_t item);
  void measure(size_t item);
};

}  // namespace gemmconv::implicit
