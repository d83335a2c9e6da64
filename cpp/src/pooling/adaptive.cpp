// Adaptive pooling: windows that share out the input among the wanted number of outputs.
#include "average.hpp"
#include "largest.hpp"
#include "pooling.hpp"

namespace gemmconv {

template <class T>
void adaptive_max_pool(const PoolGeometry &geometry, int threads, const T *x, T *y, int64_t *indices) {
  largest(geometry, Windows(geometry, true), threads, x, y, indices);
}

template <class T>
void adaptive_avg_pool(const PoolGeometry &geometry, int threads, const T *x, T *y) {
  average(geometry, Windows(geometry, true), threads, x, y);
}

template <class T>
void adaptive_avg_pool_backward(const PoolGeometry &geometry, int threads, const T *dy, T *dx) {
  average_backward(geometry, Windows(geometry, true), threads, dy, dx);
}

template void adaptive_max_pool(const PoolGeometry &, int, const float *, float *, int64_t *);
template void adaptive_max_pool(const PoolGeometry &, int, const double *, double *, int64_t *);
template void adaptive_avg_pool(const PoolGeometry &, int, const float *, float *);
template void adaptive_avg_pool(const PoolGeometry &, int, const double *, double *);
template void adaptive_avg_pool_backward(const PoolGeometry &, int, const float *, float *);
template void adaptive_avg_pool_backward(const PoolGeometry &, int, const double *, double *);

}  // namespace gemmconv
