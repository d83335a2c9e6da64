#include "plan.hpp"

#include <cstring>
#include <iomanip>
#include <sstream>

#include "check.hpp"
#include "choose.hpp"
#include "environment.hpp"
#include "gemm/gemm.hpp"
#include "threads.hpp"
#include "tuning_store.hpp"

namespace gemmconv {
namespace {

std::string known_strategies() {
  std::string names = "auto, measure";
  for (const Strategy &strategy : strategies) names += std::string(", ") + strategy.name;
  return names;
}

Problem checked(const gemmconv_problem &given) {
  gemmconv_problem problem = given;
  Problem result;
  require(problem.pass >= 0 && problem.pass <= 2, "pass is ", problem.pass,
          "; it must be 0 (forward), 1 (backward_input) or 2 (backward_weight)");
  require(problem.activation >= 0 && problem.activation < activation_count, "activation is ", problem.activation,
          "; it must be from 0 to ", activation_count - 1);
  require(problem.activation == 0 || problem.pass != GEMMCONV_BACKWARD_WEIGHT,
          "a weight gradient has no activation; activation must be 0");
  result.geometry = resolve(problem);
  result.pass = static_cast<Pass>(problem.pass);
  result.dtype = static_cast<DType>(problem.dtype);
  result.activation = static_cast<Activation>(problem.activation);
  return result;
}

// 2 N K P Q
double operations(const Geometry &geometry) {
  return 2.0 * static_cast<double>(geometry.y_size()) * static_cast<double>(geometry.patch_size());
}

// Threads that nobody asked for by number come one for each MFLOP: waking one takes microseconds where it spins and
// milliseconds on a busy machine, in which a core does 0.2 MFLOP a microsecond.
Execution with_fewer_threads(Execution execution, const Problem &problem) {
  const double useful = 1 + operations(problem.geometry) / 1e6;
  if (execution.threads_by_default && useful < execution.threads) {
    execution.threads = static_cast<int>(useful);
  }
  return execution;
}

std::string bytes_text(size_t bytes) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(1);
  if (bytes >= size_t(1) << 20) {
    text << static_cast<double>(bytes) / (1 << 20) << " MiB";
  } else if (bytes >= size_t(1) << 10) {
    text << static_cast<double>(bytes) / (1 << 10) << " KiB";
  } else {
    text << bytes << " bytes";
  }
  return text.str();
}

}  // namespace

Execution resolve(const gemmconv_settings &settings) {
  require(settings.threads >= 0 && settings.threads <= max_threads, "threads is ", settings.threads,
          "; it must be from 1 to ", max_threads, ", or 0 for the default");
  require(settings.math == GEMMCONV_MATH_FAST || settings.math == GEMMCONV_MATH_STRICT, "math is ", settings.math,
          "; it must be 0 (fast) or 1 (strict)");
  Execution execution;
  execution.threads_by_default = settings.threads == 0;
  execution.threads = settings.threads && !forked() ? settings.threads : default_threads();
  execution.math = static_cast<Math>(settings.math);
  execution.deterministic = settings.deterministic != 0;
  execution.workspace_limit = settings.workspace_limit;
  // BLAS runs on its own number of threads, which is the process's: it serves where that is one and one is asked for. Its
  // idle workers spin beside ours: with two threads on two cores a call took 16 ms, by our own product 1.2. Its bits may
  // depend on the batch, and its pool may not survive a fork.
  execution.blas =
      !execution.deterministic && !forked() && execution.threads == 1 && blas_threads() == 1 && blas_keeps_up();
  return execution;
}

std::shared_ptr<const Plan> make_plan(const gemmconv_problem &given, const Execution &asked,
                                      const char *strategy_name) {
  auto plan = std::make_shared<Plan>();
  plan->problem = checked(given);
  plan->execution = with_fewer_threads(asked, plan->problem);
  plan->requested = strategy_name ? strategy_name : "auto";
  const Problem &problem = plan->problem;
  const Execution &execution = plan->execution;
  if (plan->requested == "auto") {
    plan->strategy = &choose(problem, execution);
  } else if (plan->requested == "measure") {
    plan->strategy = &measured(given, problem, execution);
  } else {
    plan->strategy = find_strategy(plan->requested.c_str());
    require(plan->strategy != nullptr, "strategy \"", plan->requested, "\" is not known; it must be one of ",
            known_strategies());
    const std::string reason = refusal(*plan->strategy, problem, execution);
    if (!reason.empty()) {
      throw Error(Status::unsupported, say("strategy \"", plan->requested, "\" cannot do this problem: ", reason));
    }
  }
  const Geometry &geometry = problem.geometry;
  plan->workspace_bytes = plan->strategy->workspace_bytes(problem, execution);
  plan->flops = operations(geometry);
  plan->error_bound = error_bound(*plan->strategy, problem);
  return plan;
}

void Plan::run(const Arguments &arguments) const {
  switch (problem.pass) {
    case Pass::forward: return strategy->forward(problem, execution, arguments);
    case Pass::backward_input: return strategy->backward_input(problem, execution, arguments);
    case Pass::backward_weight: return strategy->backward_weight(problem, execution, arguments);
  }
}

std::string Plan::explain() const {
  static const char *const pass_names[] = {"forward", "backward_input", "backward_weight"};
  std::ostringstream text;
  text << std::setprecision(3);
  text << pass_names[static_cast<int>(problem.pass)] << ", " << flops / 1e9 << " GFLOP, " << execution.threads
       << (execution.threads == 1 ? " thread" : " threads") << ", math "
       << (execution.math == Math::strict ? "strict" : "fast") << (execution.deterministic ? ", deterministic" : "")
       << ", workspace limit " << bytes_text(execution.workspace_limit) << "\n";
  const Candidate mine = assess(*strategy, problem, execution);
  for (const Strategy &row : strategies) {
    text << "  " << std::left << std::setw(10) << row.name << " ";
    const Candidate candidate = assess(row, problem, execution);
    if (!candidate.refusal.empty()) {
      text << "refused: " << candidate.refusal << "\n";
      continue;
    }
    if (&row == strategy) {
      text << "chosen" << (requested == "auto" ? "" : requested == "measure" ? " (measured)" : " (asked for by name)");
    } else if (execution.math == Math::strict && row.bound != Bound::elementwise) {
      text << "not allowed by math=\"strict\": its error bound is not elementwise";
    } else if (candidate.seconds >= mine.seconds) {
      text << "slower by an estimated factor of " << candidate.seconds / mine.seconds;
    } else {
      text << "faster by an estimated factor of " << mine.seconds / candidate.seconds;
    }
    text << "; workspace " << bytes_text(candidate.workspace_bytes) << ", error bound "
         << gemmconv::error_bound(row, problem) << " * (|x| conv |w|)\n";
  }
  return text.str();
}

}  // namespace gemmconv
