// The depthwise strategy where a group has one input channel and planes lie whole in memory: they are read in place.
#pragma once

#include "../../problem.hpp"

namespace gemmconv::depthwise {

// Whether this way can do the problem. It needs no workspace.
bool in_place(const Problem &);

template <class T>
void correlate_in_place(const Problem &, const Execution &, const Arguments &);
template <class T>
void weight_gradient_in_place(const Problem &, const Execution &, const Arguments &);

}  // namespace gemmconv::depthwise
