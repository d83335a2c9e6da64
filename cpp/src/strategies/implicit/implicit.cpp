// Convolution as a matrix product whose column matrix never exists. Where planes are contiguous, the patches of a few
// pixels at a time are gathered into a panel that stays in the cache (implicit_planes.cpp); where the channels of a
// pixel are, the products read them in place (implicit_pixels.cpp).
#include "implicit.hpp"

#include "../from_functions.hpp"

#include <algorithm>

#include "../../workspace.hpp"
#include "bands.hpp"
#include "pixels.hpp"
#include "planes.hpp"
#include "planes_weight.hpp"
#include "turned.hpp"
#include "weights.hpp"

namespace gemmconv::implicit {
namespace {

bool channels_last(const Problem &problem) { return problem.geometry.layout == Layout::nhwc; }

size_t weight_bytes(const Problem &problem) { return rounded(problem.geometry.w_size(), problem.item_bytes()); }

}  // namespace

const char *refuses(const Problem &, const Execution &) { return nullptr; }

size_t packed_bytes(const Problem &problem, const Execution &execution) {
  if (prefers_bands(problem, execution, true)) return bands_packed_bytes(problem);
  return weight_bytes(problem);
}

size_t workspace_bytes(const Problem &problem, const Execution &execution) {
  if (problem.pass == Pass::backward_weight) {
    return channels_last(problem) ? pixels_weight_workspace_bytes(problem, execution)
                                  : planes_weight_workspace_bytes(problem, execution);
  }
  // Whether weights will come packed is not known yet, and the way may depend on it.
  const auto bands_bytes = [&](bool packed) {
    return prefers_bands(problem, execution, packed) ? bands_workspace_bytes(problem, execution, packed) : 0;
  };
  const size_t bytes = prefers_bands(problem, execution, false) ? bands_bytes(false)
                       : channels_last(problem)                 ? weight_bytes(problem)
                                                                : planes_workspace_bytes(problem, execution);
  return std::max(bytes, bands_bytes(true));
}

void pack(const Problem &problem, const Execution &execution, const void *w, void *packed) {
  with_type(problem.types.operand, [&](auto type) {
    using T = decltype(type);
    const bool backward = problem.pass == Pass::backward_input;
    const T *from = static_cast<const T *>(w);
    T *to = static_cast<T *>(packed);
    if (prefers_bands(problem, execution, true)) {
      pack_bands(problem, execution.threads, from, to);
    } else if (channels_last(problem)) {
      pack_weights(problem.geometry, backward, execution.threads, from, to);
    } else if (backward) {
      turn_weights(problem.geometry, execution.threads, from, to);
    } else {
      std::copy_n(from, problem.geometry.w_size(), to);
    }
  });
}

void forward(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  with_type(problem.types.operand, [&](auto type) {
    using T = decltype(type);
    const bool by_bands = prefers_bands(problem, execution, execution.packed_weights);
    const auto door = by_bands ? bands<T> : channels_last(problem) ? pixels<T> : planes<T>;
    door(problem, execution, arguments);
  });
}

void backward_input(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  forward(problem, execution, arguments);
}

void backward_weight(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  with_type(problem.types.operand, [&](auto type) {
    using T = decltype(type);
    (channels_last(problem) ? pixels_weight<T> : planes_weight<T>)(problem, execution, arguments);
  });
}

GEMMCONV_VARIANTS_FROM_FUNCTIONS("all")

}  // namespace gemmconv::implicit
