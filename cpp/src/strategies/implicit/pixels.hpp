// The implicit strategy where the channels of a pixel are contiguous (NHWC).
#pragma once

#include <cstddef>

#include "../../problem.hpp"

namespace gemmconv::implicit {

// Forward and input gradient; the workspace holds the packed weights (implicit_weights.hpp).
template <class T>
void pixels(const Problem &, const Execution &, const Arguments &);
size_t pixels_weight_workspace_bytes(const Problem &, const Execution &);
template <class T>
void pixels_weight(const Problem &, const Execution &, const Arguments &);

}  // namespace gemmconv::implicit
