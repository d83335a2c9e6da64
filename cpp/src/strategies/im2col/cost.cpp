// What a run of im2col takes: the product, moving columns, and starting each block. Fitted on a Zen 5 core with AVX-512
// (float32).
#include "cost.hpp"

#include <algorithm>

namespace gemmconv::im2col {
namespace {

// The product where it fills its tiles of 8 rows and one vector of columns, and how far the rest of a variant falls behind.
struct Rates {
  double flops_per_second;
  double bandwidth_share;       // of the bandwidths below
  double channels_last_factor;  // on everything, in NHWC
};
constexpr Rates wide_rates{230e9, 1, 1};
constexpr Rates grouped_rates{75e9, 0.3, 8};

constexpr int64_t tile_rows = 8;
// A tile takes as long to begin and to end as this many of the products that each of its cells sums.
constexpr double sums_of_a_tile = 4;

// Columns are gathered, gathered with strides, and added back, at bytes a second.
constexpr double gather_bandwidth = 70e9, strided_gather_bandwidth = 24e9, scatter_bandwidth = 20e9;
// A row of pixels under one tap is one copy, whatever its length, and so is the beginning of a plane. Where rows of x and y
// are equally long, the copies of neighbouring rows are joined (4 to 56 pixels).
constexpr double seconds_per_copy = 5e-9, seconds_per_joined_copy = 0.7e-9, seconds_per_joined_plane = 10e-9;
// In the weight gradient of `wide`, patches are transposed while they are packed.
constexpr double seconds_per_transposed_cell = 0.3e-9;
// What is not gathered is read in place by the first rows of the product, a channel's pixels at a time.
constexpr double seconds_per_cell_in_place = 0.1e-9;
constexpr double seconds_per_block = 1e-6;
// Below so many operations, one of several groups is too little work for a packed product.
constexpr double small_product_flops = 4e6;
// Packing the operands of so small products takes longer than the products: `wide` is then reckoned slower than `grouped`,
// whose rates are a third of its own.
constexpr double small_products_factor = 10;

// Where rows of columns are short, their copies: seconds for a run.
double copy_seconds(const Geometry &g, double cells, bool strided) {
  if (g.layout != Layout::nchw || strided) return 0;
  const double copies = cells / static_cast<double>(g.output[2]);
  if (g.output[2] != g.input[2]) return copies * seconds_per_copy;
  return copies * (seconds_per_joined_copy + seconds_per_joined_plane / static_cast<double>(g.output[1]));
}

// The share of full tiles that a product fills.
double tile_fill(int64_t count, int64_t tile) {
  return static_cast<double>(count) / static_cast<double>(ceil_div(count, tile) * tile);
}

double estimated_seconds(const Problem &problem, const Execution &execution, const Rates &rates, int64_t block_pixels,
                         bool gathered, double more_per_cell) {
  const Geometry &g = problem.geometry;
  const double item = static_cast<double>(problem.item_bytes());
  const double pixels = static_cast<double>(g.batch * g.output_pixels()), groups = static_cast<double>(g.groups);
  const double q = static_cast<double>(g.patch_size()), outputs = static_cast<double>(g.group_outputs());
  const double cells = pixels * q * groups;
  block_pixels = std::max<int64_t>(block_pixels, 1);
  const double sums = problem.pass == Pass::backward_input ? outputs
                      : problem.pass == Pass::forward      ? q
                                                           : static_cast<double>(block_pixels);
  const double rate = rates.flops_per_second * tile_fill(g.group_outputs(), tile_rows) *
                      tile_fill(block_pixels, 64 / static_cast<int64_t>(item)) * sums / (sums + sums_of_a_tile) * 4 /
                      item;
  const bool strided = g.stride[2] > 1 && g.layout == Layout::nchw;
  const double bandwidth = rates.bandwidth_share * (problem.pass == Pass::backward_input ? scatter_bandwidth
                                                    : strided                            ? strided_gather_bandwidth
                                                                                         : gather_bandwidth);
  double moves = 0;
  if (gathered) moves = cells * item / bandwidth + copy_seconds(g, cells, strided);
  else if (problem.pass != Pass::backward_weight)
    moves = pixels * groups * (problem.pass == Pass::forward ? q : outputs) * seconds_per_cell_in_place;
  const double factor = problem.channels_last() ? rates.channels_last_factor : 1;
  const double blocks = pixels / static_cast<double>(block_pixels) * groups;
  return (operations(g) / rate + moves + cells * more_per_cell) * factor / execution.threads +
         blocks * seconds_per_block;
}

// Whether each product, of one group and one image, is small.
bool products_are_small(const Geometry &g) {
  const double operations = 2.0 * static_cast<double>(g.group_outputs()) * static_cast<double>(g.patch_size()) *
                            static_cast<double>(g.output_pixels());
  return g.groups > 1 && operations < small_product_flops;
}

double grouped_factor(const Problem &problem) {
  return problem.channels_last() ? grouped_rates.channels_last_factor : 1;
}

}  // namespace

double wide_seconds(const Problem &problem, const Execution &execution, int64_t block_pixels, bool gathered) {
  const double per_cell = problem.pass == Pass::backward_weight ? seconds_per_transposed_cell : 0;
  return estimated_seconds(problem, execution, wide_rates, block_pixels, gathered, per_cell) *
         (products_are_small(problem.geometry) ? small_products_factor * grouped_factor(problem) : 1);
}

double grouped_seconds(const Problem &problem, const Execution &execution, int64_t block_pixels) {
  return estimated_seconds(problem, execution, grouped_rates, block_pixels, true, 0);
}

}  // namespace gemmconv::im2col
