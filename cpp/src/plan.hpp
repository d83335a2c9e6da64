// A plan: a problem with its chosen variant, prepared and frozen under the settings that it was made with.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "problem.hpp"
#include "strategies/strategies.hpp"

namespace gemmconv {

class Plan {
 public:
  // strategy: "auto", "measure", or a name. Throws Error.
  Plan(const gemmconv_problem &given, const Execution &asked, const char *strategy);
  ~Plan();

  const Problem problem;
  const Execution execution;
  const std::string requested;
  Choice choice;
  double flops;  // 2 N K P Q

  // For weights as the user gives them.
  const Prepared &prepared() const { return *plain_; }
  // For packed weights, which the same variant may prepare differently: made when they are first asked for.
  const Prepared &prepared_for_packed() const;
  // Of a run with either.
  size_t workspace_bytes() const;
  // Of |error| / (|x| conv |w|), elementwise or against the neighbourhood's largest.
  double error_bound() const;
  // Every variant there is: chosen, refused and why, or by which factor slower; its workspace and error bound.
  std::string explain() const;

 private:
  PreparedPointer plain_;
  mutable std::atomic<const Prepared *> packed_{nullptr};  // owned
};

// Settings with every default resolved at this moment.
Execution resolve(const gemmconv_settings &settings);
// The problem and the settings' strategy, planned; from the cache where it is there. Throws Error.
std::shared_ptr<const Plan> find_plan(const gemmconv_problem &problem, const gemmconv_settings &settings);

size_t cached_plans();
void clear_plans();

}  // namespace gemmconv
