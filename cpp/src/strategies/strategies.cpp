// The table of strategies, and what a user's name for a strategy or a variant means.
#include "strategies.hpp"

#include "../check.hpp"
#include "depthwise/depthwise.hpp"
#include "direct/direct.hpp"
#include "im2col/im2col.hpp"
#include "implicit/implicit.hpp"

namespace gemmconv {
namespace {

std::string known_strategies() {
  std::string names = "auto, measure";
  for (const Strategy &strategy : strategies) names += std::string(", ") + strategy.name;
  return names;
}

std::string known_variants(const Strategy &strategy) {
  std::string names;
  for (const Variant &variant : strategy.variants) names += (names.empty() ? "" : ", ") + std::string(variant.name);
  return names;
}

}  // namespace

const Strategy strategies[strategy_count] = {
    {"direct", direct::variants},
    {"im2col", im2col::variants},
    {"implicit", implicit::variants},
    {"winograd", {}},
    {"fft", {}},
    {"depthwise", depthwise::variants},
};

std::string Choice::name() const { return std::string(strategy->name) + "/" + variant->name; }

Choice find_named(const std::string &name) {
  const size_t slash = name.find('/');
  const std::string strategy_name = name.substr(0, slash);
  for (const Strategy &strategy : strategies) {
    if (strategy_name != strategy.name) continue;
    if (slash == std::string::npos) return {&strategy, nullptr};
    const std::string variant_name = name.substr(slash + 1);
    for (const Variant &variant : strategy.variants) {
      if (variant_name == variant.name) return {&strategy, &variant};
    }
    require(false, "strategy \"", strategy.name, "\" has no variant \"", variant_name, "\"; ",
            strategy.variants.count == 0 ? "this version does not contain the strategy"
                                         : "its variants are " + known_variants(strategy));
  }
  require(false, "strategy \"", name, "\" is not known; it must be one of ", known_strategies());
  return {};
}

}  // namespace gemmconv
