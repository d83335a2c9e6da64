// The cost model of both variants.
#pragma once

#include "../../problem.hpp"

namespace gemmconv::im2col {

// Estimates of a run whose blocks hold `block_pixels` pixels.
double wide_seconds(const Problem &problem, const Execution &execution, int64_t block_pixels, bool gathered);
double grouped_seconds(const Problem &problem, const Execution &execution, int64_t block_pixels);

}  // namespace gemmconv::im2col
