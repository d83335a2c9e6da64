// How forward and input gradient of planes are cut: into lattices (an image or all of them, a group, a stride phase
// of the rows), panels of their pixels, blocks of the products that a pixel sums, and parts of the target channels.
#pragma once

#include <cstddef>

#include "../../kernels/kernels.hpp"
#include "../../patches/patch_panel.hpp"
#include "../../problem.hpp"
#include "turned.hpp"

namespace gemmconv::implicit {

// Columns of a lattice that make a panel. The last `ragged` of them are done as dot products, not as vectors.
struct PanelColumns {
  int64_t first, count, ragged;
};

// Rows of weights that are turned together, and stay in the cache for all strips of a panel and for its ragged columns.
constexpr int64_t chunk_rows = 48;

struct PlanesCut {
  PlanesCut(const Problem &problem, const Execution &execution, bool packed);

  bool backward, strided, merged, turned, direct, stream;
  bool local;           // 1x1 weights are turned block by block, just before they are used
  int64_t rows, depth;  // target channels and source channels of a group
  Strides source, target;
  Sizes source_sizes, target_sizes;
  Sizes phases;  // of the target, in the input gradient: the strides, but no more than it has cells
  int64_t lattices, panels, row_parts;  // tasks are their product
  int64_t columns, vectors, ragged;     // of a lattice
  int64_t lanes, tile;                  // of a vector, of the widest tile
  int64_t strips;                       // of a panel, each as wide as a tile
  int64_t most_columns, panel_row;      // of a panel
  int64_t channels, taps;               // of a block of products
  PatchGrid widest;                     // of all phases
  int threads;
  size_t weights_bytes, panel_bytes, ragged_bytes, sums_bytes, local_bytes, table_bytes;

  int64_t tasks() const { return lattices * panels * row_parts; }
  size_t thread_bytes() const { return panel_bytes + ragged_bytes + sums_bytes + local_bytes + table_bytes; }
  size_t total_bytes() const { return weights_bytes + thread_bytes() * static_cast<size_t>(threads); }
  PanelColumns panel(int64_t number) const;
  PatchGrid grid(const Sizes &residue) const;
  WeightView weights(const Sizes &residue) const;

 private:
  bool can_turn(const Execution &execution, size_t item) const;
  // Panels, parts and blocks, with turned weights and shared panels as they are set.
  void divide(const Execution &execution, size_t item, bool packed);

  const Geometry &g_;
};

}  // namespace gemmconv::implicit
