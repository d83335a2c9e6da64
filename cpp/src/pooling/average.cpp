// Average pooling over sliding windows.
#include "average_backward.hpp"
#include "pooling.hpp"

namespace gemmconv {

template <class T>
void avg_pool(const PoolGeometry &geometry, int threads, const T *x, T *y) {
  average(geometry, Windows(geometry, false), threads, x, y);
}

template <class T>
void avg_pool_backward(const PoolGeometry &geometry, int threads, const T *dy, T *dx) {
  average_backward(geometry, Windows(geometry, false), threads, dy, dx);
}

template void avg_pool(const PoolGeometry &, int, const float *, float *);
template void avg_pool(const PoolGeometry &, int, const double *, double *);
template void avg_pool_backward(const PoolGeometry &, int, const float *, float *);
template void avg_pool_backward(const PoolGeometry &, int, const double *, double *);

}  // namespace gemmconv
