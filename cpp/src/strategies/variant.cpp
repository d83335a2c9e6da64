// Error bounds of plain sums, and the packing that variants without a layout of their own use: a copy.
#include "variant.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace gemmconv {
namespace {

int64_t longest_chain(const Problem &problem) {
  const Geometry &g = problem.geometry;
  switch (problem.pass) {
    case Pass::forward: return g.patch_size();
    case Pass::backward_input: return g.group_outputs() * g.kernel_area();
    case Pass::backward_weight: return g.batch * g.output_pixels();
  }
  return 0;
}

}  // namespace

double ErrorBound::relative_to(DType accumulate) const {
  return constant * unit_roundoff(accumulate) * std::sqrt(static_cast<double>(chain) + 1);
}

ErrorBound bound_of_plain_sums(const Problem &problem) {
  ErrorBound bound;
  bound.chain = std::max<int64_t>(longest_chain(problem), 1);
  return bound;
}

Prepared::Prepared(const Problem &problem, const Execution &execution)
    : packed_bytes(static_cast<size_t>(problem.geometry.w_size()) * problem.item_bytes()),
      bound(bound_of_plain_sums(problem)),
      problem(problem),
      execution(execution) {}

void Prepared::pack(const void *w, void *packed) const {
  std::memcpy(packed, w, static_cast<size_t>(problem.geometry.w_size()) * problem.item_bytes());
}

}  // namespace gemmconv
