// THE TABLE: a strategy is a row of functions, one per door. Dispatcher, tests, benchmarks and explain() read it.
#pragma once

#include <cstddef>

#include "../problem.hpp"

namespace gemmconv {

struct Strategy {
  const char *name;
  // nullptr, or why it cannot do the problem: a whole phrase, to stand behind "refused: ".
  const char *(*refuses)(const Problem &, const Execution &);
  // Scratch bytes its doors need. It splits its work to fit execution.workspace_limit where it can; more than the
  // limit means that it cannot.
  size_t (*workspace_bytes)(const Problem &, const Execution &);
  // Doors overwrite their output, use only the workspace they asked for, never allocate, validate or print.
  void (*forward)(const Problem &, const Execution &, const Arguments &);
  void (*backward_input)(const Problem &, const Execution &, const Arguments &);
  void (*backward_weight)(const Problem &, const Execution &, const Arguments &);
  // c of the elementwise error bound c * u * sqrt(n).
  double error_constant;
};

inline constexpr int strategy_count = 6;
extern const Strategy strategies[strategy_count];

// The row of that name, or nullptr.
const Strategy *find_strategy(const char *name);

}  // namespace gemmconv
