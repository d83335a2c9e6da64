// The weight gradient of the implicit strategy where planes are contiguous (NCHW).
#pragma once

#include <cstddef>

#include "../../problem.hpp"

namespace gemmconv::implicit {

size_t planes_weight_workspace_bytes(const Problem &, const Execution &);
template <class T>
void planes_weight(const Problem &, const Execution &, const Arguments &);

}  // namespace gemmconv::implicit
