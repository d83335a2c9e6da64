// Adaptive pooling: windows that share out the input among the wanted number of outputs.
#include "average_backward.hpp"
#include "largest.hpp"
#include "pooling.hpp"

namespace gemmconv {

namespace {

// body(geometry, windows): by sliding windows where they are what the adaptive ones come to.
template <class Body>
void with_windows(const PoolGeometry &geometry, const Body &body) {
  if (!shares_evenly(geometry)) return body(geometry, Windows(geometry, true));
  const PoolGeometry even = sliding(geometry);
  body(even, Windows(even, false));
}

}  // namespace

template <class T>
void adaptive_max_pool(const PoolGeometry &geometry, int threads, const T *x, T *y, int64_t *indices) {
  with_windows(geometry,
               [&](const PoolGeometry &g, const Windows &windows) { largest(g, windows, threads, x, y, indices); });
}

template <class T>
void adaptive_avg_pool(const PoolGeometry &geometry, int threads, const T *x, T *y) {
  with_windows(geometry, [&](const PoolGeometry &g, const Windows &windows) { average(g, windows, threads, x, y); });
}

template <class T>
void adaptive_avg_pool_backward(const PoolGeometry &geometry, int threads, const T *dy, T *dx) {
  with_windows(geometry,
               [&](const PoolGeometry &g, const Windows &windows) { average_backward(g, windows, threads, dy, dx); });
}

template void adaptive_max_pool(const PoolGeometry &, int, const float *, float *, int64_t *);
template void adaptive_max_pool(const PoolGeometry &, int, const double *, double *, int64_t *);
template void adaptive_avg_pool(const PoolGeometry &, int, const float *, float *);
template void adaptive_avg_pool(const PoolGeometry &, int, const double *, double *);
template void adaptive_avg_pool_backward(const PoolGeometry &, int, const float *, float *);
template void adaptive_avg_pool_backward(const PoolGeometry &, int, const double *, double *);

}  // namespace gemmconv
