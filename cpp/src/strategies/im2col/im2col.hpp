// The im2col strategy: convolution lowered to matrix products of gathered patches, see README.md.
#pragma once

#include "../variant.hpp"

namespace gemmconv::im2col {

extern const VariantList variants;

PreparedPointer prepare_wide(const Problem &, const Execution &);
PreparedPointer prepare_grouped(const Problem &, const Execution &);

}  // namespace gemmconv::im2col
