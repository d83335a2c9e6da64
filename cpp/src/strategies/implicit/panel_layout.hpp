// How forward and input gradient are divided into panels of patches. The pixels of an image (or of all images, where
// planes are tiny), of a group and of a stride phase of the rows are a sequence of columns; a panel is a run of these
// columns. A task is a panel and a part of the target channels; products are summed in blocks of source channels.
#pragma once

#include <cstddef>
#include <vector>

#include "../../index_grid.hpp"
#include "../../patches/patch_panel.hpp"
#include "../sides.hpp"
#include "weight_views.hpp"

namespace gemmconv::implicit {

// Columns of a panel. The last `remainder` of them are computed as dot products, not as vectors.
struct PanelColumns {
  int64_t first, count, remainder;
};

// Rows of weights that are transposed together, and stay in the cache for all strips of a panel and for its remainder.
constexpr int64_t chunk_rows = 48;

// A stride phase of dx, or the whole forward pass: the patches that it reads and the weights that it multiplies.
struct PanelPhase {
  Sizes residue;
  PatchGrid grid;
  WeightView weights;
};

struct PanelLayout {
  // `problem` has to outlive the layout.
  PanelLayout(const Problem &problem, const Execution &execution);

  const Geometry &g;
  Sides sides;
  int64_t rows, depth;                  // target channels and source channels of a group
  bool strided, merged;                 // dx phase by phase; all images in one sequence of columns
  bool transposed;                      // the weights, for the input gradient: before the call
  bool local;                           // 1x1 weights are transposed block by block, just before they are used
  bool direct;                          // sums are written where they belong, rather than copied there
  bool stream;                          // they are written with non-temporal stores
  int64_t columns, vectors, remainder;  // of a sequence
  int64_t lanes, tile;                  // pixels of a vector, and of the widest register tile
  int64_t panels, strips;               // of a sequence; of a panel, each as wide as a tile
  int64_t row_parts;                    // of the target channels
  int64_t most_columns, panel_row;      // of a panel; elements from row to row
  int64_t channels, taps;               // of a block of products
  int threads;
  // Elements (of the tables: bytes) of scratch memory: shared transposed weights, and for each thread a panel, its
  // remainder transposed, sums, locally transposed weights, tables of runs.
  int64_t shared_weights_size, panel_size, remainder_size, sums_size, local_weights_size, table_bytes;

  // part of the target channels, image (one where merged), group, phase of depths and rows, panel
  IndexGrid<5> tasks() const {
    return {{row_parts, merged ? 1 : g.batch, g.groups, sides.phases[0] * sides.phases[1], panels}};
  }
  int64_t sequences() const { return (merged ? 1 : g.batch) * g.groups * sides.phases[0] * sides.phases[1]; }
  PanelColumns panel(int64_t number) const;
  PanelPhase phase(const Sizes &residue) const;

 private:
  size_t thread_bytes() const;
  // Panels, parts and blocks, for `transposed` and `merged` as they are.
  void divide(const Execution &execution);
  void divide_columns(const Execution &execution);
  void divide_rows(const Execution &execution);
  void divide_depth(const Execution &execution);
  PanelPhase find_phase(const Sizes &residue) const;
  bool can_transpose(const Execution &execution) const;
  PatchGrid grid(const Sizes &residue) const;

  DType type_;
  size_t item_;
  std::vector<PanelPhase> phases_;  // in C order; of large strides none: there are too many to store
};

// The scratch arrays of one thread.
template <class T>
struct PanelArrays {
  T *panel, *remainder, *sums, *weights;
  std::byte *tables;

  template <class Visit>
  void each(const Visit &visit, const PanelLayout &layout) {
    visit(panel, layout.panel_size);
    visit(remainder, layout.remainder_size);
    visit(sums, layout.sums_size);
    visit(weights, layout.local_weights_size);
    visit(tables, layout.table_bytes);
  }
};

}  // namespace gemmconv::implicit
