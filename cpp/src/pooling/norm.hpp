// The exponent p of Lp pooling as a constant where that makes loops plain: 1, 2 or any.
#pragma once

#include <type_traits>

#include "variants.hpp"

namespace gemmconv::pooling {

enum class Norm { one, two, any };

// Calls body(constant of type Norm).
template <class Body>
void with_norm(double p, const Body &body) {
  if (p == 1) body(std::integral_constant<Norm, Norm::one>());
  else if (p == 2) body(std::integral_constant<Norm, Norm::two>());
  else body(std::integral_constant<Norm, Norm::any>());
}

// Of variants that have code for p = 1 and p = 2 alone.
template <class T>
const char *refuses_powers(const Call<T> &call) {
  return call.geometry.p == 1 || call.geometry.p == 2 ? nullptr : "it is for p = 1 and p = 2";
}

}  // namespace gemmconv::pooling
