// Which strategy should do a problem. The only place that prefers one over another.
#pragma once

#include <string>

#include "problem.hpp"
#include "strategies/strategies.hpp"

namespace gemmconv {

// What the choice thinks of one row of the table.
struct Candidate {
  const Strategy *strategy;
  std::string refusal;  // empty when it can do the problem under these settings
  size_t workspace_bytes;
  double seconds;  // estimated
};

// Why the strategy cannot do the problem under these settings, or an empty string.
std::string refusal(const Strategy &strategy, const Problem &problem, const Execution &execution);
Candidate assess(const Strategy &strategy, const Problem &problem, const Execution &execution);
// The fastest by the cost model among those that can and that the math setting allows.
const Strategy &choose(const Problem &problem, const Execution &execution);
// The fastest by the clock, on made-up numbers. Deterministic settings fall back to choose().
const Strategy &measure(const Problem &problem, const Execution &execution);

// c * u * sqrt(n), n the longest chain of additions of the problem.
double error_bound(const Strategy &strategy, const Problem &problem);

}  // namespace gemmconv
