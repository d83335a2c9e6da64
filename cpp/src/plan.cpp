// Checks a problem, resolves the settings, and holds what the chosen variant prepared.
#include "plan.hpp"

#include <algorithm>
#include <utility>

#include "check.hpp"
#include "choose.hpp"
#include "environment.hpp"
#include "gemm/gemm.hpp"
#include "threads.hpp"
#include "tuning_store.hpp"

namespace gemmconv {
namespace {

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
  result.types = uniform_types(static_cast<DType>(problem.dtype));
  result.activation = static_cast<Activation>(problem.activation);
  return result;
}

// With the default number of threads, use one thread per MFLOP: waking one takes microseconds where it spins and
// milliseconds on a busy machine, in which a core does 0.2 MFLOP a microsecond.
constexpr double flops_per_thread = 1e6;

Execution with_fewer_threads(Execution execution, const Problem &problem) {
  const double useful = 1 + operations(problem.geometry) / flops_per_thread;
  if (execution.threads_by_default && useful < execution.threads) execution.threads = static_cast<int>(useful);
  return execution;
}

// Weights that are "packed" by copying them: for a variant whose packed layout would not fit the workspace limit.
class CopiedWeights final : public Prepared {
 public:
  CopiedWeights(const Problem &problem, const Execution &execution, const Prepared &plain)
      : Prepared(problem, execution), plain_(plain) {
    workspace_bytes = plain.workspace_bytes;
    seconds = plain.seconds;
    bound = plain.bound;
  }
  void run(const Arguments &arguments) const override { plain_.run(arguments); }

 private:
  const Prepared &plain_;
};

Candidate chosen(const std::string &requested, const gemmconv_problem &given, const Problem &problem,
                 const Execution &execution) {
  if (requested == "auto") return choose(problem, execution);
  if (requested != "measure") return choose_named(find_named(requested), problem, execution);
  const Choice choice = measured(given, problem, execution);
  return {choice, {}, choice.variant->prepare(problem, execution)};
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

Plan::Plan(const gemmconv_problem &given, const Execution &asked, const char *strategy)
    : problem(checked(given)),
      execution(with_fewer_threads(asked, problem)),
      requested(strategy ? strategy : "auto"),
      flops(operations(problem.geometry)) {
  Candidate best = chosen(requested, given, problem, execution);
  choice = best.choice;
  plain_ = std::move(best.prepared);
}

Plan::~Plan() { delete packed_.load(); }

const Prepared &Plan::prepared_for_packed() const {
  if (const Prepared *known = packed_.load(std::memory_order_acquire)) return *known;
  Execution packed = execution;
  packed.packed_weights = true;
  PreparedPointer made = choice.variant->prepare(problem, packed);
  if (made->workspace_bytes > std::max(execution.workspace_limit, plain_->workspace_bytes)) {
    made = std::make_unique<const CopiedWeights>(problem, execution, *plain_);
  }
  // Two threads may both prepare; the first stays.
  const Prepared *expected = nullptr;
  if (packed_.compare_exchange_strong(expected, made.get(), std::memory_order_acq_rel)) return *made.release();
  return *expected;
}

size_t Plan::workspace_bytes() const {
  if (problem.pass == Pass::backward_weight) return plain_->workspace_bytes;
  return std::max(plain_->workspace_bytes, prepared_for_packed().workspace_bytes);
}

double Plan::error_bound() const { return plain_->bound.relative_to(problem.types.accumulate); }

}  // namespace gemmconv
