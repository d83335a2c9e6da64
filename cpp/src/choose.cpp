#include "choose.hpp"

#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "check.hpp"
#include "workspace.hpp"

namespace gemmconv {
namespace {

// Operands for timing: ordinary numbers, the same every time.
void fill(void *data, int64_t count, DType dtype) {
  for (int64_t i = 0; i < count; ++i) {
    const double value = 0.5 + static_cast<double>(i % 61) / 64;
    if (dtype == DType::float32) {
      static_cast<float *>(data)[i] = static_cast<float>(value);
    } else {
      static_cast<double *>(data)[i] = value;
    }
  }
}

double best_seconds(const Strategy &strategy, const Problem &problem, const Execution &execution,
                    const Arguments &arguments) {
  const auto door = problem.pass == Pass::forward          ? strategy.forward
                    : problem.pass == Pass::backward_input ? strategy.backward_input
                                                           : strategy.backward_weight;
  using Clock = std::chrono::steady_clock;
  double best = std::numeric_limits<double>::infinity();
  for (int round = 0; round < 4; ++round) {  // the first one warms up
    const Clock::time_point start = Clock::now();
    door(problem, execution, arguments);
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    if (round > 0 && seconds < best) best = seconds;
  }
  return best;
}

}  // namespace

std::string refusal(const Strategy &strategy, const Problem &problem, const Execution &execution) {
  if (const char *reason = strategy.refuses(problem, execution)) return reason;
  const size_t needed = strategy.workspace_bytes(problem, execution);
  if (needed <= execution.workspace_limit) return {};
  return say("it needs at least ", needed, " bytes of workspace, more than the limit of ", execution.workspace_limit);
}

Candidate assess(const Strategy &strategy, const Problem &problem, const Execution &execution) {
  Candidate candidate{&strategy, refusal(strategy, problem, execution), 0, 0};
  if (candidate.refusal.empty()) {
    candidate.workspace_bytes = strategy.workspace_bytes(problem, execution);
    candidate.seconds = strategy.seconds(problem, execution);
  }
  return candidate;
}

const Strategy &choose(const Problem &problem, const Execution &execution) {
  Problem seen = problem;
  Execution under = execution;
  if (execution.deterministic) {  // the choice must ignore batch and threads
    seen.geometry.batch = 1;
    under.threads = 1;
  }
  const Strategy *best = nullptr;
  double best_seconds = 0;
  for (const Strategy &strategy : strategies) {
    if (execution.math == Math::strict && strategy.bound != Bound::elementwise) continue;
    const Candidate candidate = assess(strategy, seen, under);
    if (!candidate.refusal.empty()) continue;
    if (!best || candidate.seconds < best_seconds) {
      best = &strategy;
      best_seconds = candidate.seconds;
    }
  }
  return *best;  // `direct` never refuses
}

const Strategy &measure(const Problem &problem, const Execution &execution) {
  if (execution.deterministic || problem.geometry.batch == 0) return choose(problem, execution);
  const Geometry &geometry = problem.geometry;
  const int64_t sizes[3] = {geometry.x_size(), geometry.w_size(), geometry.y_size()};
  // first, second, out of each pass, as x, w or y
  static constexpr int roles[3][3] = {{0, 1, 2}, {2, 1, 0}, {2, 0, 1}};
  const int *role = roles[static_cast<int>(problem.pass)];
  const size_t item = size_of(problem.dtype);
  Workspace first(sizes[role[0]] * item), second(sizes[role[1]] * item), out(sizes[role[2]] * item);
  fill(first.data(), sizes[role[0]], problem.dtype);
  fill(second.data(), sizes[role[1]], problem.dtype);
  const Strategy *best = nullptr;
  double least = 0;
  for (const Strategy &strategy : strategies) {
    if (execution.math == Math::strict && strategy.bound != Bound::elementwise) continue;
    const Candidate candidate = assess(strategy, problem, execution);
    if (!candidate.refusal.empty()) continue;
    const Workspace scratch(candidate.workspace_bytes);
    const Arguments arguments{first.data(), second.data(), nullptr, out.data(), false, scratch.data()};
    const double seconds = best_seconds(strategy, problem, execution, arguments);
    if (!best || seconds < least) {
      best = &strategy;
      least = seconds;
    }
  }
  return *best;
}

double error_bound(const Strategy &strategy, const Problem &problem) {
  const Geometry &geometry = problem.geometry;
  int64_t chain = geometry.patch_size();
  if (problem.pass == Pass::backward_input) chain = geometry.group_outputs() * geometry.kernel_area();
  if (problem.pass == Pass::backward_weight) chain = geometry.batch * geometry.output_pixels();
  const double unit = problem.dtype == DType::float32 ? std::ldexp(1.0, -24) : std::ldexp(1.0, -53);
  return strategy.error_constant * unit * std::sqrt(static_cast<double>(chain > 1 ? chain : 1) + 1);
}

}  // namespace gemmconv
