// What the loops of pooling hand to a kernel: a group of windows that read the same offsets. In NHWC a group is a run of
// outputs along axis 2 and a vector lies along the channels; in NCHW it is a block of one plane and a vector lies along
// axis 2.
#pragma once

#include "../kernels/kernels.hpp"
#include "windows.hpp"

namespace gemmconv::pooling {

// Windows (i, j), i < m, j < n, of k cells each; k = 0: wholly in padding.
template <class T>
struct WindowGroup {
  int64_t m, n, k;
  const T *x;
  int64_t x_row;
  const int64_t *offsets;
  int64_t y, y_row;  // window (i, j) is element y + i * y_row + j of the output
  PoolPlaces<T> places;
  int64_t outer, o0, o1, o2, channel;  // window (0, 0)
  bool planar;                         // (i, j) counts (o1, o2); otherwise (o2, channel)

  // Every window of the group in `out` becomes `value`.
  template <class V>
  void fill(V *out, V value) const {
    for (int64_t i = 0; i < m; ++i) std::fill_n(out + y + i * y_row, n, value);
  }
};

}  // namespace gemmconv::pooling
