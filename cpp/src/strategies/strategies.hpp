// THE TABLE: a strategy is a name and an ordered list of variants. The choice, explain(), tests and benchmarks read it.
#pragma once

#include <string>

#include "variant.hpp"

namespace gemmconv {

struct Strategy {
  const char *name;
  VariantList variants;  // empty: the name is known, this version does not contain it
};

// Why a strategy without variants refuses everything.
inline constexpr const char *not_in_this_version = "this version of gemmconv does not contain it";

inline constexpr int strategy_count = 6;
extern const Strategy strategies[strategy_count];

// A strategy with one of its variants.
struct Choice {
  const Strategy *strategy = nullptr;
  const Variant *variant = nullptr;

  std::string name() const;  // "implicit/bands"
};

// What a user may ask for by name: a strategy, or one variant of it (else nullptr). Throws Error where a name is unknown.
Choice find_named(const std::string &name);

}  // namespace gemmconv
