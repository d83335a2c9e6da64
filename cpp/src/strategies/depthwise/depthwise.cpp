// Depthwise and grouped convolution: a group has too few channels for a matrix product. Three ways, each in a file:
// planes read in place, channels-last tensors read in place, and padded copies of planes for everything else.
#include "depthwise.hpp"

#include "../from_functions.hpp"

#include <cstring>

#include "channels_last.hpp"
#include "in_place.hpp"
#include "padded.hpp"
#include "passage.hpp"

namespace gemmconv::depthwise {
namespace {

constexpr int64_t most_channels = 16;  // of a group, on either side; beyond, implicit is faster
constexpr double most_cells = 1e12;    // of a padded plane: what its sizes are multiplied to fits int64 with room

template <class T>
void correlate(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  if (in_place(problem)) return correlate_in_place<T>(problem, execution, arguments);
  if (channels_last(problem)) return correlate_channels_last<T>(problem, execution, arguments);
  correlate_padded<T>(problem, execution, arguments);
}

template <class T>
void weight_gradient(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  if (in_place(problem)) return weight_gradient_in_place<T>(problem, execution, arguments);
  if (channels_last(problem)) return weight_gradient_channels_last<T>(problem, execution, arguments);
  weight_gradient_padded<T>(problem, execution, arguments);
}

}  // namespace

const char *refuses(const Problem &problem, const Execution &) {
  const Geometry &g = problem.geometry;
  if (g.groups == 1) return "it is for grouped convolutions, and this one has a single group";
  if (g.group_inputs() > most_channels || g.group_outputs() > most_channels) {
    return "it is for groups of at most 16 input and 16 output channels, and these are larger";
  }
  if (g.kernel_area() > most_taps) return "it is for kernels of at most 1024 taps";
  // In double, which large strides, paddings and dilations do not overflow.
  double phases = 1, cells = 1;
  for (int i = 0; i < 3; ++i) {
    const double stride = static_cast<double>(g.stride[i]);
    const double outputs = static_cast<double>(problem.pass == Pass::backward_input ? g.input[i] : g.output[i]);
    phases *= stride;
    cells *= (outputs + 4) * stride + static_cast<double>(g.dilation[i] * (g.kernel[i] - 1));
  }
  if (phases > PaddedPlane::most_phases) return "it is for strides whose product is at most 64";
  if (cells > most_cells) return "it is for padded planes of at most 10^12 cells, and this one would be larger";
  return nullptr;
}

size_t workspace_bytes(const Problem &problem, const Execution &execution) {
  if (in_place(problem)) return 0;
  return channels_last(problem) ? channels_last_bytes(problem) : padded_bytes(problem, execution);
}

size_t packed_bytes(const Problem &problem, const Execution &) {
  return static_cast<size_t>(problem.geometry.w_size()) * problem.item_bytes();
}

void pack(const Problem &problem, const Execution &execution, const void *w, void *packed) {
  std::memcpy(packed, w, packed_bytes(problem, execution));
}

void forward(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  with_type(problem.types.operand, [&](auto type) { correlate<decltype(type)>(problem, execution, arguments); });
}

void backward_input(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  with_type(problem.types.operand, [&](auto type) { correlate<decltype(type)>(problem, execution, arguments); });
}

void backward_weight(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  with_type(problem.types.operand, [&](auto type) { weight_gradient<decltype(type)>(problem, execution, arguments); });
}

// Fitted on a Sapphire Rapids core with AVX-512: read in place, 0.36 ns for each product of a tap with a vector (twice
// that where every second cell is picked) and 40 GB/s; by padded copies, 130 GFLOP/s (95 in the weight gradient) in
// float32 and 20 GB/s, and channels-last planes are picked out cell by cell.
double seconds(const Problem &problem, const Execution &execution) {
  const Geometry &g = problem.geometry;
  const double item = static_cast<double>(problem.item_bytes());
  const double bytes = static_cast<double>(g.x_size() + g.y_size()) * item;
  const int64_t lanes = static_cast<int64_t>(64 / problem.item_bytes());
  double work = 0;
  if (in_place(problem)) {
    const double vectors = static_cast<double>(g.batch * g.out_channels * g.output[0] * g.output[1]) *
                           static_cast<double>(ceil_div(g.output[2], lanes));
    work = vectors * static_cast<double>(g.kernel_area()) * 0.36e-9 * (g.stride[2] == 2 ? 2 : 1) + bytes / 40e9;
  } else if (channels_last(problem)) {
    const double vectors =
        static_cast<double>(g.batch * g.output_pixels()) * static_cast<double>(ceil_div(g.out_channels, lanes));
    work = vectors * static_cast<double>(g.kernel_area()) * 0.36e-9 + bytes / 40e9;
  } else {
    const double flops = 2.0 * static_cast<double>(g.y_size()) * static_cast<double>(g.patch_size()) * item / 4;
    const double scattered = g.layout == Layout::nhwc ? 16 : 1;
    work = flops / (problem.pass == Pass::backward_weight ? 95e9 : 130e9) + bytes * scattered / 20e9 +
           static_cast<double>(g.batch * g.groups) * 0.3e-6;
  }
  // Measured at 2.8 GHz; the other strategies count on a core of 4.2.
  return work * 2.8 / 4.2 / execution.threads;
}

GEMMCONV_VARIANTS_FROM_FUNCTIONS("all")

}  // namespace gemmconv::depthwise
