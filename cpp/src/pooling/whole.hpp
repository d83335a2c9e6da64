// Adaptive windows that are sliding ones, and windows that are the whole plane: cases with a faster way than the general.
#pragma once

#include "sweep.hpp"

namespace gemmconv {

// The sliding windows that an adaptive pooling has where its outputs share the input evenly.
inline bool shares_evenly(const PoolGeometry &geometry) {
  for (int a = 0; a < 3; ++a)
    if (geometry.input[a] % geometry.output[a] != 0) return false;
  return true;
}

inline PoolGeometry sliding(const PoolGeometry &adaptive) {
  PoolGeometry geometry = adaptive;
  for (int a = 0; a < 3; ++a) geometry.kernel[a] = geometry.stride[a] = adaptive.input[a] / adaptive.output[a];
  geometry.dilation = {1, 1, 1};
  geometry.padding_low = geometry.padding_high = {0, 0, 0};
  geometry.divisor = 0;
  geometry.count_include_pad = true;
  return geometry;
}

// Whether each plane has one window and that is the plane, of NCHW.
inline bool whole_planes(const PoolGeometry &geometry, const Windows &windows) {
  if (windows.adaptive) return false;
  for (const Axis &axis : windows.axis)
    if (axis.output != 1 || axis.kernel != axis.input || axis.dilation != 1 || axis.padding_low != 0) return false;
  return geometry.layout == Layout::nchw || geometry.channels == 1;
}

}  // namespace gemmconv
