// Counted in cycles of a core that multiplies and adds two vectors in each: fitted on a Sapphire Rapids with AVX-512 in
// float32, where the products reach 165 of 177 GFLOP/s; what was fitted elsewhere says so. Cycles become seconds of the
// core that all estimates are for: see choose.hpp.
#include "cost.hpp"

#include <algorithm>

namespace gemmconv::implicit {
namespace {

constexpr double cycles_per_second = 4.2e9;

double real(int64_t count) { return static_cast<double>(count); }

double lanes_of(const Problem &problem) { return 64 / real(static_cast<int64_t>(problem.item_bytes())); }

// Adds what every variant takes to start, and divides by the threads.
double seconds_of(const Problem &problem, const Execution &execution, double cycles) {
  const Geometry &g = problem.geometry;
  // Groups of one or two channels leave most of a tile empty.
  const double thin = std::min(g.group_inputs(), g.group_outputs()) < 4 && g.groups > 1 ? 20 : 1;
  const double calls = real(g.groups) * (problem.pass == Pass::backward_weight ? 1 : real(g.batch));
  return (cycles * thin + 1500 * calls + 2000) / cycles_per_second / execution.threads;
}

// Cycles to copy one cell of the source into a band: where rows of pixels are contiguous, and where they are gathered
// with a stride from the channels of pixels (fitted on 241 layer-passes of real networks in NHWC, Zen 4, 2026-11).
constexpr double copy_cell = 0.15, copy_cell_channels_last = 1.2, copy_cell_of_channels_last_1x1 = 2;
// 1x1 kernels would read the planes in place: whole copies are not hidden by arithmetic (Zen 4: 192 to 16 channels at 28x28
// pixels, 1.26 times the time of panels).
constexpr double pointwise_copies = 8;
// Laying out the weights does not pay where so few pixels use them; with strides and several taps, fewer (Zen 4: four
// images of one pixel take 4.4 times as long in bands as in panels).
constexpr int64_t few_pixels = 25, few_pixels_strided = 16;
constexpr double few_pixels_factor = 8;
// Cycles to lay out a weight: just before its band, in a cache; copied row by row from far apart, mostly from memory; all
// weights before the call, transposed; and by how much more where the weights leave the second-level cache (Zen 4, fitted
// on the same layers).
constexpr double lay_out_locally = 0.35, lay_out_copied = 1.2, lay_out_forward = 0.4, lay_out_backward = 0.7;
constexpr double far_weights = 3;
// Rows that fill no more than one vector leave the register tile short of independent sums (Zen 4: 5x5 at 14x14 pixels).
constexpr double one_vector_of_pixels = 1.15;
// The fewest cycles in which a product of one vector of pixels with all target channels is done (Zen 4: the input gradient
// of layers with 3 input channels, half the time of panels).
constexpr double least_cycles_per_product = 2.4;

// Cycles to copy the bands of a call. A short band needs the same number of halo rows as a tall one.
double band_copies(const BandLayout &layout) {
  const Geometry &g = layout.g;
  const double around = 1 + real((g.kernel[1] - 1) * g.dilation[1]) / real(std::max<int64_t>(layout.band_rows, 1));
  double cell = copy_cell;
  if (g.layout == Layout::nhwc) cell = g.pointwise() ? copy_cell_of_channels_last_1x1 : copy_cell_channels_last;
  else if (g.pointwise()) cell *= pointwise_copies;
  return real(g.batch * g.groups) * real(layout.sides.source.channels * layout.sides.source.pixels()) * around * cell;
}

// Cycles to lay out one weight in panels of target channels, all of its uses together.
double layout_cycles(const Problem &problem, const BandLayout &layout) {
  const Geometry &g = layout.g;
  const bool copied = layout.sides.backward && layout.all_taps == 1;  // rather than transposed
  if (layout.local_weights) {
    const double times = real(g.batch * layout.sides.phase_sizes[0] * layout.bands);
    return (copied ? lay_out_copied : lay_out_locally) * times;
  }
  const int64_t group_bytes = g.w_size() / g.groups * static_cast<int64_t>(problem.item_bytes());
  const double far = !layout.sides.backward && group_bytes > cached_weight_bytes ? far_weights : 1;
  return (layout.sides.backward ? lay_out_backward : lay_out_forward) * far;
}

double few_pixels_penalty(const BandLayout &layout) {
  const int64_t few = layout.strided && layout.all_taps > 1 ? few_pixels_strided : few_pixels;
  return product(layout.sides.phase_sizes) < few ? few_pixels_factor : 1;
}

}  // namespace

double bands_seconds(const Problem &problem, const Execution &execution, const BandLayout &layout) {
  const Geometry &g = problem.geometry;
  const Sides &sides = layout.sides;
  const double groups = real(g.batch * g.groups), pixels = groups * real(product(sides.phase_sizes));
  const double products = real(sides.source.channels * layout.all_taps), lanes = lanes_of(problem);
  const double vectors = real(ceil_div(sides.target.channels, static_cast<int64_t>(lanes)));
  const double transposed =
      groups * real(sides.target.pixels()) * real(sides.target.channels) * (layout.strided ? 0.6 : 0.45);
  const double packed = layout_cycles(problem, layout) * real(g.w_size());
  const double one_vector = sides.target.channels <= static_cast<int64_t>(lanes) ? 1.05 : 1;
  const double multiplied = pixels * products * vectors / 2 / 0.96 * one_vector;
  return seconds_of(problem, execution,
                    (band_copies(layout) + multiplied + transposed + packed) * few_pixels_penalty(layout));
}

double pixels_seconds(const Problem &problem, const Execution &execution, const BandLayout &layout) {
  const Geometry &g = problem.geometry;
  const Sides &sides = layout.sides;
  const double products = real(sides.source.channels * layout.all_taps), rows = real(sides.target.channels);
  const double vectors = real(ceil_div(sides.phase_sizes[2], static_cast<int64_t>(lanes_of(problem))));
  const double row_vectors =
      real(g.batch * g.groups * sides.phase_sizes[0] * sides.phase_sizes[1]) * vectors * products;
  const double multiplied =
      std::max(rows / 2 / 0.88 * (vectors <= 1 ? one_vector_of_pixels : 1), least_cycles_per_product);
  const double transposed = layout.strided ? real(g.w_size()) * 2 : 0;
  return seconds_of(problem, execution,
                    (band_copies(layout) + row_vectors * multiplied + transposed) * few_pixels_penalty(layout));
}

double panels_seconds(const Problem &problem, const Execution &execution, const PanelLayout &layout) {
  const Geometry &g = problem.geometry;
  const Sides &sides = layout.sides;
  const double sequences = real(layout.sequences()), rows = real(layout.rows);
  // Products of all stride phases; a sequence of columns has its share of them.
  const double products = real(layout.depth * g.kernel_area()) / real(product(sides.phases));
  const double phases = real(sides.phases[2]), strips = real(layout.panels * layout.strips);
  // A row of a panel is gathered in some 12 cycles, where one tap reads channel after channel in 20, and longer where
  // it is many short rows or strided ones.
  const double pieces = g.pointwise() ? 1 : 4 * lanes_of(problem) / real(sides.phase_sizes[2]);
  const double strided_rows = layout.phase({0, 0, 0}).grid.taps[2].step > 1 ? 1.6 : 1;
  const double gathered = (g.pointwise() ? 6 : 9 + 5 * pieces) * strided_rows;
  const double full = real(layout.vectors) + real(layout.remainder) / lanes_of(problem) * 1.2;
  const bool large_strides = sides.backward && !layout.transposed && !layout.local;
  const double multiplied = rows * full / 2 / (large_strides ? 0.7 : 0.93);
  double transposed = 0;
  if (layout.transposed) {
    transposed = real(g.w_size()) * (g.kernel_area() > 1 ? 2 : g.group_inputs() < 1024 ? 0.5 : 1.5);
  } else if (layout.local) {
    transposed = real(g.w_size()) * 0.4 * sequences * real(layout.panels) / real(g.groups);
  }
  const double stored = layout.direct ? 0 : sequences * phases * real(layout.columns) * rows * 0.5;
  // A tile of six rows takes some 40 cycles to begin and to end, however few products it sums.
  const double tiles = sequences * phases * strips * rows * 7;
  // Phases that no tap reaches are no work: of the tasks of a 1x1 kernel with strides, one thread has all the products.
  Execution busy = execution;
  if (g.kernel_area() < product(sides.phases)) busy.threads = 1;
  return seconds_of(problem, busy,
                    sequences * phases * products * (strips * gathered + multiplied) + transposed + stored + tiles);
}

// Fitted on a Zen 5 core: the products by target channels in the lanes, a weight packed, the start of a row of a tap.
double rows_seconds(const Problem &problem, const Execution &execution) {
  const Geometry &g = problem.geometry;
  const bool forward = problem.pass == Pass::forward;
  const int64_t targets = forward ? g.group_outputs() : g.group_inputs();
  const double sources = real(forward ? g.group_inputs() : g.group_outputs());
  const double vectors = real(ceil_div(targets, static_cast<int64_t>(lanes_of(problem))));
  const double products = real(g.batch * g.groups * g.output_pixels() * g.kernel_area()) * sources;
  const double rows = real(g.batch * g.groups * g.kernel_area() * g.output[0] * g.output[1]);
  const double cycles = products * vectors / 2 / 0.97 * (sources + 3) / sources +
                        real(g.w_size()) * (g.kernel_area() == 1 ? 5.0 : 1.3) +
                        rows * real(ceil_div(static_cast<int64_t>(vectors), 4)) * 60;
  return seconds_of(problem, execution, cycles);
}

// A tile does 2 vectors a cycle. Outputs in lanes: dy is transposed once, and dw at the end. Patches in lanes: every
// patch is gathered and transposed.
double weight_seconds(const Problem &problem, const Execution &execution, const WeightLayout &layout) {
  const Geometry &g = problem.geometry;
  const double pixels = real(g.batch * g.output_pixels());
  const double k = real(layout.outputs), q = real(layout.inputs * layout.all_taps), lanes = real(layout.lanes);
  const double transpose = 5.0 / lanes, gather = layout.pointwise ? 0 : 3.0 / lanes;
  double cycles = 0;
  if (layout.in_lanes == WeightLanes::outputs) {
    const double one_vector = layout.outputs <= layout.lanes ? 1.2 : 1;
    cycles = pixels * real(ceil_div(layout.outputs, layout.lanes)) * q / 2 * one_vector + transpose * k * pixels +
             2 * transpose * k * q;
  } else {
    cycles = pixels * real(ceil_div(layout.inputs * layout.all_taps, layout.lanes)) * k / 2 +
             (transpose + gather) * q * pixels;
  }
  return seconds_of(problem, execution, cycles / 0.9 * real(g.groups));
}

}  // namespace gemmconv::implicit
