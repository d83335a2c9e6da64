// Activations of whole arrays whose formulas are exponentials; the compiler makes vectors of these loops.
#include "../../exponential_body.hpp"

template <float (*sigma)(float)>
void activate_all(int64_t count, const float *z, float *a) {
  for (int64_t i = 0; i < count; ++i) a[i] = sigma(z[i]);
}

template <float (*slope)(float)>
void scale_by_slopes(int64_t count, const float *da, const float *z, float *dz) {
  for (int64_t i = 0; i < count; ++i) dz[i] = da[i] * slope(z[i]);
}

constexpr ActivationKernel activation_kernel() {
  return ActivationKernel{activate_all<sigmoid_of>, activate_all<tanh_of>, scale_by_slopes<sigmoid_slope_of>,
                          scale_by_slopes<tanh_slope_of>};
}
