// Plan::explain(): what each variant says to the plan's problem, as text.
#include <iomanip>
#include <sstream>

#include "choose.hpp"
#include "plan.hpp"

namespace gemmconv {
namespace {

constexpr int name_width = 23;  // of "implicit/weight_panels" and a space

const char *name_of(Pass pass) {
  switch (pass) {
    case Pass::forward: return "forward";
    case Pass::backward_input: return "backward_input";
    case Pass::backward_weight: return "backward_weight";
  }
  return "";
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

// "chosen", or how the candidate compares.
std::string comparison(const Plan &plan, const Candidate &candidate) {
  if (candidate.choice.variant == plan.choice.variant) {
    if (plan.requested == "auto") return "chosen";
    return plan.requested == "measure" ? "chosen (measured)" : "chosen (asked for by name)";
  }
  if (plan.execution.math == Math::strict && candidate.prepared->bound.kind != ErrorBound::Kind::elementwise) {
    return "not allowed by math=\"strict\": its error bound is not elementwise";
  }
  const double mine = plan.prepared().seconds, theirs = candidate.prepared->seconds;
  std::ostringstream text;
  text << std::setprecision(3);
  if (theirs >= mine) text << "slower by an estimated factor of " << (mine > 0 ? theirs / mine : 1);
  else text << "faster by an estimated factor of " << (theirs > 0 ? mine / theirs : 1);
  return text.str();
}

}  // namespace

std::string Plan::explain() const {
  std::ostringstream text;
  text << std::setprecision(3);
  text << name_of(problem.pass) << ", " << flops / 1e9 << " GFLOP, " << execution.threads
       << (execution.threads == 1 ? " thread" : " threads") << ", math "
       << (execution.math == Math::strict ? "strict" : "fast") << (execution.deterministic ? ", deterministic" : "")
       << ", workspace limit " << bytes_text(execution.workspace_limit) << "\n";
  const auto begin_row = [&](const std::string &name) { text << "  " << std::left << std::setw(name_width) << name; };
  for (const Strategy &strategy : strategies) {
    if (strategy.variants.count == 0) {
      begin_row(strategy.name);
      text << "refused: " << not_in_this_version << "\n";
    }
    for (const Variant &variant : strategy.variants) {
      const Candidate candidate = assess({&strategy, &variant}, problem, execution);
      begin_row(candidate.choice.name());
      if (!candidate.prepared) {
        text << "refused: " << candidate.refusal << "\n";
        continue;
      }
      const bool elementwise = candidate.prepared->bound.kind == ErrorBound::Kind::elementwise;
      text << comparison(*this, candidate) << "; workspace " << bytes_text(candidate.prepared->workspace_bytes)
           << ", error bound " << candidate.prepared->bound.relative_to(problem.types.accumulate)
           << (elementwise ? " * (|x| conv |w|)\n" : " * the largest |x| conv |w| nearby\n");
    }
  }
  return text.str();
}

}  // namespace gemmconv
