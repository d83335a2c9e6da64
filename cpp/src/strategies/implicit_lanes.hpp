// The implicit strategy where planes are contiguous (NCHW) and channels fill the lanes: dense kernels of several taps,
// forward and input gradient with unit strides.
#pragma once

#include <cstddef>

#include "../problem.hpp"

namespace gemmconv::implicit {

// Whether channels are to fill the lanes rather than pixels.
bool prefers_lanes(const Problem &);
size_t lanes_workspace_bytes(const Problem &, const Execution &);
size_t lanes_packed_bytes(const Problem &);
// The weights in panels of two vectors of target channels: [group][panel][source channel][tap][lane].
template <class T>
void pack_lanes(const Problem &, int threads, const T *w, T *packed);
template <class T>
void lanes(const Problem &, const Execution &, const Arguments &);

}  // namespace gemmconv::implicit
