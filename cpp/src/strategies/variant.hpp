// A variant is one algorithm of a strategy, for the problems that it accepts. Everything that does not depend on the
// numbers in the arrays is worked out by `prepare`, once per plan; a run only reads it.
#pragma once

#include <cstddef>
#include <memory>

#include "../problem.hpp"

namespace gemmconv {

// What |error| <= constant * u * sqrt(chain + 1) * size bounds, u being the unit roundoff of the sums.
struct ErrorBound {
  // `size` is |x| conv |w| of the output itself, or the largest of its neighbourhood.
  enum class Kind { elementwise, neighbourhood };
  Kind kind = Kind::elementwise;
  double constant = 4;
  int64_t chain = 1;  // the longest chain of additions

  double relative_to(DType accumulate) const;  // constant * u * sqrt(chain + 1)
};

// The bound of plain sums over everything that an output of the problem's pass depends on.
ErrorBound bound_of_plain_sums(const Problem &problem);

// A problem prepared for one variant under given settings: immutable, shared by threads.
class Prepared {
 public:
  Prepared(const Problem &problem, const Execution &execution);
  virtual ~Prepared() = default;
  Prepared(const Prepared &) = delete;
  Prepared &operator=(const Prepared &) = delete;

  // Overwrites the output, uses only the announced workspace; never allocates, validates or prints.
  virtual void run(const Arguments &arguments) const = 0;
  // Lays the weights out as `run` reads them under Execution::packed_weights, into packed_bytes bytes. Unless a variant
  // has a layout of its own, that is a copy of w.
  virtual void pack(const void *w, void *packed) const;

  size_t workspace_bytes = 0;  // scratch memory of a run; more than the limit where the work could not be split further
  size_t packed_bytes;
  double seconds = 0;  // estimate of the cost model
  ErrorBound bound;

 protected:
  const Problem problem;
  const Execution execution;
};

using PreparedPointer = std::unique_ptr<const Prepared>;

struct Variant {
  const char *name;  // "bands": part of the public name "implicit/bands"
  // nullptr, or why it cannot do the problem: a whole phrase, to stand behind "refused: ".
  const char *(*refuses)(const Problem &, const Execution &);
  // Only for problems that it does not refuse.
  PreparedPointer (*prepare)(const Problem &, const Execution &);
};

// The variants of a strategy. The order decides between equal estimates only: the first of them is taken.
struct VariantList {
  const Variant *first = nullptr;
  int count = 0;

  constexpr VariantList() = default;
  template <int size>
  constexpr VariantList(const Variant (&variants)[size]) : first(variants), count(size) {}
  constexpr const Variant *begin() const { return first; }
  constexpr const Variant *end() const { return first + count; }
};

// make_prepared<Template>(problem, execution): a Template<T> for the type T of the problem.
template <template <class> class Template>
PreparedPointer make_prepared(const Problem &problem, const Execution &execution) {
  PreparedPointer prepared;
  with_type(problem.types.operand,
            [&](auto type) { prepared = std::make_unique<const Template<decltype(type)>>(problem, execution); });
  return prepared;
}

}  // namespace gemmconv
