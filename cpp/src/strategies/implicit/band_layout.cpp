// Divides a convolution into padded bands: rows of a band, panels of weights, blocks of source channels, threads.
#include "band_layout.hpp"

#include <algorithm>

#include "../../kernels/kernels.hpp"
#include "../../scratch.hpp"
#include "weight_views.hpp"

namespace gemmconv::implicit {
namespace {

// A band of the padded source stays in the second-level cache with a block of weights: 576 KiB of 2 MiB, or 1100 where
// all of an image is one band and its weights need not be laid out for others (13x13 pixels of 1024 channels gain 12 %).
// Sums of 512 pixels by 32 channels are 64 KiB.
constexpr int64_t band_bytes = 576 << 10, only_band_bytes = 1100 << 10, band_pixels = 512;
// Products that a pixel sums in one go: 640 rows of 32 weights are 80 KiB.
constexpr int64_t block_depth = 640;
// Taps of a kernel: their places are held on the stack while weights are laid out.
constexpr int64_t most_taps = 512;
// Products of a pixel: where each lies in a band is a table in the plan, of 8 bytes a product.
constexpr int64_t most_products = 1 << 19;
// Bytes of the source that a band of a single row of targets may read. Where it would be more, most of them are padding
// or the halo rows of a large dilation, copied for one row only.
constexpr double most_bytes_of_a_row = 2e6;

int64_t vector_lanes(const Problem &problem) {
  int64_t lanes = 0;
  with_type(problem.types.operand, [&](auto type) { lanes = kernels<decltype(type)>().lanes; });
  return lanes;
}

size_t thread_bytes(const BandLayout &layout, DType type) {
  size_t bytes = 0;
  with_type(type, [&](auto value) { bytes = scratch_bytes<BandArrays<decltype(value)>>(layout); });
  return bytes;
}

// Bytes of the source that one row of targets reads. In double, which large paddings and dilations do not overflow.
double bytes_of_a_row(const Problem &problem) {
  const Geometry &g = problem.geometry;
  const Sides sides(problem);
  const bool strided = sides.strided(g);
  double cells = static_cast<double>(sides.source.channels * static_cast<int64_t>(problem.item_bytes()));
  for (int i = 0; i < 3; ++i) {
    const double reach = static_cast<double>(g.dilation[i]) * static_cast<double>(g.kernel[i] - 1);
    const double stride = static_cast<double>(g.stride[i]);
    cells *= (strided ? reach / stride + 1 : reach + stride) +
             (i == 2 ? static_cast<double>(sides.phase_sizes[2] - 1) * (strided ? 1.0 : stride) : 0);
  }
  return cells;
}

}  // namespace

const char *why_no_bands(const Problem &problem) {
  const Geometry &g = problem.geometry;
  if (problem.pass == Pass::backward_weight) return "it computes the forward pass and the input gradient only";
  if (g.kernel_area() > most_taps) return "it is for kernels of at most 512 taps";
  if (Sides(problem).source.channels * g.kernel_area() > most_products) {
    return "it is for pixels that sum at most 524288 products";
  }
  if (static_cast<double>(g.stride[0]) * static_cast<double>(g.stride[1]) * static_cast<double>(g.stride[2]) >
      static_cast<double>(PaddedPlane::most_phases)) {
    return "it is for strides whose product is at most 64";
  }
  if (bytes_of_a_row(problem) > most_bytes_of_a_row) {
    return "one row of the answer reads more than 2 MB of the padded source";
  }
  return nullptr;
}

BandLayout::BandLayout(const Problem &problem, const Execution &execution, Lanes lanes)
    : g(problem.geometry),
      lanes(lanes),
      sides(problem),
      band(problem.geometry, sides.backward),
      strided(sides.strided(problem.geometry)),
      all_taps(g.kernel_area()),
      panel(2 * vector_lanes(problem)),
      panels(ceil_div(sides.target.channels, panel)) {
  const int64_t depth = sides.source.channels;
  const int64_t depth_blocks =
      std::max<int64_t>(ceil_div(ceil_div(depth * all_taps, product(sides.phases)), block_depth), 1);
  block_channels = std::max<int64_t>(ceil_div(depth, depth_blocks), 1);
  int64_t earlier = 0;
  const IndexGrid<3> grid{{sides.phases[0], sides.phases[1], sides.phases[2]}};
  for (int64_t i = 0; i < grid.count(); ++i) {
    const Sizes residue = grid.at(i);
    if (sides.backward) for_taps_of_phase(g, residue, [&](int64_t tap) { tap_numbers.push_back(tap); });
    else
      for (int64_t tap = 0; tap < all_taps; ++tap) tap_numbers.push_back(tap);
    const int64_t all = static_cast<int64_t>(tap_numbers.size());
    phases.push_back({residue, all - earlier, earlier});
    earlier = all;
  }
  const int64_t item = static_cast<int64_t>(problem.item_bytes()), rows = sides.phase_sizes[1];
  // As many rows as keep the band in the cache; fewer where the limit asks for it.
  for (band_rows = rows;; band_rows = (band_rows + 1) / 2) {
    channel_stride = band.channel_stride(band_rows, item);
    // Where bits must not depend on the batch, what fits the limit must not either.
    const bool only_one = g.batch * sides.phase_sizes[0] * ceil_div(rows, band_rows) == 1 && !execution.deterministic;
    local_weights =
        lanes == Lanes::channels && !execution.packed_weights && (only_one || (sides.backward && all_taps == 1));
    measure(execution);
    const size_t bytes =
        rounded(shared_weights_size, problem.item_bytes()) + thread_bytes(*this, problem.types.operand);
    const bool cached = band_size * item <= (only_one && !execution.packed_weights ? only_band_bytes : band_bytes) &&
                        band_rows * sides.phase_sizes[2] <= band_pixels;
    if (band_rows == 1 || (bytes <= execution.workspace_limit && cached)) break;
  }
  bands = ceil_div(rows, band_rows);
  band_rows = ceil_div(rows, bands);
  threads = execution.threads;
  parts = 1;
  if (tasks().count() < 8 * threads && tasks().count() % threads != 0) {
    parts = std::min<int64_t>(threads, lanes == Lanes::channels ? panels : sides.target.channels);
  }
  threads = static_cast<int>(std::clamp<int64_t>(tasks().count(), 1, threads));
  const size_t shared = rounded(shared_weights_size, problem.item_bytes());
  const size_t each = thread_bytes(*this, problem.types.operand);
  while (threads > 1 && shared + each * static_cast<size_t>(threads) > execution.workspace_limit) --threads;
}

void BandLayout::measure(const Execution &execution) {
  const int64_t width = sides.phase_sizes[2], cache_line = 64 / 4;
  const bool by_channels = lanes == Lanes::channels;
  int64_t most_phase_taps = 0;
  for (const PhaseTaps &phase : phases) most_phase_taps = std::max(most_phase_taps, phase.taps);
  band_size = sides.source.channels * channel_stride + 2 * cache_line;  // vectors are read whole
  sums_size = by_channels ? sides.phases[2] * band_rows * width * panel : 0;
  rows_size = sides.phases[2] == 1 ? 0 : by_channels ? sums_size : sides.phases[2] * sides.target.channels * width;
  local_weights_size = local_weights ? block_channels * most_phase_taps * panel : 0;
  const bool laid_out = by_channels || strided;
  shared_weights_size = laid_out && !local_weights && !execution.packed_weights ? packed_size() : 0;
}

int64_t BandLayout::packed_size() const {
  if (lanes == Lanes::pixels) return g.w_size();
  return g.groups * panels * panel * sides.source.channels * all_taps;
}

std::vector<int64_t> BandLayout::tap_offsets() const {
  const int64_t depth = sides.source.channels;
  std::vector<int64_t> offsets(static_cast<size_t>(depth * all_taps));
  if (!strided) {
    band.tap_offsets(band_rows, depth, channel_stride, offsets.data());
    return offsets;
  }
  const PaddedPlane shape = band.plane(0, 0, band_rows);
  for (const PhaseTaps &phase : phases) {
    int64_t *own = offsets.data() + phase.earlier * depth;
    const int64_t *taps = tap_numbers.data() + phase.earlier;
    for (int64_t i = 0; i < phase.taps; ++i) own[i] = band.tap_offset(shape, taps[i]);
    for (int64_t i = phase.taps; i < depth * phase.taps; ++i) own[i] = own[i - phase.taps] + channel_stride;
  }
  return offsets;
}

}  // namespace gemmconv::implicit
