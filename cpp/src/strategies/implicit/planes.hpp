// The implicit strategy where planes are contiguous (NCHW): forward and input gradient.
#pragma once

#include <cstddef>

#include "../../problem.hpp"

namespace gemmconv::implicit {

size_t planes_workspace_bytes(const Problem &, const Execution &);
template <class T>
void planes(const Problem &, const Execution &, const Arguments &);

}  // namespace gemmconv::implicit
