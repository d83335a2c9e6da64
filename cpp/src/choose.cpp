// Asks every variant whether it can do a problem and what it should take, and chooses; or times them.
#include "choose.hpp"

#include <chrono>
#include <limits>
#include <utility>
#include <vector>

#include "check.hpp"
#include "workspace.hpp"

namespace gemmconv {
namespace {

// Whether math="strict" lets the choice use it.
bool allowed(const Prepared &prepared, const Execution &execution) {
  return execution.math == Math::fast || prepared.bound.kind == ErrorBound::Kind::elementwise;
}

// The problem and settings that a choice may look at: a deterministic one must not depend on batch and threads.
std::pair<Problem, Execution> inputs_of_choice(const Problem &problem, const Execution &execution) {
  std::pair<Problem, Execution> reduced(problem, execution);
  if (execution.deterministic) {
    reduced.first.geometry.batch = 1;
    reduced.second.threads = 1;
  }
  return reduced;
}

// A candidate that was chosen for the reduced inputs, prepared for the whole problem.
Candidate prepared_for(Candidate candidate, const Problem &problem, const Execution &execution) {
  if (execution.deterministic) candidate.prepared = candidate.choice.variant->prepare(problem, execution);
  return candidate;
}

void keep_faster(Candidate &best, Candidate &&candidate) {
  if (!candidate.prepared) return;
  if (!best.prepared || candidate.prepared->seconds < best.prepared->seconds) best = std::move(candidate);
}

// Operands for timing: ordinary numbers, the same every time.
void fill(void *data, int64_t count, DType dtype) {
  with_type(dtype, [&](auto type) {
    using T = decltype(type);
    for (int64_t i = 0; i < count; ++i)
      static_cast<T *>(data)[i] = static_cast<T>(0.5 + static_cast<double>(i % 61) / 64);
  });
}

double best_seconds(const Prepared &prepared, const Arguments &arguments) {
  using Clock = std::chrono::steady_clock;
  double best = std::numeric_limits<double>::infinity();
  for (int round = 0; round < 4; ++round) {  // the first one warms up
    const Clock::time_point start = Clock::now();
    prepared.run(arguments);
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    if (round > 0 && seconds < best) best = seconds;
  }
  return best;
}

}  // namespace

Candidate assess(const Choice &choice, const Problem &problem, const Execution &execution) {
  Candidate candidate{choice, {}, nullptr};
  if (const char *reason = choice.variant->refuses(problem, execution)) {
    candidate.refusal = reason;
    return candidate;
  }
  candidate.prepared = choice.variant->prepare(problem, execution);
  const size_t needed = candidate.prepared->workspace_bytes;
  if (needed > execution.workspace_limit) {
    candidate.refusal =
        say("it needs at least ", needed, " bytes of workspace, more than the limit of ", execution.workspace_limit);
    candidate.prepared = nullptr;
  }
  return candidate;
}

Candidate choose(const Problem &problem, const Execution &execution) {
  const auto [reduced_problem, reduced_execution] = inputs_of_choice(problem, execution);
  Candidate best;
  for (const Strategy &strategy : strategies) {
    for (const Variant &variant : strategy.variants) {
      Candidate candidate = assess({&strategy, &variant}, reduced_problem, reduced_execution);
      if (candidate.prepared && allowed(*candidate.prepared, execution)) keep_faster(best, std::move(candidate));
    }
  }
  return prepared_for(std::move(best), problem, execution);  // `direct` never refuses
}

Candidate choose_named(const Choice &wanted, const Problem &problem, const Execution &execution) {
  const auto [reduced_problem, reduced_execution] = inputs_of_choice(problem, execution);
  Candidate best;
  std::vector<Candidate> refused;
  for (const Variant &variant : wanted.strategy->variants) {
    if (wanted.variant && wanted.variant != &variant) continue;
    Candidate candidate = assess({wanted.strategy, &variant}, reduced_problem, reduced_execution);
    if (candidate.prepared) keep_faster(best, std::move(candidate));
    else refused.push_back(std::move(candidate));
  }
  if (best.prepared) return prepared_for(std::move(best), problem, execution);
  std::string reasons;
  for (const Candidate &candidate : refused) {
    if (refused.size() > 1)
      reasons += (reasons.empty() ? "" : "; ") + std::string(candidate.choice.variant->name) + ": ";
    reasons += candidate.refusal;
  }
  if (refused.empty()) reasons = not_in_this_version;
  const std::string name = wanted.variant ? wanted.name() : wanted.strategy->name;
  throw Error(Status::unsupported, say("strategy \"", name, "\" cannot do this problem: ", reasons));
}

Choice measure(const Problem &problem, const Execution &execution) {
  if (execution.deterministic || problem.geometry.batch == 0) return choose(problem, execution).choice;
  const Geometry &geometry = problem.geometry;
  const int64_t sizes[3] = {geometry.x_size(), geometry.w_size(), geometry.y_size()};
  // first, second, out of each pass, as x, w or y
  static constexpr int roles[3][3] = {{0, 1, 2}, {2, 1, 0}, {2, 0, 1}};
  const int *role = roles[static_cast<int>(problem.pass)];
  const size_t item = problem.item_bytes();
  const Workspace first(sizes[role[0]] * item), second(sizes[role[1]] * item), out(sizes[role[2]] * item);
  fill(first.data(), sizes[role[0]], problem.types.operand);
  fill(second.data(), sizes[role[1]], problem.types.operand);
  Choice best;
  double least = 0;
  for (const Strategy &strategy : strategies) {
    for (const Variant &variant : strategy.variants) {
      const Candidate candidate = assess({&strategy, &variant}, problem, execution);
      if (!candidate.prepared || !allowed(*candidate.prepared, execution)) continue;
      const Workspace scratch(candidate.prepared->workspace_bytes);
      const double seconds =
          best_seconds(*candidate.prepared, {first.data(), second.data(), nullptr, out.data(), scratch.data()});
      if (!best.variant || seconds < least) {
        best = candidate.choice;
        least = seconds;
      }
    }
  }
  return best;
}

}  // namespace gemmconv
