#include "cut.hpp"

#include <algorithm>

#include "../../workspace.hpp"

namespace gemmconv::implicit {
namespace {

// Rows of a panel: 640 rows of 80 floats are 200 KiB, a tenth of a Sapphire Rapids' second-level cache and half of the
// smallest in use; with four strips 700 KiB. Rates are flat from 256 to 768.
constexpr int64_t panel_depth = 640;
// Below so many pixels the weights are read where they are although the input gradient jumps through them; above, it
// pays to turn them once a call. 1x1 weights jump furthest, a page at a time, and are turned fastest: chunk by chunk for
// up to two panels, else once a call.
constexpr int64_t worth_turning = 600, most_local_panels = 2;
// Weights that leave the second-level cache are read once for so many strips.
constexpr int64_t most_strips = 4;
// Outputs that leave the caches anyway are written around them where little arithmetic hides it: 1x1 kernels of 32
// channels at 112x112 gain a fifth.
constexpr int64_t streamed_bytes = 2 << 20, streamed_depth = 160;

}  // namespace

PlanesCut::PlanesCut(const Problem &problem, const Execution &execution, bool packed) : g_(problem.geometry) {
  const size_t item = problem.item_bytes();
  lanes = problem.types.operand == DType::float32 ? kernels().panel<float>().lanes : kernels().panel<double>().lanes;
  tile = problem.types.operand == DType::float32 ? kernels().panel<float>().columns : kernels().panel<double>().columns;
  backward = problem.pass == Pass::backward_input;
  strided = backward && g_.stride != Sizes{1, 1, 1};
  rows = backward ? g_.group_inputs() : g_.group_outputs();
  depth = backward ? g_.group_outputs() : g_.group_inputs();
  source = backward ? g_.y_strides() : g_.x_strides();
  target = backward ? g_.x_strides() : g_.y_strides();
  source_sizes = backward ? g_.output : g_.input;
  target_sizes = backward ? g_.input : g_.output;
  for (int i = 0; i < 3; ++i) phases[i] = backward ? std::min(g_.stride[i], g_.input[i]) : 1;
  widest = grid({0, 0, 0});

  // Tiny planes share panels: 4x4 pixels are a quarter of one.
  const int64_t pixels = widest.target_count(), area = g_.kernel_area();
  merged = g_.batch > 1 && pixels <= 2 * lanes;
  const bool has_to_turn = backward && (packed || (area > 1 && strided));
  const int64_t wide = (strided || merged ? 1 : most_strips) * tile;
  const int64_t local_panels = merged ? ceil_div(g_.batch * pixels, wide) : g_.batch * ceil_div(pixels, wide);
  const bool pays = area == 1 ? local_panels > most_local_panels : g_.batch * pixels >= worth_turning;
  turned = has_to_turn || (backward && pays && can_turn(execution, item));
  divide(execution, item, packed);
  // Neither is worth a refusal, which must not depend on the batch either.
  if (weights_bytes + thread_bytes() > execution.workspace_limit && (merged || turned != has_to_turn)) {
    merged = false;
    turned = has_to_turn;
    divide(execution, item, packed);
  }
  stream = direct && depth * area <= streamed_depth &&
           g_.batch * g_.groups * rows * pixels * static_cast<int64_t>(item) >= streamed_bytes;
}

// Whether turned weights leave some of the workspace.
bool PlanesCut::can_turn(const Execution &execution, size_t item) const {
  return rounded(g_.w_size(), item) <= execution.workspace_limit - execution.workspace_limit / 4;
}

void PlanesCut::divide(const Execution &execution, size_t item, bool packed) {
  const int64_t pixels = widest.target_count(), area = g_.kernel_area();
  direct = !strided && !merged;
  lattices = (merged ? 1 : g_.batch) * g_.groups * phases[0] * phases[1];
  columns = merged ? pixels * g_.batch : pixels;
  local = backward && !turned && area == 1;
  weights_bytes = turned && !packed ? rounded(g_.w_size(), item) : 0;

  // The pixels behind the last whole vector: up to 10 of 16 are done faster one by one, vectors along l, where rows of
  // weights are contiguous. It adds in another order, so not when bits must not depend on a pixel's place.
  const bool contiguous = !backward || turned || local;
  ragged = contiguous && !merged && !execution.deterministic && columns > lanes && columns % lanes * 8 <= 5 * lanes
               ? columns % lanes
               : 0;
  vectors = (columns - ragged + lanes - 1) / lanes;
  // Whatever decides here must not depend on the batch.
  const bool reread = (backward && area == 1) || rows * depth * area * static_cast<int64_t>(item) > cached_bytes;
  strips = reread && direct ? std::clamp<int64_t>(ceil_div(vectors * lanes, tile), 1, most_strips) : 1;
  panels = std::max<int64_t>(ceil_div(vectors * lanes, strips * tile), 1);
  const int64_t most_ragged = ceil_div(ragged, panels);
  most_columns = strips * tile + most_ragged;
  panel_row = (most_columns + 2 * lanes - 2) / lanes * lanes;

  // The more parts a panel's rows are in, the more evenly threads are busy and the more often it is gathered: about 5
  // cycles for a row of the panel, which each target channel reads in 2.
  row_parts = 1;
  threads = execution.threads;
  double least = 0;
  for (int64_t parts = 1; parts <= threads && parts * 16 <= std::max<int64_t>(rows, 16); ++parts) {
    const double rounds = static_cast<double>(ceil_div(lattices * panels * parts, threads));
    const double cost = rounds * (2 * static_cast<double>(rows) / static_cast<double>(parts) + 10);
    if (parts == 1 || cost < least) {
      least = cost;
      row_parts = parts;
    }
  }
  threads = static_cast<int>(std::clamp<int64_t>(tasks(), 1, threads));

  // No phase has more taps than its strides leave of the kernel.
  int64_t most_taps = 1;
  for (int i = 0; i < 3; ++i) most_taps *= ceil_div(g_.kernel[i], widest.taps[i].gap);
  // Blocks of l shrink until one thread's share fits the limit, then as many threads as fit: the order of additions
  // must not depend on their number. Where it must not depend on the batch or on parts either, blocks leave room for
  // whatever these may need.
  const size_t turned_bytes =
      backward && ((area > 1 && strided) || can_turn(execution, item)) ? rounded(g_.w_size(), item) : 0;
  for (int64_t most = panel_depth;; most /= 2) {
    taps = std::min(most_taps, std::max<int64_t>(most, 1));
    const int64_t blocks = (depth * taps + most - 1) / std::max<int64_t>(most, 1);
    channels = taps < most_taps ? 1 : std::max<int64_t>((depth + blocks - 1) / std::max<int64_t>(blocks, 1), 1);
    const size_t all_sums = rounded(phases[2] * rows * panel_row + 2 * lanes, item);
    const size_t all_local = rounded(chunk_rows * channels, item);
    panel_bytes = rounded(channels * taps * panel_row + 2 * lanes, item);
    ragged_bytes = ragged > 0 ? rounded(channels * taps * most_ragged, item) : 0;
    sums_bytes = direct ? 0 : rounded(phases[2] * ceil_div(rows, row_parts) * panel_row + 2 * lanes, item);
    local_bytes = local ? all_local : 0;
    table_bytes = PatchPanel::scratch_bytes(widest, most_columns, taps);
    const size_t needed = !execution.deterministic
                              ? weights_bytes + thread_bytes()
                              : turned_bytes + panel_bytes + table_bytes + (backward && area == 1 ? all_local : 0) +
                                    (strided || pixels <= 2 * lanes ? all_sums : 0);
    if (needed <= execution.workspace_limit || most <= 1) break;
  }
  while (threads > 1 && total_bytes() > execution.workspace_limit) --threads;
}

PanelColumns PlanesCut::panel(int64_t number) const {
  const int64_t first = vectors * number / panels * lanes + ragged * number / panels;
  const int64_t own = ragged * (number + 1) / panels - ragged * number / panels;
  const int64_t end = vectors * (number + 1) / panels * lanes + ragged * (number + 1) / panels;
  return {first, std::min(end, columns) - first, own};
}

PatchGrid PlanesCut::grid(const Sizes &residue) const {
  PatchGrid result;
  for (int i = 0; i < 3; ++i) {
    result.taps[i] =
        backward ? TapLine::backward(g_.axis(i), g_.flip, residue[i]) : TapLine::forward(g_.axis(i), g_.flip);
    result.targets[i] = (target_sizes[i] + phases[i] - 1) / phases[i];
  }
  result.sources = source_sizes;
  result.source_stride = source.axis;
  result.image_stride = source.image;
  return result;
}

WeightView PlanesCut::weights(const Sizes &residue) const {
  return turned ? turned_weights(g_, residue) : backward ? backward_weights(g_) : forward_weights(g_);
}

}  // namespace gemmconv::implicit
