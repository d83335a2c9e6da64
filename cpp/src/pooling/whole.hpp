// The variant "whole": windows that are their whole plane, as in global pooling.
#pragma once

#include "../kernels/kernels.hpp"
#include "variants.hpp"

namespace gemmconv::pooling {

template <class T>
const char *refuses_whole(const Call<T> &call) {
  if (const char *reason = refuses_channels_last(call)) return reason;
  return call.whole_planes() ? nullptr : "it is for windows that are the whole plane";
}

// body(begin, end) for ranges of planes that together are all, in parallel.
template <class T, class Body>
void for_planes(const Call<T> &call, const Body &body) {
  parallel_ranges(call.threads, call.planes(), body);
}

}  // namespace gemmconv::pooling
