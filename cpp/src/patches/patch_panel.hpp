// A panel: some columns of the matrix of patches, which as a whole never exists. Columns are neighbouring target pixels,
// rows (channel, tap) the source cells that they read. Which cells those are is computed once for each panel and tap, as
// runs of neighbours and of padding; every channel is then copied by the same runs.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "../geometry.hpp"
#include "../kernels/kernels.hpp"
#include "../scratch.hpp"

namespace gemmconv {

// The taps along an axis that join a target position q = 0, 1, ... with source cell q * step + offset. The i-th of
// them is tap first + i * gap of the kernel and has the offset first_offset + i * offset_gap.
struct TapSequence {
  int64_t count = 1, first = 0, gap = 1, first_offset = 0, offset_gap = 0, step = 1;

  int64_t tap(int64_t i) const { return first + i * gap; }
  int64_t offset(int64_t i) const { return first_offset + i * offset_gap; }

  // Targets are the outputs, sources the inputs.
  static TapSequence forward(const Axis &axis, bool flip);
  // Targets are the inputs residue, residue + stride, ..., sources the outputs: the taps whose stride phase it is. They
  // are every (stride / gcd(stride, dilation))-th, or none.
  static TapSequence backward(const Axis &axis, bool flip, int64_t residue);
};

// What panels are parts of: a grid of targets in C order, image after image, and the source that they read.
struct PatchGrid {
  TapSequence taps[3];
  Sizes targets{1, 1, 1};  // of one image
  Sizes sources{1, 1, 1}, source_stride{0, 0, 1};
  int64_t image_stride = 0;

  int64_t tap_count() const { return taps[0].count * taps[1].count * taps[2].count; }
  int64_t target_count() const { return product(targets); }
  // Runs of one tap in a panel of so many columns, at most.
  int64_t most_pieces(int64_t columns) const { return std::min(columns, (columns - 1) / targets[2] + 2); }
  int64_t most_runs(int64_t columns) const { return 2 * most_pieces(columns) + 1; }
};

// Columns of a panel that lie in one row of the grid.
struct Piece {
  int64_t column, count, image;
  int64_t d, h, w;  // of the first one
};

class PatchPanel {
 public:
  // Scratch for panels of at most `columns` columns and `taps` taps at once.
  static size_t scratch_bytes(const PatchGrid &grid, int64_t columns, int64_t taps);
  PatchPanel(const PatchGrid &grid, int64_t columns, int64_t taps, void *scratch);

  // Makes this the panel of the columns first .. first + count - 1 of the grid.
  void set_columns(int64_t first, int64_t count);
  // Computes the runs of the taps begin .. end - 1, which gather() copies.
  void find_runs(int64_t begin, int64_t end);
  // The rows (channel, tap) of these taps, into panel[row * panel_row + column]; `source` is the first channel.
  template <class T>
  void gather(int64_t channels, const T *source, int64_t channel_stride, T *panel, int64_t panel_row) const {
    kernels<T>().moves.gather(channels, taps_, scratch_.first_run, scratch_.runs, source, channel_stride,
                              grid_.taps[2].step, panel, panel_row);
  }
  int64_t piece_count() const { return piece_count_; }
  const Piece &piece(int64_t i) const { return scratch_.pieces[i]; }

 private:
  struct Scratch {
    Piece *pieces;
    PanelRun *runs;
    int32_t *first_run;  // of each tap
    template <class Visit>
    void each(const Visit &visit, const PatchGrid &grid, int64_t columns, int64_t taps) {
      visit(pieces, grid.most_pieces(columns));
      visit(runs, taps * grid.most_runs(columns));
      visit(first_run, taps + 1);
    }
  };

  void add(int64_t column, int64_t count, int64_t from);

  const PatchGrid &grid_;
  Scratch scratch_;
  int64_t piece_count_ = 0, taps_ = 0;
  int32_t run_count_ = 0;
};

}  // namespace gemmconv
