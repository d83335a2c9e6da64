// Which source cells a panel reads, as runs: PatchPanel of patch_panel.hpp.
#include "patch_panel.hpp"

#include <numeric>

namespace gemmconv {

TapSequence TapSequence::forward(const Axis &axis, bool flip) {
  const int64_t first = tap_offset(axis, 0, flip);
  return {axis.kernel, 0, 1, first, axis.kernel > 1 ? tap_offset(axis, 1, flip) - first : 0, axis.stride};
}

TapSequence TapSequence::backward(const Axis &axis, bool flip, int64_t residue) {
  TapSequence sequence;
  sequence.gap = axis.stride / std::gcd(axis.stride, axis.dilation);
  sequence.count = 0;
  for (int64_t tap = 0; tap < std::min(sequence.gap, axis.kernel); ++tap) {
    const int64_t reach = residue - tap_offset(axis, tap, flip);
    if (reach % axis.stride != 0) continue;
    sequence.first = tap;
    sequence.count = (axis.kernel - tap + sequence.gap - 1) / sequence.gap;
    sequence.first_offset = reach / axis.stride;
    if (sequence.count > 1) {
      sequence.offset_gap =
          (residue - tap_offset(axis, tap + sequence.gap, flip)) / axis.stride - sequence.first_offset;
    }
    break;
  }
  return sequence;
}

size_t PatchPanel::scratch_bytes(const PatchGrid &grid, int64_t columns, int64_t taps) {
  return gemmconv::scratch_bytes<Scratch>(grid, columns, taps);
}

PatchPanel::PatchPanel(const PatchGrid &grid, int64_t columns, int64_t taps, void *scratch)
    : grid_(grid), scratch_(scratch_arrays<Scratch>(scratch, grid, columns, taps)) {}

void PatchPanel::set_columns(int64_t first, int64_t count) {
  piece_count_ = 0;
  const Sizes &size = grid_.targets;
  int64_t w = first % size[2], row = first / size[2];
  int64_t h = row % size[1], d = row / size[1] % size[0], image = row / size[1] / size[0];
  for (int64_t column = 0; column < count;) {
    const int64_t here = std::min(size[2] - w, count - column);
    scratch_.pieces[piece_count_++] = {column, here, image, d, h, w};
    column += here;
    w = 0;
    if (++h == size[1]) {
      h = 0;
      if (++d == size[0]) {
        d = 0;
        ++image;
      }
    }
  }
}

// A run, or some more of the one before where it continues that.
void PatchPanel::add(int64_t column, int64_t count, int64_t from) {
  if (count <= 0) return;
  if (run_count_ > scratch_.first_run[taps_]) {
    PanelRun &before = scratch_.runs[run_count_ - 1];
    const bool continues =
        from < 0 ? before.from < 0 : before.from >= 0 && before.from + before.count * grid_.taps[2].step == from;
    if (continues) {
      before.count += static_cast<int32_t>(count);
      return;
    }
  }
  scratch_.runs[run_count_++] = {static_cast<int32_t>(column), static_cast<int32_t>(count), from};
}

void PatchPanel::find_runs(int64_t begin, int64_t end) {
  const TapSequence &depths = grid_.taps[0], &rows = grid_.taps[1], &columns = grid_.taps[2];
  const int64_t width = grid_.sources[2];
  run_count_ = 0;
  taps_ = 0;
  for (int64_t t = begin; t < end; ++t, ++taps_) {
    scratch_.first_run[taps_] = run_count_;
    const int64_t depth_offset = depths.offset(t / columns.count / rows.count);
    const int64_t row_offset = rows.offset(t / columns.count % rows.count);
    const int64_t offset = columns.offset(t % columns.count);
    // The positions along the last axis that read a cell inside the source.
    const int64_t low = ceil_div(-offset, columns.step), high = ceil_div(width - offset, columns.step);
    for (int64_t i = 0; i < piece_count_; ++i) {
      const Piece &piece = scratch_.pieces[i];
      const int64_t d = piece.d * depths.step + depth_offset, h = piece.h * rows.step + row_offset;
      if (d < 0 || d >= grid_.sources[0] || h < 0 || h >= grid_.sources[1]) {
        add(piece.column, piece.count, -1);
        continue;
      }
      const int64_t first = std::clamp<int64_t>(low - piece.w, 0, piece.count);
      const int64_t last = std::clamp<int64_t>(high - piece.w, first, piece.count);
      add(piece.column, first, -1);
      add(piece.column + first, last - first,
          piece.image * grid_.image_stride + d * grid_.source_stride[0] + h * grid_.source_stride[1] +
              (piece.w + first) * columns.step + offset);
      add(piece.column + last, piece.count - last, -1);
    }
  }
  scratch_.first_run[taps_] = run_count_;
}

}  // namespace gemmconv
