// A problem: geometry, pass, types and epilogue; and the execution settings that it is solved under.
#pragma once

#include <cstddef>

#include "epilogue.hpp"
#include "geometry.hpp"
#include "types.hpp"

namespace gemmconv {

enum class Pass : int32_t { forward, backward_input, backward_weight };
enum class Math : int32_t { fast, strict };

// Settings with nothing left to default: a plan is made under these and keyed by them.
struct Execution {
  int threads = 1;                  // resolved
  bool threads_by_default = false;  // nobody asked for a number: small problems take fewer
  Math math = Math::fast;
  bool deterministic = false;
  bool blas = false;            // may call BLAS: it is linked, has `threads` threads of its own, bits may depend on it
  bool packed_weights = false;  // the weights come as Prepared::pack lays them out, not as the user gave them
  size_t workspace_limit = 0;   // bytes
};

struct Problem {
  Geometry geometry;
  Pass pass = Pass::forward;
  Types types = uniform_types(DType::float32);
  Activation activation = Activation::identity;

  size_t item_bytes() const { return size_of(types.operand); }
  bool channels_last() const { return geometry.layout == Layout::nhwc; }
};

// 2 N K P Q: multiplications and additions of the direct loops, padded cells included.
inline double operations(const Geometry &geometry) {
  return 2.0 * static_cast<double>(geometry.y_size()) * static_cast<double>(geometry.patch_size());
}

// What one run reads and writes. first, second: x, w | dy, w | dy, x; `second` is in the packed layout where
// Execution::packed_weights said so.
struct Arguments {
  const void *first, *second;
  const void *bias;  // or nullptr
  void *out;
  void *workspace;  // Prepared::workspace_bytes bytes, aligned to 64
};

}  // namespace gemmconv
