// Contract of the activations whose formulas are exponentials. In float only: in double the C library computes them.
#pragma once

#include <cstdint>

namespace gemmconv {

// Over `count` floats; z may be the array that is written.
struct ActivationKernel {
  void (*sigmoid)(int64_t count, const float *z, float *a);
  void (*tanh)(int64_t count, const float *z, float *a);
  void (*sigmoid_backward)(int64_t count, const float *da, const float *z, float *dz);  // dz = da sigma'(z)
  void (*tanh_backward)(int64_t count, const float *da, const float *z, float *dz);
};

}  // namespace gemmconv
