// Choices that were measured, remembered for the life of the process.
#pragma once

#include "problem.hpp"
#include "strategies/strategies.hpp"

namespace gemmconv {

// The measured choice for the problem under these settings: timed at the first call, remembered after.
Choice measured(const gemmconv_problem &given, const Problem &problem, const Execution &execution);
void forget_measurements();

}  // namespace gemmconv
