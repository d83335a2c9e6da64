// The list of depthwise variants, and what none of them can do.
#include "depthwise.hpp"

#include "../../patches/padded_band.hpp"

namespace gemmconv::depthwise {
namespace {

constexpr int64_t most_channels = 16;  // of a group, on either side; beyond, implicit is faster
// Of a padded plane: products of its size with numbers of channels and taps fit int64 by a wide margin.
constexpr double most_cells = 1e12;

const Variant table[] = {
    {"planes", planes_refuse, prepare_planes},
    {"channels", channels_refuse, prepare_channels},
    {"padded", padded_refuse, prepare_padded},
};

}  // namespace

const VariantList variants = table;

const char *refused_by_every_variant(const Problem &problem) {
  const Geometry &g = problem.geometry;
  if (g.groups == 1) return "it is for grouped convolutions, and this one has a single group";
  if (g.group_inputs() > most_channels || g.group_outputs() > most_channels) {
    return "it is for groups of at most 16 input and 16 output channels, and these are larger";
  }
  if (g.kernel_area() > most_taps) return "it is for kernels of at most 1024 taps";
  // In double, which large strides, paddings and dilations do not overflow. All variants list the phases of the
  // strides and compute places in a plane with its padding and dilation, whether they copy it or not.
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

}  // namespace gemmconv::depthwise
