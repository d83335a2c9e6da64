// Prepared plans made of the functions of a strategy that analyses its problem at every run.
#pragma once

#include "variant.hpp"

namespace gemmconv {

struct StrategyFunctions {
  size_t (*workspace_bytes)(const Problem &, const Execution &);
  double (*seconds)(const Problem &, const Execution &);
  size_t (*packed_bytes)(const Problem &, const Execution &);
  void (*pack)(const Problem &, const Execution &, const void *w, void *packed);
  void (*forward)(const Problem &, const Execution &, const Arguments &);
  void (*backward_input)(const Problem &, const Execution &, const Arguments &);
  void (*backward_weight)(const Problem &, const Execution &, const Arguments &);
};

class FromFunctions final : public Prepared {
 public:
  FromFunctions(const Problem &problem, const Execution &execution, const StrategyFunctions &functions)
      : Prepared(problem, execution), functions_(functions) {
    workspace_bytes = functions.workspace_bytes(problem, execution);
    seconds = functions.seconds(problem, execution);
    packed_bytes = functions.packed_bytes(problem, execution);
  }
  void pack(const void *w, void *packed) const override { functions_.pack(problem, execution, w, packed); }
  void run(const Arguments &arguments) const override {
    switch (problem.pass) {
      case Pass::forward: return functions_.forward(problem, execution, arguments);
      case Pass::backward_input: return functions_.backward_input(problem, execution, arguments);
      case Pass::backward_weight: return functions_.backward_weight(problem, execution, arguments);
    }
  }

 private:
  const StrategyFunctions functions_;
};

#define GEMMCONV_VARIANTS_FROM_FUNCTIONS(name)                                                                      \
  PreparedPointer prepare_all(const Problem &problem, const Execution &execution) {                                 \
    return std::make_unique<const FromFunctions>(                                                                   \
        problem, execution,                                                                                         \
        StrategyFunctions{workspace_bytes, seconds, packed_bytes, pack, forward, backward_input, backward_weight}); \
  }                                                                                                                 \
  const Variant all_variants[] = {{name, refuses, prepare_all}};                                                    \
  const VariantList variants = all_variants;

}  // namespace gemmconv
