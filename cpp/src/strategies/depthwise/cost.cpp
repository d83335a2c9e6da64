// Fitted on a Sapphire Rapids core with AVX-512 at 2.8 GHz, and scaled to the core that all estimates are for: see
// choose.hpp.
#include "cost.hpp"

#include <algorithm>

#include "depthwise.hpp"

namespace gemmconv::depthwise {
namespace {

constexpr double seconds_at_4200_mhz = 2.8 / 4.2;

// Read in place: a product of a tap with a vector, twice that where cells are gathered with a stride of 2; and the
// tensors.
constexpr double tap_seconds = 0.36e-9, in_place_bytes_per_second = 40e9;
// Padded copies: float32 products, the tensors, and each group of an image to start.
constexpr double padded_flops = 130e9, padded_weight_flops = 95e9, padded_bytes_per_second = 20e9;
constexpr double padded_group_seconds = 0.3e-6;
// Planes of a channels-last tensor are gathered with a stride, value by value: a whole cache line is read for each.
constexpr double scattered_reads = 16;

double real(int64_t count) { return static_cast<double>(count); }

double item_bytes(const Problem &problem) { return static_cast<double>(problem.item_bytes()); }

int64_t lanes_of(const Problem &problem) { return static_cast<int64_t>(64 / problem.item_bytes()); }

double tensor_bytes(const Problem &problem) {
  return real(problem.geometry.x_size() + problem.geometry.y_size()) * item_bytes(problem);
}

// Of a variant that reads x in place: `vectors` of outputs, each the sum of all taps.
double in_place_seconds(const Problem &problem, const Execution &execution, double vectors, double tap_slowdown) {
  const double summed = vectors * real(problem.geometry.kernel_area()) * tap_seconds * tap_slowdown;
  return (summed + tensor_bytes(problem) / in_place_bytes_per_second) * seconds_at_4200_mhz / execution.threads;
}

}  // namespace

double planes_seconds(const Problem &problem, const Execution &execution) {
  const Geometry &g = problem.geometry;
  const double rows = real(g.batch * g.out_channels * g.output[0] * g.output[1]);
  const double vectors = rows * real(ceil_div(g.output[2], lanes_of(problem)));
  return in_place_seconds(problem, execution, vectors, g.stride[2] == 2 ? 2 : 1);
}

double channels_seconds(const Problem &problem, const Execution &execution) {
  const Geometry &g = problem.geometry;
  const double vectors = real(g.batch * g.output_pixels()) * real(ceil_div(g.out_channels, lanes_of(problem)));
  return in_place_seconds(problem, execution, vectors, 1);
}

double padded_seconds(const Problem &problem, const Execution &execution) {
  const Geometry &g = problem.geometry;
  const double flops = operations(g) * item_bytes(problem) / 4;
  const double flops_per_second = problem.pass == Pass::backward_weight ? padded_weight_flops : padded_flops;
  const double scattered = g.layout == Layout::nhwc ? scattered_reads : 1;
  const double work = flops / flops_per_second + tensor_bytes(problem) * scattered / padded_bytes_per_second +
                      real(g.batch * g.groups) * padded_group_seconds;
  double seconds = work * seconds_at_4200_mhz / execution.threads;
  // The figures above are fitted to problems that only this variant accepts. Where another one does, it moves the same
  // numbers without the copies: equal estimates leave the choice to the order of the variants.
  if (!planes_refuse(problem, execution)) seconds = std::max(seconds, planes_seconds(problem, execution));
  if (!channels_refuse(problem, execution)) seconds = std::max(seconds, channels_seconds(problem, execution));
  return seconds;
}

}  // namespace gemmconv::depthwise
