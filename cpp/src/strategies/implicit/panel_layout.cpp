// Divides forward and input gradient into panels of patches: columns, parts of the rows, blocks of products, threads.
#include "panel_layout.hpp"

#include <algorithm>

#include "../../scratch.hpp"

namespace gemmconv::implicit {
namespace {

// Rows of a panel: 640 rows of 80 floats are 200 KiB, a tenth of a Sapphire Rapids' second-level cache and half of the
// smallest in use; with four strips 700 KiB. Rates are flat from 256 to 768.
constexpr int64_t panel_depth = 640;
// Below so many pixels the weights are read where they are although the input gradient reads them with a large stride;
// above, it pays to transpose them once a call. 1x1 weights have the largest strides, a page at a time, and are
// transposed fastest: a block of rows at a time for up to two panels, else once a call.
constexpr int64_t worth_transposing = 600, most_local_panels = 2;
// Weights that leave the second-level cache are read once for so many strips.
constexpr int64_t most_strips = 4;
// Outputs that leave the caches anyway are written with non-temporal stores where little arithmetic hides the writes:
// 1x1 kernels of 32 channels at 112x112 gain a fifth.
constexpr int64_t streamed_bytes = 2 << 20, streamed_depth = 160;
// A row of the panel is gathered in about as many cycles as five target channels take to read it.
constexpr double cycles_per_row = 2, cycles_to_gather = 10;
constexpr int64_t most_stored_phases = 64;
// Fewer target channels than this are not worth a part of their own.
constexpr int64_t fewest_rows = 16;

}  // namespace

PanelLayout::PanelLayout(const Problem &problem, const Execution &execution)
    : g(problem.geometry),
      sides(problem),
      rows(sides.target.channels),
      depth(sides.source.channels),
      strided(sides.strided(problem.geometry)),
      type_(problem.types.operand),
      item_(problem.item_bytes()) {
  with_type(type_, [&](auto type) {
    lanes = kernels<decltype(type)>().lanes;
    tile = kernels<decltype(type)>().panel.columns;
  });
  // Tiny planes share panels: 4x4 pixels are a quarter of one.
  const int64_t pixels = product(sides.phase_sizes), all_taps = g.kernel_area();
  merged = g.batch > 1 && pixels <= 2 * lanes;
  const bool has_to = sides.backward && (execution.packed_weights || (all_taps > 1 && strided));
  const int64_t wide = (strided || merged ? 1 : most_strips) * tile;
  const int64_t local_panels = merged ? ceil_div(g.batch * pixels, wide) : g.batch * ceil_div(pixels, wide);
  const bool pays = all_taps == 1 ? local_panels > most_local_panels : g.batch * pixels >= worth_transposing;
  transposed = has_to || (sides.backward && pays && can_transpose(execution));
  divide(execution);
  // If the limit is short, drop merging and transposing rather than refuse: a refusal must not depend on the batch.
  const size_t one_thread = rounded(shared_weights_size, item_) + thread_bytes();
  if (one_thread > execution.workspace_limit && (merged || transposed != has_to)) {
    merged = false;
    transposed = has_to;
    divide(execution);
  }
  stream = direct && depth * all_taps <= streamed_depth &&
           g.batch * g.groups * rows * pixels * static_cast<int64_t>(item_) >= streamed_bytes;
  const IndexGrid<3> all{{sides.phases[0], sides.phases[1], sides.phases[2]}};
  for (int64_t i = 0; i < all.count() && all.count() <= most_stored_phases; ++i)
    phases_.push_back(find_phase(all.at(i)));
}

size_t PanelLayout::thread_bytes() const {
  size_t bytes = 0;
  with_type(type_, [&](auto type) { bytes = scratch_bytes<PanelArrays<decltype(type)>>(*this); });
  return bytes;
}

// Whether transposed weights leave some of the workspace.
bool PanelLayout::can_transpose(const Execution &execution) const {
  return rounded(g.w_size(), item_) <= execution.workspace_limit - execution.workspace_limit / 4;
}

void PanelLayout::divide(const Execution &execution) {
  direct = !strided && !merged;
  local = sides.backward && !transposed && g.kernel_area() == 1;
  shared_weights_size = transposed && !execution.packed_weights ? g.w_size() : 0;
  threads = execution.threads;
  divide_columns(execution);
  divide_rows(execution);
  threads = static_cast<int>(std::clamp<int64_t>(tasks().count(), 1, threads));
  divide_depth(execution);
  const size_t shared = rounded(shared_weights_size, item_), each = thread_bytes();
  while (threads > 1 && shared + each * static_cast<size_t>(threads) > execution.workspace_limit) --threads;
}

void PanelLayout::divide_columns(const Execution &execution) {
  const int64_t pixels = product(sides.phase_sizes), all_taps = g.kernel_area();
  columns = merged ? pixels * g.batch : pixels;
  // The pixels behind the last whole vector: up to 10 of 16 are computed faster one by one, vectors along the products,
  // where rows of weights are contiguous. It adds in another order, so not when bits must not depend on a pixel's place.
  const bool contiguous = !sides.backward || transposed || local;
  const bool few = columns > lanes && columns % lanes * 8 <= 5 * lanes;
  remainder = contiguous && !merged && !execution.deterministic && few ? columns % lanes : 0;
  vectors = ceil_div(columns - remainder, lanes);
  // Whatever decides here must not depend on the batch.
  const bool reread =
      (sides.backward && all_taps == 1) || rows * depth * all_taps * static_cast<int64_t>(item_) > cached_weight_bytes;
  strips = reread && direct ? std::clamp<int64_t>(ceil_div(vectors * lanes, tile), 1, most_strips) : 1;
  panels = std::max<int64_t>(ceil_div(vectors * lanes, strips * tile), 1);
  most_columns = strips * tile + ceil_div(remainder, panels);
  panel_row = (most_columns + 2 * lanes - 2) / lanes * lanes;
}

// The more parts a panel's rows are in, the more evenly threads are busy and the more often it is gathered.
void PanelLayout::divide_rows(const Execution &execution) {
  row_parts = 1;
  double least = 0;
  for (int64_t parts = 1; parts <= execution.threads && parts * fewest_rows <= std::max(rows, fewest_rows); ++parts) {
    const double rounds = static_cast<double>(ceil_div(sequences() * panels * parts, execution.threads));
    const double cost =
        rounds * (cycles_per_row * static_cast<double>(rows) / static_cast<double>(parts) + cycles_to_gather);
    if (parts == 1 || cost < least) {
      least = cost;
      row_parts = parts;
    }
  }
}

// Blocks of products shrink until one thread's share fits the limit, then as many threads as fit: the order of additions
// must not depend on their number. Where it must not depend on the batch or on parts either, blocks leave space for
// whatever these may need.
void PanelLayout::divide_depth(const Execution &execution) {
  const int64_t pixels = product(sides.phase_sizes), all_taps = g.kernel_area();
  const PatchGrid widest = grid({0, 0, 0});
  // No phase has more taps than its strides leave of the kernel.
  int64_t most_taps = 1;
  for (int i = 0; i < 3; ++i) most_taps *= ceil_div(g.kernel[i], widest.taps[i].gap);
  const bool may_transpose = sides.backward && ((all_taps > 1 && strided) || can_transpose(execution));
  for (int64_t most = panel_depth;; most /= 2) {
    taps = std::min(most_taps, std::max<int64_t>(most, 1));
    const int64_t blocks = ceil_div(depth * taps, std::max<int64_t>(most, 1));
    channels = taps < most_taps ? 1 : std::max<int64_t>(ceil_div(depth, std::max<int64_t>(blocks, 1)), 1);
    const int64_t all_sums = sides.phases[2] * rows * panel_row + 2 * lanes, all_local = chunk_rows * channels;
    panel_size = channels * taps * panel_row + 2 * lanes;
    remainder_size = remainder > 0 ? channels * taps * ceil_div(remainder, panels) : 0;
    sums_size = direct ? 0 : sides.phases[2] * ceil_div(rows, row_parts) * panel_row + 2 * lanes;
    local_weights_size = local ? all_local : 0;
    table_bytes = static_cast<int64_t>(PatchPanel::scratch_bytes(widest, most_columns, taps));
    size_t needed = rounded(shared_weights_size, item_) + thread_bytes();
    if (execution.deterministic) {
      needed = (may_transpose ? rounded(g.w_size(), item_) : 0) + rounded(panel_size, item_) +
               static_cast<size_t>(table_bytes) + (sides.backward && all_taps == 1 ? rounded(all_local, item_) : 0) +
               (strided || pixels <= 2 * lanes ? rounded(all_sums, item_) : 0);
    }
    if (needed <= execution.workspace_limit || most <= 1) return;
  }
}

PanelPhase PanelLayout::find_phase(const Sizes &residue) const {
  const WeightView weights = transposed       ? transposed_weights(g, residue)
                             : sides.backward ? backward_weights(g)
                                              : forward_weights(g);
  return {residue, grid(residue), weights};
}

PanelPhase PanelLayout::phase(const Sizes &residue) const {
  if (phases_.empty()) return find_phase(residue);
  const int64_t place = (residue[0] * sides.phases[1] + residue[1]) * sides.phases[2] + residue[2];
  return phases_[static_cast<size_t>(place)];
}

PanelColumns PanelLayout::panel(int64_t number) const {
  const Range own_vectors = even_share(vectors, number, panels), own_remainder = even_share(remainder, number, panels);
  const int64_t first = own_vectors.begin * lanes + own_remainder.begin;
  const int64_t end = own_vectors.end * lanes + own_remainder.end;
  return {first, std::min(end, columns) - first, own_remainder.end - own_remainder.begin};
}

PatchGrid PanelLayout::grid(const Sizes &residue) const {
  PatchGrid result;
  for (int i = 0; i < 3; ++i) {
    result.taps[i] =
        sides.backward ? TapSequence::backward(g.axis(i), g.flip, residue[i]) : TapSequence::forward(g.axis(i), g.flip);
  }
  result.targets = sides.phase_sizes;
  result.sources = sides.source.sizes;
  result.source_stride = sides.source.strides.axis;
  result.image_stride = sides.source.strides.image;
  return result;
}

}  // namespace gemmconv::implicit
