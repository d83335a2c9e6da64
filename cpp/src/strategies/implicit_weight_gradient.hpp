// The weight gradient of the implicit strategy.
#pragma once

#include <cstddef>

#include "../problem.hpp"

namespace gemmconv::implicit {

size_t weight_gradient_workspace_bytes(const Problem &, const Execution &);
template <class T>
void weight_gradient(const Problem &, const Execution &, const Arguments &);

}  // namespace gemmconv::implicit
