// The implicit strategy where planes are contiguous (NCHW) and kernels have several taps: forward, and the input gradient
// with unit strides.
#pragma once

#include <cstddef>

#include "../problem.hpp"

namespace gemmconv::implicit {

// Whether a band of the source is to be padded, rather than patches of pixels gathered.
bool prefers_bands(const Problem &);
size_t bands_workspace_bytes(const Problem &, const Execution &);
size_t bands_packed_bytes(const Problem &);
// The weights as the products read them: where target channels fill the lanes, in panels of two vectors of them,
// [group][panel][source channel][tap][lane]; else as they are.
template <class T>
void pack_bands(const Problem &, int threads, const T *w, T *packed);
template <class T>
void bands(const Problem &, const Execution &, const Arguments &);

}  // namespace gemmconv::implicit
