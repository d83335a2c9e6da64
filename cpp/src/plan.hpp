// A plan: a problem with its chosen strategy and workspace size, frozen under the settings it was made with.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "problem.hpp"
#include "strategies/strategies.hpp"

namespace gemmconv {

struct Plan {
  Problem problem;
  Execution execution;
  const Strategy *strategy;
  size_t workspace_bytes;
  double flops;           // 2 N K P Q
  double error_bound;     // of |error| / (|x| conv |w|), elementwise or against the neighbourhood's largest
  std::string requested;  // "auto", "measure" or a name

  void run(const Arguments &arguments) const;  // arguments.workspace holds workspace_bytes
  std::string explain() const;
};

// Settings with every default resolved at this moment.
Execution resolve(const gemmconv_settings &settings);
// The problem and the settings' strategy, planned; from the cache where it is there. Throws Error.
std::shared_ptr<const Plan> find_plan(const gemmconv_problem &problem, const gemmconv_settings &settings);
// Without the cache.
std::shared_ptr<const Plan> make_plan(const gemmconv_problem &problem, const Execution &execution,
                                      const char *strategy);

size_t cached_plans();
void clear_plans();

}  // namespace gemmconv
