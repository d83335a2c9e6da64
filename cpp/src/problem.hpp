// A problem: geometry, pass, dtype, epilogue, and the settings it is solved under.
#pragma once

#include <cstddef>

#include "epilogue.hpp"
#include "geometry.hpp"

namespace gemmconv {

enum class Pass : int32_t { forward, backward_input, backward_weight };
enum class Math : int32_t { fast, strict };

// Settings with nothing left to default: a plan is made under these and keyed by them.
struct Execution {
  int threads = 1;                  // resolved
  bool threads_by_default = false;  // nobody asked for a number: small problems take fewer
  Math math = Math::fast;
  bool deterministic = false;
  bool blas = false;           // may call BLAS: it is linked, has `threads` threads of its own, bits may depend on it
  size_t workspace_limit = 0;  // bytes
};

struct Problem {
  Geometry geometry;
  Pass pass = Pass::forward;
  DType dtype = DType::float32;
  Activation activation = Activation::identity;
};

// Calls body(T()) with the type of the problem.
template <class Body>
void with_type(const Problem &problem, const Body &body) {
  if (problem.dtype == DType::float32) {
    body(float());
  } else {
    body(double());
  }
}

// What a door works on. first, second: x, w | dy, w | dy, x.
struct Arguments {
  const void *first, *second;
  const void *bias;  // or nullptr
  void *out;
  bool packed;      // the weights are in the strategy's packed form
  void *workspace;  // as many bytes as the strategy asked for, 64-byte aligned
};

}  // namespace gemmconv
