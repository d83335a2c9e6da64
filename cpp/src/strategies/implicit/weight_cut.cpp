#include "weight_cut.hpp"

#include <algorithm>

#include "../../patches/padded_band.hpp"
#include "../../workspace.hpp"

namespace gemmconv::implicit {
namespace {

// Patches in lanes: up to 128 products of a patch in a panel, for 320 pixels at once, are 180 KiB. Outputs in lanes:
// a band of x and of dy, and the sums, share the second-level cache.
constexpr int64_t widest_panel = 128, most_pixels = 320;
constexpr int64_t band_bytes = 400 << 10, band_pixels = 800;
constexpr double most_cells = 1e12;  // of a padded row: what no limit of workspace will let pass

int64_t rounded_up(int64_t size, int64_t step) { return ceil_div(size, step) * step; }

// Whether x can be padded in bands at all. In double, which large strides, dilations and sizes do not overflow.
bool can_pad(const Geometry &g) {
  double phases = 1, cells = 1;
  for (int i = 0; i < 3; ++i) {
    const double stride = static_cast<double>(g.stride[i]), outputs = static_cast<double>(i == 2 ? g.output[2] : 1);
    phases *= stride;
    cells *= static_cast<double>(g.dilation[i]) * static_cast<double>(g.kernel[i] - 1) + stride * (outputs + 1);
  }
  return phases <= static_cast<double>(PlaneFill::most_phases) && cells <= most_cells;
}

}  // namespace

PatchGrid WeightCut::grid() const {
  PatchGrid result;
  for (int i = 0; i < 3; ++i) result.taps[i] = TapLine::forward(g.axis(i), g.flip);
  result.targets = g.output;
  result.sources = g.input;
  result.source_stride = g.x_strides().axis;
  return result;
}

// Bytes of a thread for the blocks as they are.
void WeightCut::measure(size_t item) {
  const int64_t targets = ceil_div(outputs, parts), width = rounded_up(targets, lanes);
  table_bytes = 0;
  if (outputs_in_lanes) {
    const PaddedBand band(g, false);
    channel_stride = pointwise ? 0 : band.channel_stride(band_rows, static_cast<int64_t>(item));
    panel_bytes = rounded(channels * channel_stride, item) + 64;
    turned_bytes = rounded(band_rows * g.output[2] * std::min(width, vectors * lanes), item);  // of one panel
    sums_row = width;
    sums_bytes = rounded(channels * area * width, item);
    table_bytes = rounded(channels * area, sizeof(int64_t));
    return;
  }
  const int64_t products = channels * taps;
  panel_row = rounded_up(products, lanes) + lanes;  // not a power of two
  turned_bytes = rounded(pixels * images * panel_row + lanes, item);
  panel_bytes = pointwise ? 0 : rounded(products * block_row() + 2 * lanes, item);
  sums_bytes = 0;
  table_bytes = pointwise ? 0 : PatchPanel::scratch_bytes(grid(), block_columns(), taps);
}

// Blocks of one thread, as large as fit the limit.
void WeightCut::shrink(size_t limit, size_t item) {
  parts = 1;
  tap_blocks = 1;
  taps = area;
  channels = inputs;
  if (outputs_in_lanes) {
    band_rows = std::clamp<int64_t>(band_pixels / g.output[2], 1, g.output[1]);
    band_rows = ceil_div(g.output[1], ceil_div(g.output[1], band_rows));
  } else {
    const int64_t fit = widest_panel / area;
    if (fit == 0) {
      tap_blocks = ceil_div(area, widest_panel / 2);
      taps = ceil_div(area, tap_blocks);
    }
    // The number of channels that leaves the fewest lanes empty.
    channels = 1;
    double best = 0;
    for (int64_t count = 1; count <= std::min(inputs, fit); ++count) {
      const double fill = static_cast<double>(count * area) / static_cast<double>(rounded_up(count * area, lanes));
      if (fill >= best) best = fill, channels = count;
    }
    // Small images share a block, so that dw is not read and written for each.
    pixels = std::min(most_pixels, g.output_pixels());
    images = std::clamp<int64_t>(most_pixels / g.output_pixels(), 1, std::max<int64_t>(g.batch, 1));
  }
  // Blocks shrink until a thread's share fits. Pixels, whose blocks order the additions, go last and do not depend on
  // the number of threads.
  for (;;) {
    channel_blocks = ceil_div(inputs, channels);
    measure(item);
    const bool cached = !outputs_in_lanes || pointwise || panel_bytes <= static_cast<size_t>(band_bytes);
    if ((cached || channels == 1) && thread_bytes() <= limit) break;
    if (channels > 1) {
      channels = std::min(channels - 1, ceil_div(inputs, channel_blocks + 1));
    } else if (outputs_in_lanes && band_rows > 1) {
      band_rows = ceil_div(band_rows, 2);
    } else if (!outputs_in_lanes && images > 1) {
      images = ceil_div(images, 2);
    } else if (!outputs_in_lanes && pixels > 1) {
      pixels = ceil_div(pixels, 2);
    } else {
      break;
    }
  }
}

WeightCut::WeightCut(const Problem &problem, const Execution &execution)
    : g(problem.geometry),
      inputs(g.group_inputs()),
      outputs(g.group_outputs()),
      area(g.kernel_area()),
      pointwise(g.pointwise()) {
  const size_t item = problem.item_bytes();
  lanes =
      problem.types.operand == DType::float32 ? kernels().weights<float>().lanes : kernels().weights<double>().lanes;
  vectors = problem.types.operand == DType::float32 ? kernels().weights<float>().vectors
                                                    : kernels().weights<double>().vectors;

  // Cycles by either way. A tile does 2 vectors a cycle. Outputs in lanes: dy is turned once, and dw at the end.
  // Patches in lanes: every patch is gathered and turned.
  const double pixels_of_all = static_cast<double>(g.batch * g.output_pixels());
  const double k = static_cast<double>(outputs), q = static_cast<double>(inputs * area);
  const double lane_count = static_cast<double>(lanes);
  const double turn = 5.0 / lane_count, gather = pointwise ? 0 : 3.0 / lane_count;
  const double by_outputs =
      pixels_of_all * static_cast<double>(ceil_div(outputs, lanes)) * q / 2 * (outputs <= lanes ? 1.2 : 1) +
      turn * k * pixels_of_all + 2 * turn * k * q;
  const double by_patches =
      pixels_of_all * static_cast<double>(ceil_div(inputs * area, lanes)) * k / 2 + (turn + gather) * q * pixels_of_all;
  const bool can = pointwise || can_pad(g);
  outputs_in_lanes = can && by_outputs < by_patches;
  shrink(execution.workspace_limit, item);
  if (thread_bytes() > execution.workspace_limit && can) {  // the other way may take less
    outputs_in_lanes = !outputs_in_lanes;
    shrink(execution.workspace_limit, item);
  }
  cycles = (outputs_in_lanes ? by_outputs : by_patches) / 0.9 * static_cast<double>(g.groups);

  // Enough tasks for the threads: of target channels first, whose parts share nothing but x.
  const int64_t blocks = g.groups * channel_blocks * tap_blocks;
  if (blocks < 4 * execution.threads && blocks % execution.threads != 0) {
    parts = std::min<int64_t>(execution.threads, ceil_div(outputs, lanes));
  }
  if (blocks * parts < execution.threads) {
    channels = ceil_div(inputs, std::min<int64_t>(inputs, channel_blocks * execution.threads));
    channel_blocks = ceil_div(inputs, channels);
  }
  measure(item);
  threads = static_cast<int>(std::clamp<int64_t>(tasks(), 1, execution.threads));
  while (threads > 1 && total_bytes() > execution.workspace_limit) --threads;
}

}  // namespace gemmconv::implicit
