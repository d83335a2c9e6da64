// The depthwise strategy by padded copies of the planes of one group a thread: any layout, stride and dilation.
#pragma once

#include "../../problem.hpp"

namespace gemmconv::depthwise {

size_t padded_bytes(const Problem &, const Execution &);

template <class T>
void correlate_padded(const Problem &, const Execution &, const Arguments &);
template <class T>
void weight_gradient_padded(const Problem &, const Execution &, const Arguments &);

}  // namespace gemmconv::depthwise
