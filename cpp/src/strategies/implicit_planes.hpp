// The implicit strategy where planes are contiguous (NCHW): forward and input gradient.
#pragma once

#include <cstddef>

#include "../problem.hpp"

namespace gemmconv::implicit {

size_t planes_workspace_bytes(const Problem &, const Execution &);
// The weights as the input gradient reads them: for each group and stride phase [input][output][tap of the phase].
template <class T>
void turn_weights(const Problem &, int threads, const T *w, T *turned);
template <class T>
void planes(const Problem &, const Execution &, const Arguments &);

}  // namespace gemmconv::implicit
