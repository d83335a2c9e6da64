// The direct strategy: the sums of the definition as loops, see README.md.
#pragma once

#include "../variant.hpp"

namespace gemmconv::direct {

extern const VariantList variants;

}  // namespace gemmconv::direct
