// Convolution as a matrix product whose column matrix never exists. Where planes are contiguous, the patches of a few
// pixels at a time are gathered into a panel that stays in the cache (implicit_planes.cpp); where the channels of a pixel
// are, the products read them in place (implicit_pixels.cpp).
#include "implicit.hpp"

#include <algorithm>

#include "implicit_bands.hpp"
#include "implicit_pixels.hpp"
#include "implicit_planes.hpp"
#include "implicit_planes_weight.hpp"
#include "implicit_turned.hpp"
#include "implicit_weights.hpp"

namespace gemmconv::implicit {
namespace {

// Calls body(T()) with the type of the problem.
template <class Body>
void with_type(const Problem &problem, const Body &body) {
  if (problem.dtype == DType::float32) {
    body(float());
  } else {
    body(double());
  }
}

bool channels_last(const Problem &problem) { return problem.geometry.layout == Layout::nhwc; }

}  // namespace

const char *refuses(const Problem &, const Execution &) { return nullptr; }

size_t packed_bytes(const Problem &problem, const Execution &execution) {
  if (prefers_bands(problem, execution)) return bands_packed_bytes(problem);
  return (static_cast<size_t>(problem.geometry.w_size()) * size_of(problem.dtype) + 63) / 64 * 64;
}

size_t workspace_bytes(const Problem &problem, const Execution &execution) {
  if (problem.pass == Pass::backward_weight) {
    return channels_last(problem) ? pixels_weight_workspace_bytes(problem, execution)
                                  : planes_weight_workspace_bytes(problem, execution);
  }
  if (prefers_bands(problem, execution)) return bands_workspace_bytes(problem, execution);
  return channels_last(problem) ? packed_bytes(problem, execution) : planes_workspace_bytes(problem, execution);
}

void pack(const Problem &problem, const Execution &execution, const void *w, void *packed) {
  with_type(problem, [&](auto type) {
    using T = decltype(type);
    const bool backward = problem.pass == Pass::backward_input;
    const T *from = static_cast<const T *>(w);
    T *to = static_cast<T *>(packed);
    if (prefers_bands(problem, execution)) {
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
  with_type(problem, [&](auto type) {
    using T = decltype(type);
    const auto door = prefers_bands(problem, execution) ? bands<T> : channels_last(problem) ? pixels<T> : planes<T>;
    door(problem, execution, arguments);
  });
}

void backward_input(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  forward(problem, execution, arguments);
}

void backward_weight(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  with_type(problem, [&](auto type) {
    using T = decltype(type);
    (channels_last(problem) ? pixels_weight<T> : planes_weight<T>)(problem, execution, arguments);
  });
}

// Fitted on a Zen 5 core with AVX-512 (float32): 265 GFLOP/s where target channels fill their vectors and source channels
// are many; a weight is packed (or its gradient put back) in 0.3 ns, 1.2 ns where it stands alone; 15 ns for each row of
// each tap; 0.3 ns to turn a value of an NCHW tensor.
double seconds(const Problem &problem, const Execution &execution) {
  const Geometry &g = problem.geometry;
  const bool forward = problem.pass == Pass::forward;
  const double item = static_cast<double>(size_of(problem.dtype)) / 4;
  const int64_t lanes = 64 / static_cast<int64_t>(size_of(problem.dtype));
  const int64_t targets = forward ? g.group_outputs() : g.group_inputs();
  const double sources = static_cast<double>(forward ? g.group_inputs() : g.group_outputs());
  const int64_t vectors = ceil_div(targets, lanes);
  const double fill = static_cast<double>(targets) / static_cast<double>(vectors * lanes) * sources / (sources + 3);
  const double flops = 2.0 * static_cast<double>(g.y_size()) * static_cast<double>(g.patch_size());
  const double weights = static_cast<double>(g.w_size()) * (g.kernel_area() == 1 ? 1.2e-9 : 0.3e-9);
  const double rows = static_cast<double>(g.batch * g.groups * g.kernel_area() * g.output[0] * g.output[1]);
  const double turned = g.layout == Layout::nchw ? static_cast<double>(forward ? g.y_size() : g.x_size()) * 0.3e-9 : 0;
  return (flops * item / (265e9 * fill) + weights + rows * static_cast<double>(ceil_div(vectors, 4)) * 15e-9 + turned) /
         execution.threads;
}

}  // namespace gemmconv::implicit
