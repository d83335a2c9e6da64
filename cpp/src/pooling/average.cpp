// Average pooling over sliding windows.
#include "average.hpp"

#include "pairs.hpp"
#include "pooling.hpp"

namespace gemmconv {

template <class T>
void avg_pool(const PoolGeometry &geometry, int threads, const T *x, T *y) {
  if (!by_pairs(geometry)) return average(geometry, Windows(geometry, false), threads, x, y);
  const double count = geometry.divisor != 0 ? geometry.divisor : 4;
  join_pairs(geometry, threads, x, y,
             [&](double a, double b, double c, double d) { return static_cast<T>(((a + c) + (b + d)) / count); });
}

template <class T>
void avg_pool_backward(const PoolGeometry &geometry, int threads, const T *dy, T *dx) {
  if (!by_pairs(geometry)) return average_backward(geometry, Windows(geometry, false), threads, dy, dx);
  const double count = geometry.divisor != 0 ? geometry.divisor : 4;
  share_pairs(geometry, threads, dx, [&](int64_t output, int64_t) { return static_cast<T>(dy[output] / count); });
}

template void avg_pool(const PoolGeometry &, int, const float *, float *);
template void avg_pool(const PoolGeometry &, int, const double *, double *);
template void avg_pool_backward(const PoolGeometry &, int, const float *, float *);
template void avg_pool_backward(const PoolGeometry &, int, const double *, double *);

}  // namespace gemmconv
