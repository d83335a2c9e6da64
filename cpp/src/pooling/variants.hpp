// The algorithms of a pooling function are an ordered list of variants: each has a name and refuses what it cannot do with
// a reason, and the first that accepts a call runs it. This is the only place where one is chosen; README.md lists them.
#pragma once

#include "../check.hpp"
#include "windows.hpp"

namespace gemmconv::pooling {

// One call. Forward: x -> out. Backward: dy (and, for powers, x and y) -> out.
template <class T>
struct Call {
  PoolGeometry geometry;
  Windows windows;
  int threads;
  const T *x = nullptr, *y = nullptr, *dy = nullptr;
  T *out = nullptr;
  int64_t *indices = nullptr;  // of the largest cells, or nullptr

  Call(const PoolGeometry &pool, int threads)
      : geometry(pool), windows(geometry, false), threads(threads_for(threads, elements(pool))) {}

  // Adaptive windows; sliding ones where outputs share the input evenly, which is the same and faster.
  static Call adaptive(const PoolGeometry &pool, int threads) {
    if (shares_evenly(pool)) return Call(sliding(pool), threads);
    Call call(pool, threads);
    call.windows = Windows(pool, true);
    return call;
  }

  int64_t planes() const { return geometry.batch * geometry.channels; }
  // Whether neighbours in memory are columns of a plane: NCHW, or NHWC with one channel.
  bool planar() const { return geometry.layout == Layout::nchw || geometry.channels == 1; }
  // Whether each plane has one window and that is the plane.
  bool whole_planes() const {
    if (windows.adaptive) return false;
    for (const Axis &axis : windows.axis)
      if (axis.output != 1 || axis.kernel != axis.input || axis.dilation != 1 || axis.padding_low != 0) return false;
    return true;
  }
  // Whether positions in a plane fit what kernels count them in: 32 bits for float.
  bool positions_fit() const { return sizeof(T) == 8 || geometry.input_pixels() + geometry.input[2] < INT32_MAX / 2; }

 private:
  static int64_t elements(const PoolGeometry &pool) { return pool.batch * pool.channels * pool.input_pixels(); }
};

template <class T>
struct Variant {
  const char *name;
  const char *(*refuses)(const Call<T> &);  // nullptr, or why the variant cannot do the call, as a phrase
  void (*run)(const Call<T> &);
};

template <class T>
struct Variants {
  const Variant<T> *first, *last;
  const Variant<T> *begin() const { return first; }
  const Variant<T> *end() const { return last; }
};

template <class T>
Variants<T> max_variants();
template <class T>
Variants<T> average_variants();
template <class T>
Variants<T> average_backward_variants();
template <class T>
Variants<T> lp_variants();
template <class T>
Variants<T> lp_backward_variants();

template <class T>
void run_first(const Variants<T> &variants, const Call<T> &call) {
  for (const Variant<T> &variant : variants)
    if (!variant.refuses(call)) return variant.run(call);
  throw Error(Status::internal, "no variant accepts this pooling");
}

// Refusals that several variants share.
template <class T>
const char *refuses_channels_last(const Call<T> &call) {
  return call.planar() ? nullptr : "it is for NCHW or a single channel";
}
template <class T>
const char *refuses_channels_first(const Call<T> &call) {
  return call.planar() ? "it is for NHWC with several channels" : nullptr;
}
// Of kernels that find the position of the largest cell.
template <class T>
const char *refuses_positions(const Call<T> &call) {
  return call.indices && !call.positions_fit() ? "it counts the cells of a plane in 32 bits" : nullptr;
}

}  // namespace gemmconv::pooling
