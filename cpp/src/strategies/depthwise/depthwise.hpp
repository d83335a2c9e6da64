// The variants of the depthwise strategy: convolution in groups of a few channels, which have too little to sum for a
// matrix product. What each promises is in strategies/variant.hpp; which is for which problem, in README.md.
#pragma once

#include "../variant.hpp"

namespace gemmconv::depthwise {

extern const VariantList variants;

inline constexpr int64_t most_taps = 1024;  // of a channel's kernel: a run lists their places on the stack

// What no variant can do: nullptr, or the reason.
const char *refused_by_every_variant(const Problem &);

const char *planes_refuse(const Problem &, const Execution &);
PreparedPointer prepare_planes(const Problem &, const Execution &);
PreparedPointer prepare_planes_weight(const Problem &, const Execution &);  // the part of prepare_planes for dw

const char *channels_refuse(const Problem &, const Execution &);
PreparedPointer prepare_channels(const Problem &, const Execution &);

const char *padded_refuse(const Problem &, const Execution &);
PreparedPointer prepare_padded(const Problem &, const Execution &);
PreparedPointer prepare_padded_weight(const Problem &, const Execution &);  // the part of prepare_padded for dw

}  // namespace gemmconv::depthwise
