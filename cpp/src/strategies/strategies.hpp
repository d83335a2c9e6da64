// THE TABLE: a strategy is a row of functions, one per door. Dispatcher, tests, benchmarks and explain() read it.
#pragma once

#include <cstddef>

#include "../problem.hpp"

namespace gemmconv {

// How certain the error bound of a strategy is: for each output by itself, or only against its neighbourhood's largest.
enum class Bound { elementwise, neighbourhood };

struct Strategy {
  const char *name;
  // c and the kind of the error bound c * u * sqrt(longest chain of additions).
  double error_constant;
  Bound bound;
  // nullptr, or why it cannot do the problem: a whole phrase, to stand behind "refused: ".
  const char *(*refuses)(const Problem &, const Execution &);
  // Scratch bytes its doors need. It splits its work to fit execution.workspace_limit where it can; more than the
  // limit means that it cannot.
  size_t (*workspace_bytes)(const Problem &, const Execution &);
  // Seconds it should take, for the choice between strategies.
  double (*seconds)(const Problem &, const Execution &);
  // The form in which its doors like the weights: bytes, and how to get there. With arguments.packed the weights are in it.
  size_t (*packed_bytes)(const Problem &, const Execution &);
  void (*pack)(const Problem &, const Execution &, const void *w, void *packed);
  // Doors overwrite their output, use only the workspace they asked for, never allocate, validate or print.
  void (*forward)(const Problem &, const Execution &, const Arguments &);
  void (*backward_input)(const Problem &, const Execution &, const Arguments &);
  void (*backward_weight)(const Problem &, const Execution &, const Arguments &);
};

inline constexpr int strategy_count = 6;
extern const Strategy strategies[strategy_count];

// The row of that name, or nullptr.
const Strategy *find_strategy(const char *name);

}  // namespace gemmconv
