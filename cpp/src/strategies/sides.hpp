// The two sides of a pass, built once, so that forward and input gradient are one piece of code: the tensor that is read
// (x, or dy) and the one that is written (y, or dx), with one group's channels of each.
#pragma once

#include <algorithm>

#include "../problem.hpp"

namespace gemmconv {

struct Side {
  Sizes sizes;       // spatial
  Strides strides;   // elements
  int64_t channels;  // of one group

  int64_t pixels() const { return product(sizes); }
  // Where the group's channels begin in an image.
  int64_t offset(int64_t image, int64_t group) const {
    return image * strides.image + group * channels * strides.channel;
  }
};

inline Side x_side(const Geometry &g) { return {g.input, g.x_strides(), g.group_inputs()}; }
inline Side y_side(const Geometry &g) { return {g.output, g.y_strides(), g.group_outputs()}; }

// Forward or input gradient of a problem.
struct Sides {
  bool backward;
  Side source, target;
  // Element (target channel, source channel, tap) of a group's weights is at these strides in w; taps are neighbours.
  int64_t target_weights, source_weights;
  // The cells of dx fall into phases, their residues modulo the stride: each is read by taps of its own. Forward, there
  // is one phase. No axis has more phases than cells.
  Sizes phases;
  Sizes phase_sizes;  // cells of the largest phase

  explicit Sides(const Problem &problem)
      : backward(problem.pass == Pass::backward_input),
        source(backward ? y_side(problem.geometry) : x_side(problem.geometry)),
        target(backward ? x_side(problem.geometry) : y_side(problem.geometry)),
        target_weights(backward ? problem.geometry.kernel_area() : problem.geometry.patch_size()),
        source_weights(backward ? problem.geometry.patch_size() : problem.geometry.kernel_area()) {
    for (int i = 0; i < 3; ++i) {
      phases[i] = backward ? std::min(problem.geometry.stride[i], target.sizes[i]) : 1;
      phase_sizes[i] = ceil_div(target.sizes[i], phases[i]);
    }
  }

  // Whether dx is computed phase by phase.
  bool strided(const Geometry &g) const { return backward && g.stride != Sizes{1, 1, 1}; }
  // Cells of one phase along an axis: those r, r + stride, ...
  int64_t cells_of_phase(int axis, int64_t residue) const {
    return ceil_div(target.sizes[axis] - residue, phases[axis]);
  }
};

}  // namespace gemmconv
