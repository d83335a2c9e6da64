// Element types, and the triple of them that a problem is computed in. Every choice by type is a switch without a
// default: a type that is added and forgotten somewhere is a compiler warning there, not a wrong answer.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gemmconv {

enum class DType : int32_t { float32, float64 };

// Operands are read as the first, products are summed as the second, the answer is written as the third.
struct Types {
  DType operand, accumulate, result;
};

// All three the same.
constexpr Types uniform_types(DType dtype) { return {dtype, dtype, dtype}; }

// Bytes of one element.
constexpr size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::float32: return 4;
    case DType::float64: return 8;
  }
  return 0;  // not reached: the switch is exhaustive
}

// The relative rounding error of one operation.
constexpr double unit_roundoff(DType dtype) {
  switch (dtype) {
    case DType::float32: return 1.0 / (int64_t(1) << 24);
    case DType::float64: return 1.0 / (int64_t(1) << 53);
  }
  return 0;
}

// Calls body(T()) with the C++ type of `dtype`.
template <class Body>
void with_type(DType dtype, const Body &body) {
  switch (dtype) {
    case DType::float32: return body(float());
    case DType::float64: return body(double());
  }
}

}  // namespace gemmconv
