// Pooling over float and double, both layouts, one to three axes. The geometry is checked before; semantics are PyTorch's
// where the interface does not say otherwise. `threads` never changes a bit of an answer.
#pragma once

#include <cstdint>

#include "../geometry.hpp"

namespace gemmconv {

// y = the largest cell of each window, NaN above all; indices (or nullptr) = its flat position in the plane of one
// channel, the first in C order among equals, -1 (and -inf) for a window wholly in padding.
template <class T>
void max_pool(const PoolGeometry &geometry, int threads, const T *x, T *y, int64_t *indices);
template <class T>
void adaptive_max_pool(const PoolGeometry &geometry, int threads, const T *x, T *y, int64_t *indices);

// dx = sum of dy at its index, added in C order of dy. These three throw Error where an index is outside [-1, plane).
template <class T>
void max_pool_backward(const PoolGeometry &geometry, int threads, const T *dy, const int64_t *indices, T *dx);
// x = y at its index, the last in C order where two share one, else 0; and the gradient: dy = dx at the index.
template <class T>
void max_unpool(const PoolGeometry &geometry, int threads, const T *y, const int64_t *indices, T *x);
template <class T>
void max_unpool_backward(const PoolGeometry &geometry, int threads, const T *dx, const int64_t *indices, T *dy);

// y = sum of the window / divisor, or / its cells: those inside the padded input, or (count_include_pad false) inside the
// input. 0 for a window wholly in padding.
template <class T>
void avg_pool(const PoolGeometry &geometry, int threads, const T *x, T *y);
template <class T>
void avg_pool_backward(const PoolGeometry &geometry, int threads, const T *dy, T *dx);
template <class T>
void adaptive_avg_pool(const PoolGeometry &geometry, int threads, const T *x, T *y);
template <class T>
void adaptive_avg_pool_backward(const PoolGeometry &geometry, int threads, const T *dy, T *dx);

// y = (sum |x|^p)^(1/p), p > 0, without needless overflow or underflow.
template <class T>
void lp_pool(const PoolGeometry &geometry, int threads, const T *x, T *y);
// dx = sum over the windows of dy sign(x) (|x| / y)^(p-1), 0 where x or y is 0.
template <class T>
void lp_pool_backward(const PoolGeometry &geometry, int threads, const T *dy, const T *x, const T *y, T *dx);

}  // namespace gemmconv
