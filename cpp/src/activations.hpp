// Activations over whole arrays, and the gradient of a bias.
#pragma once

#include <cstdint>

#include "epilogue.hpp"
#include "geometry.hpp"

namespace gemmconv {

// a = sigma(z)
template <class T>
void activate(Activation activation, int threads, int64_t count, const T *z, T *a);
// dz = da sigma'(z); 0 where relu is off, even for a da that is not finite
template <class T>
void activate_backward(Activation activation, int threads, int64_t count, const T *da, const T *z, T *dz);

// db[k] = sum of dy over batch and pixels. Sums are in double over blocks that the sizes alone decide, so that the bits
// do not depend on the threads and the error hardly on the length.
template <class T>
void bias_gradient(const Geometry &geometry, int threads, const T *dy, T *db);

}  // namespace gemmconv
