// The depthwise strategy where channels are neighbours in memory and every channel has one kernel: vectors of channels.
#pragma once

#include "../../problem.hpp"

namespace gemmconv::depthwise {

// Whether this way can do the problem.
bool channels_last(const Problem &);
// For the kernels of all channels, turned so that a tap's weights are neighbours.
size_t channels_last_bytes(const Problem &);

template <class T>
void correlate_channels_last(const Problem &, const Execution &, const Arguments &);
template <class T>
void weight_gradient_channels_last(const Problem &, const Execution &, const Arguments &);

}  // namespace gemmconv::depthwise
