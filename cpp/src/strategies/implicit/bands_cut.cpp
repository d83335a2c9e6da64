#include "bands_cut.hpp"

#include <algorithm>

#include "../../workspace.hpp"
#include "bands.hpp"
#include "turned.hpp"

namespace gemmconv::implicit {
namespace {

// A band of the padded source stays in the second-level cache with a block of weights: 576 KiB of 2 MiB, or 1100 where
// all of an image is one band and its weights need not be laid out for others (13x13 pixels of 1024 channels gain 12 %).
// Sums of 512 pixels by 32 channels are 64 KiB.
constexpr int64_t band_bytes = 576 << 10, only_band_bytes = 1100 << 10, band_pixels = 512;
// Products that a pixel sums in one go: 640 rows of 32 weights are 80 KiB.
constexpr int64_t block_depth = 640;
// Weights that the second-level cache keeps are laid out for few pixels. Others only for more, and most where all images
// share them; but not in the input gradient of several taps, which is slow with weights as they are. Rows of four pixels
// are too short.
constexpr int64_t fewest_pixels = 25, fewest_pixels_strided = 16, fewest_pixels_one_image = 100,
                  fewest_pixels_all = 300;
constexpr int64_t few_channels = 8;
// What the rows around a single row may take: more is mostly padding or dilation, and copied for little.
constexpr double most_bytes_of_a_row = 2e6;

int64_t vector_lanes(const Problem &problem) {
  return problem.types.operand == DType::float32 ? kernels().lanes<float>().lanes : kernels().lanes<double>().lanes;
}

// Sizes along the way from source to target.
struct Sides {
  int64_t rows, depth;
  Sizes phases, lattice;

  explicit Sides(const Problem &problem) {
    const Geometry &g = problem.geometry;
    const bool backward = problem.pass == Pass::backward_input;
    rows = backward ? g.group_inputs() : g.group_outputs();
    depth = backward ? g.group_outputs() : g.group_inputs();
    phases = backward ? g.stride : Sizes{1, 1, 1};
    for (int i = 0; i < 3; ++i) lattice[i] = ceil_div(backward ? g.input[i] : g.output[i], phases[i]);
  }
};

}  // namespace

// Turning the sums takes as long as 13 products; a row of pixels may leave part of its last vector empty.
bool channels_in_lanes(const Problem &problem) {
  if (problem.geometry.layout == Layout::nhwc) return true;
  const Sides sides(problem);
  const int64_t lanes = vector_lanes(problem), width = sides.lattice[2];
  const int64_t products = ceil_div(sides.depth * problem.geometry.kernel_area(), product(sides.phases));
  const double by_channels = static_cast<double>(ceil_div(sides.rows, lanes) * lanes) /
                             static_cast<double>(sides.rows) * (1 + 13 / static_cast<double>(products));
  const double by_pixels = static_cast<double>(ceil_div(width, lanes) * lanes) / static_cast<double>(width) * 1.04;
  return by_channels < by_pixels || (products > 2 * block_depth && sides.rows >= lanes);
}

bool prefers_bands(const Problem &problem, const Execution &execution, bool packed) {
  const Geometry &g = problem.geometry;
  const Sides sides(problem);
  const bool strided = sides.phases != Sizes{1, 1, 1}, single = g.kernel_area() == 1;
  if (problem.pass == Pass::backward_weight) return false;
  // Channels last, pixels are read in place unless they have too few channels for it.
  if (g.layout == Layout::nhwc && (problem.pass != Pass::forward || sides.depth > few_channels)) return false;
  if (g.kernel_area() > most_band_taps || (single && !strided)) return false;
  if (static_cast<double>(g.stride[0]) * static_cast<double>(g.stride[1]) * static_cast<double>(g.stride[2]) >
      static_cast<double>(PlaneFill::most_phases)) {
    return false;
  }
  // Bits must not depend on the batch where that was promised.
  const int64_t batch = execution.deterministic ? 1 : g.batch, pixels = product(sides.lattice);
  if (pixels < (strided && !single ? fewest_pixels_strided : fewest_pixels)) return false;
  const int64_t bytes = g.w_size() / g.groups * static_cast<int64_t>(problem.item_bytes());
  if (!packed && bytes > cached_bytes && (single || problem.pass == Pass::forward) &&
      batch * pixels < (batch == 1 || single ? fewest_pixels_one_image : fewest_pixels_all)) {
    return false;
  }
  // In double, which large paddings and dilations do not overflow.
  double cells = static_cast<double>(sides.depth * static_cast<int64_t>(problem.item_bytes()));
  for (int i = 0; i < 3; ++i) {
    const double reach = static_cast<double>(g.dilation[i]) * static_cast<double>(g.kernel[i] - 1);
    const double source =
        strided ? reach / static_cast<double>(g.stride[i]) + 1 : reach + static_cast<double>(g.stride[i]);
    cells *=
        source +
        (i == 2 ? static_cast<double>(sides.lattice[2] - 1) * (strided ? 1.0 : static_cast<double>(g.stride[2])) : 0);
  }
  if (cells > most_bytes_of_a_row) return false;
  const int64_t lanes = vector_lanes(problem), filled = ceil_div(sides.rows, lanes) * lanes;
  if (sides.rows * 3 < filled * 2 && channels_in_lanes(problem)) return false;
  return BandsCut(problem, execution, packed).total_bytes() <= execution.workspace_limit;
}

size_t bands_packed_bytes(const Problem &problem) {
  const Geometry &g = problem.geometry;
  if (!channels_in_lanes(problem)) return rounded(g.w_size(), problem.item_bytes());
  const Sides sides(problem);
  const int64_t panel = 2 * vector_lanes(problem);
  return rounded(g.groups * ceil_div(sides.rows, panel) * panel * sides.depth * g.kernel_area(), problem.item_bytes());
}

int64_t BandsCut::taps(const Sizes &residue) const {
  if (!backward) return area;
  int64_t count = 1;
  for (int i = 0; i < 3; ++i) count *= taps_of(g.axis(i), g.flip, residue[i]);
  return count;
}

void BandsCut::fill_offsets(int64_t *offsets) const {
  if (!strided()) return band.tap_offsets(band_rows, depth, channel_stride, offsets);
  const PaddedPlane shape = band.plane(0, 0, band_rows);
  for_phases([&](const Sizes &residue) {
    int64_t count = 0;
    for_taps_of(g, residue, [&](int64_t tap) { offsets[count++] = band.tap_offset(shape, tap); });
    for (int64_t i = count; i < depth * count; ++i) offsets[i] = offsets[i - count] + channel_stride;
    offsets += depth * count;
  });
}

BandsCut::BandsCut(const Problem &problem, const Execution &execution, bool packed)
    : g(problem.geometry),
      backward(problem.pass == Pass::backward_input),
      channels_in_lanes(implicit::channels_in_lanes(problem)),
      band(problem.geometry, backward) {
  const int64_t item = static_cast<int64_t>(problem.item_bytes());
  const Sides sides(problem);
  rows = sides.rows;
  depth = sides.depth;
  phases = sides.phases;
  lattice = sides.lattice;
  area = g.kernel_area();
  source = backward ? g.y_strides() : g.x_strides();
  target = backward ? g.x_strides() : g.y_strides();
  target_sizes = backward ? g.input : g.output;
  panel = 2 * vector_lanes(problem);
  blocks = ceil_div(rows, panel);
  const int64_t depth_blocks = std::max<int64_t>(ceil_div(ceil_div(depth * area, product(phases)), block_depth), 1);
  channels = std::max<int64_t>(ceil_div(depth, depth_blocks), 1);
  int64_t most_taps = 0;
  for_phases([&](const Sizes &residue) { most_taps = std::max(most_taps, taps(residue)); });
  offset_bytes = rounded(depth * area, sizeof(int64_t));
  const size_t size = static_cast<size_t>(item);
  // As many rows as keep the band in the cache; fewer where the limit asks for it.
  for (band_rows = lattice[1];; band_rows = (band_rows + 1) / 2) {
    channel_stride = band.channel_stride(band_rows, item);
    slab_bytes = rounded(depth * channel_stride + 128 / item, size);
    sums_bytes = channels_in_lanes ? rounded(phases[2] * band_rows * lattice[2] * panel, size) : 0;
    line_bytes = phases[2] == 1 ? 0 : channels_in_lanes ? sums_bytes : rounded(phases[2] * rows * lattice[2], size);
    // Where bits must not depend on the batch, what fits the limit must not either.
    const bool once = g.batch * lattice[0] * ceil_div(lattice[1], band_rows) == 1 && !execution.deterministic;
    local = channels_in_lanes && !packed && (once || (backward && area == 1));
    local_bytes = local ? rounded(channels * most_taps * panel, size) : 0;
    weights_bytes = !local && !packed && (channels_in_lanes || strided()) ? bands_packed_bytes(problem) : 0;
    const bool fits = weights_bytes + thread_bytes() <= execution.workspace_limit;
    if (band_rows == 1 ||
        (fits && static_cast<int64_t>(slab_bytes) <= (once && !packed ? only_band_bytes : band_bytes) &&
         band_rows * lattice[2] <= band_pixels)) {
      break;
    }
  }
  bands = ceil_div(lattice[1], band_rows);
  band_rows = ceil_div(lattice[1], bands);
  threads = execution.threads;
  parts = 1;
  if (tasks() < 8 * threads && tasks() % threads != 0) {
    parts = std::min<int64_t>(threads, channels_in_lanes ? blocks : rows);
  }
  threads = static_cast<int>(std::clamp<int64_t>(tasks(), 1, threads));
  while (threads > 1 && weights_bytes + thread_bytes() * static_cast<size_t>(threads) > execution.workspace_limit) {
    --threads;
  }
}

}  // namespace gemmconv::implicit
