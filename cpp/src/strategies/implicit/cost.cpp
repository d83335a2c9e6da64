// What the implicit strategy should take, in cycles of a core that multiplies two vectors in each: fitted on a
// Sapphire Rapids with AVX-512 in float32, where the products reach 165 of 177 GFLOP/s. The other strategies count on
// 4.2 GHz.
#include <algorithm>

#include "bands.hpp"
#include "bands_cut.hpp"
#include "cut.hpp"
#include "implicit.hpp"
#include "weight_cut.hpp"

namespace gemmconv::implicit {
namespace {

constexpr double cycles_per_second = 4.2e9;

double real(int64_t count) { return static_cast<double>(count); }

double bands_cycles(const Problem &problem, const Execution &execution, double lanes) {
  const Geometry &g = problem.geometry;
  const BandsCut cut(problem, execution, false);
  const double groups = real(g.batch * g.groups), pixels = groups * real(product(cut.lattice));
  const double products = real(cut.depth * cut.area), rows = real(cut.rows);
  // The band is copied; a short band brings as many rows around it.
  const double around = 1 + real((g.kernel[1] - 1) * g.dilation[1]) / real(std::max<int64_t>(cut.band_rows, 1));
  const double copied = groups * real(cut.depth * product(cut.backward ? g.output : g.input)) * around * 0.15;
  if (!cut.channels_in_lanes) {
    const double vectors = real(ceil_div(cut.lattice[2], static_cast<int64_t>(lanes)));
    const double row_vectors = groups * real(cut.lattice[0] * cut.lattice[1]) * vectors * products;
    return copied + row_vectors * std::max(rows / 2 / 0.88, 4.0) + (cut.strided() ? real(g.w_size()) * 2 : 0);
  }
  const double vectors = real(ceil_div(cut.rows, static_cast<int64_t>(lanes)));
  const double turned = groups * real(product(cut.target_sizes)) * rows * (cut.strided() ? 0.9 : 0.45);
  const double packed = real(g.w_size()) * (cut.local      ? 0.7 * real(g.batch * cut.lattice[0] * cut.bands)
                                            : cut.backward ? 1.1
                                                           : 0.8);
  return copied + pixels * products * vectors / 2 / 0.93 * (cut.rows <= static_cast<int64_t>(lanes) ? 1.3 : 1) +
         turned + packed;
}

double planes_cycles(const Problem &problem, const Execution &execution, double lanes) {
  const Geometry &g = problem.geometry;
  const PlanesCut cut(problem, execution, false);
  const double lattices = real(cut.lattices), rows = real(cut.rows);
  // Products of all stride phases; a lattice has its share of them.
  const double products = real(cut.depth * g.kernel_area()) / real(product(cut.phases));
  const double phases = real(cut.phases[2]), strips = real(cut.panels * cut.strips);
  // A row of a panel is gathered in some 12 cycles, where one tap jumps from channel to channel in 20, and longer
  // where it is many short rows or strided ones.
  const double pieces = g.pointwise() ? 1 : 4 * lanes / real(cut.widest.targets[2]);
  const double gathered = (g.pointwise() ? 6 : 9 + 5 * pieces) * (cut.widest.taps[2].step > 1 ? 1.6 : 1);
  const double full = real(cut.vectors) + real(cut.ragged) / lanes * 1.2;
  const bool jumps = cut.backward && !cut.turned && !cut.local;
  const double multiplied = rows * full / 2 / (jumps ? 0.7 : 0.93);
  const double turned = cut.turned  ? real(g.w_size()) * (g.kernel_area() > 1       ? 2
                                                          : g.group_inputs() < 1024 ? 0.5
                                                                                    : 1.5)
                        : cut.local ? real(g.w_size()) * 0.4 * lattices * real(cut.panels) / real(g.groups)
                                    : 0;
  const double put_back = cut.direct ? 0 : lattices * phases * real(cut.columns) * rows * 0.5;
  // A tile of six rows takes some 40 cycles to begin and to end, however few products it sums.
  const double begun = lattices * phases * strips * rows * 7;
  return lattices * phases * products * (strips * gathered + multiplied) + turned + put_back + begun;
}

// Channels last (a Zen 5 core): the products by target channels in the lanes, a weight packed, a row of a tap begun.
double pixels_cycles(const Problem &problem, double lanes) {
  const Geometry &g = problem.geometry;
  const bool forward = problem.pass == Pass::forward;
  const int64_t targets = forward ? g.group_outputs() : g.group_inputs();
  const double sources = real(forward ? g.group_inputs() : g.group_outputs());
  const double vectors = real(ceil_div(targets, static_cast<int64_t>(lanes)));
  const double products = real(g.batch * g.groups * g.output_pixels() * g.kernel_area()) * sources;
  const double rows = real(g.batch * g.groups * g.kernel_area() * g.output[0] * g.output[1]);
  return products * vectors / 2 / 0.97 * (sources + 3) / sources +
         real(g.w_size()) * (g.kernel_area() == 1 ? 5.0 : 1.3) +
         rows * real(ceil_div(static_cast<int64_t>(vectors), 4)) * 60;
}

}  // namespace

double seconds(const Problem &problem, const Execution &execution) {
  const double lanes = 64 / real(static_cast<int64_t>(problem.item_bytes()));
  const double cycles = prefers_bands(problem, execution, false)  ? bands_cycles(problem, execution, lanes)
                        : problem.geometry.layout == Layout::nhwc ? pixels_cycles(problem, lanes)
                        : problem.pass == Pass::backward_weight   ? WeightCut(problem, execution).cycles
                                                                  : planes_cycles(problem, execution, lanes);
  // Groups of one or two channels leave most of a tile empty and are begun one by one.
  const Geometry &g = problem.geometry;
  const double thin = std::min(g.group_inputs(), g.group_outputs()) < 4 && g.groups > 1 ? 20 : 1;
  const double begun = 1500 * real(g.groups) * (problem.pass == Pass::backward_weight ? 1 : real(g.batch));
  return (cycles * thin + begun + 2000) / cycles_per_second / execution.threads;
}

}  // namespace gemmconv::implicit
