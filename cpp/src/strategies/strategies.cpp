#include "strategies.hpp"

#include <cstring>

#include "depthwise.hpp"
#include "direct.hpp"
#include "im2col.hpp"
#include "implicit.hpp"

namespace gemmconv {
namespace {

// A name that is known before the strategy is there: it refuses everything, so its other doors are never opened.
const char *not_in_this_version(const Problem &, const Execution &) {
  return "this version of gemmconv does not contain it";
}
size_t no_bytes(const Problem &, const Execution &) { return 0; }
double no_seconds(const Problem &, const Execution &) { return 0; }
void closed(const Problem &, const Execution &, const Arguments &) {}
void closed_pack(const Problem &, const Execution &, const void *, void *) {}

}  // namespace

// One row, all doors.
#define STRATEGY(name, constant, bound) \
  {#name,                               \
   constant,                            \
   bound,                               \
   name::refuses,                       \
   name::workspace_bytes,               \
   name::seconds,                       \
   name::packed_bytes,                  \
   name::pack,                          \
   name::forward,                       \
   name::backward_input,                \
   name::backward_weight}
#define KNOWN_NAME(name)                                                                                        \
  {#name,  0,     Bound::elementwise, not_in_this_version, no_bytes, no_seconds, no_bytes, closed_pack, closed, \
   closed, closed}

const Strategy strategies[strategy_count] = {
    STRATEGY(direct, 4.0, Bound::elementwise),
    STRATEGY(im2col, 4.0, Bound::elementwise),
    STRATEGY(implicit, 4.0, Bound::elementwise),
    KNOWN_NAME(winograd),
    KNOWN_NAME(fft),
    STRATEGY(depthwise, 4.0, Bound::elementwise),
};

#undef STRATEGY
#undef KNOWN_NAME

const Strategy *find_strategy(const char *name) {
  for (const Strategy &strategy : strategies) {
    if (std::strcmp(strategy.name, name) == 0) return &strategy;
  }
  return nullptr;
}

}  // namespace gemmconv
