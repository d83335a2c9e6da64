// What the last write of a pass adds: bias and activation. The activations and their derivatives, once.
#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>

namespace gemmconv {

#include "exponential_body.hpp"

// The same in double.
inline double sigmoid_of(double z) {
  const double e = std::exp(-std::abs(z));
  return (z >= 0 ? 1.0 : e) / (1 + e);
}
inline double sigmoid_slope_of(double z) {
  const double e = std::exp(-std::abs(z));
  return e / ((1 + e) * (1 + e));
}
inline double tanh_of(double z) { return std::tanh(z); }
inline double tanh_slope_of(double z) {
  const double e = std::exp(-2 * std::abs(z));
  return 4 * e / ((1 + e) * (1 + e));
}

enum class Activation : int32_t { identity, relu, leaky_relu, sigmoid, tanh, softplus, gelu };

inline constexpr int activation_count = 7;
inline constexpr double leaky_slope = 0.01;

// sigma(z). NaN passes through every one of them.
template <class T>
inline T activated(Activation activation, T z) {
  switch (activation) {
    case Activation::relu: return z < 0 ? T(0) : z;
    case Activation::leaky_relu: return z < 0 ? T(leaky_slope) * z : z;
    case Activation::sigmoid: return sigmoid_of(z);
    case Activation::tanh: return tanh_of(z);
    case Activation::softplus: return (z > 0 ? z : T(0)) + std::log1p(std::exp(-std::abs(z)));  // log(1 + e^z)
    case Activation::gelu: {  // z Phi(z), the exact form; -0 at -infinity, where the product would be NaN
      const T tail = std::erfc(-z * T(0.70710678118654752440));
      return tail == 0 ? -T(0) : T(0.5) * z * tail;
    }
    case Activation::identity: break;
  }
  return z;
}

// sigma'(z). At the kink of relu and leaky_relu the derivative is the one of the negative side, as in PyTorch.
template <class T>
inline T activation_slope(Activation activation, T z) {
  switch (activation) {
    case Activation::relu: return z > 0 ? T(1) : (z <= 0 ? T(0) : z);
    case Activation::leaky_relu: return z > 0 ? T(1) : (z <= 0 ? T(leaky_slope) : z);
    case Activation::sigmoid: return sigmoid_slope_of(z);
    case Activation::tanh: return tanh_slope_of(z);
    case Activation::softplus: return activated(Activation::sigmoid, z);
    case Activation::gelu: {  // Phi(z) + z phi(z), where the second term is 0 at both infinities
      const T density = std::exp(-z * z / 2);
      return T(0.5) * std::erfc(-z * T(0.70710678118654752440)) +
             (density == 0 ? T(0) : z * T(0.39894228040143267794) * density);
    }
    case Activation::identity: break;
  }
  return T(1);
}

// Calls body with the activation as a constant, so that the choice stands outside its loop and simple ones become vectors.
template <class Body>
void with_activation(Activation activation, const Body &body) {
  switch (activation) {
    case Activation::relu: return body(std::integral_constant<Activation, Activation::relu>());
    case Activation::leaky_relu: return body(std::integral_constant<Activation, Activation::leaky_relu>());
    case Activation::sigmoid: return body(std::integral_constant<Activation, Activation::sigmoid>());
    case Activation::tanh: return body(std::integral_constant<Activation, Activation::tanh>());
    case Activation::softplus: return body(std::integral_constant<Activation, Activation::softplus>());
    case Activation::gelu: return body(std::integral_constant<Activation, Activation::gelu>());
    case Activation::identity: return body(std::integral_constant<Activation, Activation::identity>());
  }
}

}  // namespace gemmconv
