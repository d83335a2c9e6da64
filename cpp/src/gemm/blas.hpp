// The only function by which gemm/ reaches BLAS.
#pragma once

#include "gemm.hpp"

namespace gemmconv {

// Computes the product by BLAS and returns true; returns false, c untouched, when there is no BLAS, when a view has no
// unit stride, or when a number does not fit its 32-bit integers.
template <class T>
bool blas_gemm(int64_t m, int64_t n, int64_t k, View<T> a, View<T> b, T *c, int64_t ldc, bool accumulate);

}  // namespace gemmconv
