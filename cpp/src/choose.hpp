// Which variant should do a problem. The only place that prefers one over another.
#pragma once

#include <string>

#include "problem.hpp"
#include "strategies/strategies.hpp"

namespace gemmconv {

// A variant that was asked to prepare a problem under given settings.
struct Candidate {
  Choice choice;
  std::string refusal;       // why it cannot; empty when it can
  PreparedPointer prepared;  // where it can
};

Candidate assess(const Choice &choice, const Problem &problem, const Execution &execution);

// The fastest by the cost model among those that can and that the math setting allows; its `prepared` is of this very
// problem and execution.
Candidate choose(const Problem &problem, const Execution &execution);
// The fastest by the cost model of one strategy's variants, or the one that `wanted` names; whatever the math setting.
// Throws Error(unsupported) with the reasons where none can.
Candidate choose_named(const Choice &wanted, const Problem &problem, const Execution &execution);
// The fastest by the clock, on made-up numbers. Deterministic settings fall back to choose().
Choice measure(const Problem &problem, const Execution &execution);

}  // namespace gemmconv
