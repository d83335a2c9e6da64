// The cost model of the depthwise strategy: what each variant should take, in seconds, for a problem that it accepts.
#pragma once

#include "../../problem.hpp"

namespace gemmconv::depthwise {

double planes_seconds(const Problem &, const Execution &);
double channels_seconds(const Problem &, const Execution &);
// Never less than the other variants where they accept the problem.
double padded_seconds(const Problem &, const Execution &);

}  // namespace gemmconv::depthwise
