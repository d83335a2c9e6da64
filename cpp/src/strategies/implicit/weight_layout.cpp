// Divides the weight gradient of planes into tasks and blocks that fit the caches and the workspace limit.
#include "weight_layout.hpp"

#include <algorithm>

#include "../../patches/padded_band.hpp"
#include "../../scratch.hpp"

namespace gemmconv::implicit {
namespace {

// Patches in lanes: up to 128 products of a patch in a panel, for 320 pixels at once, are 180 KiB. Outputs in lanes:
// a band of x and of dy, and the sums, share the second-level cache.
constexpr int64_t widest_panel = 128, most_pixels = 320;
constexpr int64_t band_bytes = 400 << 10, band_pixels = 800;
constexpr double most_cells = 1e12;  // of a padded row: what no limit of workspace will let pass

int64_t rounded_up(int64_t size, int64_t step) { return ceil_div(size, step) * step; }

}  // namespace

const char *why_no_weight_gradient_of_planes(const Problem &problem) {
  if (problem.pass != Pass::backward_weight) return "it computes the weight gradient only";
  if (problem.channels_last()) return "it is for planes (NCHW), and the channels of this problem come last";
  return nullptr;
}

// In double, which large strides, dilations and sizes do not overflow.
bool can_pad_in_bands(const Geometry &g) {
  double phases = 1, cells = 1;
  for (int i = 0; i < 3; ++i) {
    const double stride = static_cast<double>(g.stride[i]), outputs = static_cast<double>(i == 2 ? g.output[2] : 1);
    phases *= stride;
    cells *= static_cast<double>(g.dilation[i]) * static_cast<double>(g.kernel[i] - 1) + stride * (outputs + 1);
  }
  return phases <= static_cast<double>(PaddedPlane::most_phases) && cells <= most_cells;
}

PatchGrid WeightLayout::grid() const {
  PatchGrid result;
  for (int i = 0; i < 3; ++i) result.taps[i] = TapSequence::forward(g.axis(i), g.flip);
  result.targets = g.output;
  result.sources = g.input;
  result.source_stride = g.x_strides().axis;
  return result;
}

size_t WeightLayout::thread_bytes() const {
  size_t bytes = 0;
  with_type(type_, [&](auto type) { bytes = scratch_bytes<WeightArrays<decltype(type)>>(*this); });
  return bytes;
}

// Sizes of a thread's arrays for the blocks as they are.
void WeightLayout::measure() {
  const int64_t targets = ceil_div(outputs, parts), width = rounded_up(targets, lanes);
  const int64_t item = static_cast<int64_t>(size_of(type_)), cache_line = 64 / item;
  sums_size = offsets_size = table_bytes = 0;
  if (in_lanes == WeightLanes::outputs) {
    const PaddedBand band(g, false);
    channel_stride = pointwise ? 0 : band.channel_stride(band_rows, item);
    panel_size = channels * channel_stride + cache_line;
    transposed_size = band_rows * g.output[2] * std::min(width, vectors * lanes);  // of one panel
    sums_row = width;
    sums_size = channels * all_taps * width;
    offsets_size = channels * all_taps;
    return;
  }
  const int64_t products = channels * taps;
  panel_row = rounded_up(products, lanes) + lanes;  // not a power of two
  transposed_size = pixels * images * panel_row + lanes;
  panel_size = pointwise ? 0 : products * block_row() + 2 * lanes;
  if (!pointwise) table_bytes = static_cast<int64_t>(PatchPanel::scratch_bytes(grid(), block_columns(), taps));
}

void WeightLayout::start() {
  parts = 1;
  tap_blocks = 1;
  taps = all_taps;
  channels = inputs;
  if (in_lanes == WeightLanes::outputs) {
    band_rows = std::clamp<int64_t>(band_pixels / g.output[2], 1, g.output[1]);
    band_rows = ceil_div(g.output[1], ceil_div(g.output[1], band_rows));
    return;
  }
  const int64_t fit = widest_panel / all_taps;
  if (fit == 0) {
    tap_blocks = ceil_div(all_taps, widest_panel / 2);
    taps = ceil_div(all_taps, tap_blocks);
  }
  // The number of channels that leaves the fewest lanes empty.
  channels = 1;
  double best = 0;
  for (int64_t count = 1; count <= std::min(inputs, fit); ++count) {
    const double fill =
        static_cast<double>(count * all_taps) / static_cast<double>(rounded_up(count * all_taps, lanes));
    if (fill >= best) best = fill, channels = count;
  }
  // Small images share a block, so that dw is not read and written for each.
  pixels = std::min(most_pixels, g.output_pixels());
  images = std::clamp<int64_t>(most_pixels / g.output_pixels(), 1, std::max<int64_t>(g.batch, 1));
}

// Pixels, whose blocks order the additions, go last and do not depend on the number of threads.
bool WeightLayout::shrink() {
  const bool by_outputs = in_lanes == WeightLanes::outputs;
  if (channels > 1) {
    channels = std::min(channels - 1, ceil_div(inputs, channel_blocks + 1));
  } else if (by_outputs && band_rows > 1) {
    band_rows = ceil_div(band_rows, 2);
  } else if (!by_outputs && images > 1) {
    images = ceil_div(images, 2);
  } else if (!by_outputs && pixels > 1) {
    pixels = ceil_div(pixels, 2);
  } else {
    return false;
  }
  return true;
}

WeightLayout::WeightLayout(const Problem &problem, const Execution &execution, WeightLanes in_lanes)
    : g(problem.geometry),
      in_lanes(in_lanes),
      inputs(g.group_inputs()),
      outputs(g.group_outputs()),
      all_taps(g.kernel_area()),
      pointwise(g.pointwise()),
      type_(problem.types.operand) {
  with_type(type_, [&](auto type) {
    lanes = kernels<decltype(type)>().lanes;
    vectors = kernels<decltype(type)>().weight_gradient.vectors;
  });
  const int64_t item = static_cast<int64_t>(size_of(type_));
  start();
  for (;;) {  // until a thread's share fits
    channel_blocks = ceil_div(inputs, channels);
    measure();
    const bool cached = in_lanes != WeightLanes::outputs || pointwise || panel_size * item <= band_bytes;
    if ((cached || channels == 1) && thread_bytes() <= execution.workspace_limit) break;
    if (!shrink()) break;
  }
  // Enough tasks for the threads: of target channels first, whose parts share nothing but x.
  const int64_t blocks = g.groups * channel_blocks * tap_blocks;
  if (blocks < 4 * execution.threads && blocks % execution.threads != 0) {
    parts = std::min<int64_t>(execution.threads, ceil_div(outputs, lanes));
  }
  if (blocks * parts < execution.threads) {
    channels = ceil_div(inputs, std::min<int64_t>(inputs, channel_blocks * execution.threads));
    channel_blocks = ceil_div(inputs, channels);
  }
  measure();
  threads = static_cast<int>(std::clamp<int64_t>(tasks().count(), 1, execution.threads));
  while (threads > 1 && thread_bytes() * static_cast<size_t>(threads) > execution.workspace_limit) --threads;
}

WeightTask WeightLayout::task(int64_t number) const {
  const auto [group, block, tap_block, part] = tasks().at(number);
  const int64_t c = block * channels, tap = tap_block * taps;
  const Range vectors_of_part = even_share(ceil_div(outputs, lanes), part, parts);
  const int64_t begin = std::min(outputs, vectors_of_part.begin * lanes);
  const int64_t end = std::min(outputs, vectors_of_part.end * lanes);
  return {group, c, std::min(channels, inputs - c), tap, std::min(taps, all_taps - tap), begin, end - begin};
}

}  // namespace gemmconv::implicit
