// Which variant should do a problem: the one with the least estimated seconds. Estimates are the only preferences. Each
// strategy makes its own (direct.cpp, and cost.cpp in the other folders), with penalties where it knows itself to be
// slow; choose.cpp takes the least, and between equal ones the first of the table.
//
// All estimates are for one core, whatever the machine: AVX-512 (vectors of 64 bytes) at about 4.2 GHz, its work
// divided by the threads. They were fitted in float32 on
//
//   direct, im2col      a Zen 5 core, in seconds
//   implicit            a Sapphire Rapids core, in cycles that are converted at 4.2 GHz; but what `bands` takes to copy
//                       and to lay out weights, and few pixels, on Zen 4, and `rows` and `weight_rows` on Zen 5
//   depthwise           a Sapphire Rapids core at 2.8 GHz, in seconds that are scaled by 2.8 / 4.2
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
