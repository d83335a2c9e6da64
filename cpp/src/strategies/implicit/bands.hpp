// The implicit strategy where planes are contiguous (NCHW) and kernels have several taps or the input gradient has
// strides.
#pragma once

#include <cstddef>

#include "../../problem.hpp"

namespace gemmconv::implicit {

// Whether a band of the source is to be padded, rather than patches of pixels gathered. For weights that come packed
// the way may be another.
bool prefers_bands(const Problem &, const Execution &, bool packed);
size_t bands_workspace_bytes(const Problem &, const Execution &, bool packed);
size_t bands_packed_bytes(const Problem &);
// The weights as the products read them: where target channels fill the lanes, in panels of two vectors of them,
// [group][stride phase][panel][source channel][tap][lane]; else turned where there are strides, or as they are.
template <class T>
void pack_bands(const Problem &, int threads, const T *w, T *packed);
template <class T>
void bands(const Problem &, const Execution &, const Arguments &);

}  // namespace gemmconv::implicit
