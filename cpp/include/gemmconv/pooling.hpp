// Pooling: a Pool describes the windows; each function computes something of the cells of every window.
#ifndef GEMMCONV_POOLING_HPP
#define GEMMCONV_POOLING_HPP

#include "settings.hpp"

namespace gemmconv {

// A pooling of x (batch, channels, input...) by windows of `kernel` cells. Setters may be chained in any order; everything
// is checked when the pool is used. Without setters: NCHW, strides of `kernel`, dilations 1, no padding, outputs rounded down.
class Pool {
 public:
  // x_shape: the whole shape of x, in the pool's layout.
  Pool(Shape x_shape, PerAxis kernel) : x_shape_(std::move(x_shape)), kernel_(std::move(kernel)), stride_(kernel_) {
    gemmconv_pool_init(&pool_);
  }
  // Windows [floor(i in / out), ceil((i + 1) in / out)), for the adaptive functions. Also what max_pool_backward,
  // max_unpool and max_unpool_backward take when only the sizes of both sides are known.
  static Pool adaptive(Shape x_shape, PerAxis output_size) {
    Pool pool(std::move(x_shape), 1);
    pool.output_ = std::move(output_size);
    pool.adaptive_ = true;
    return pool;
  }

  Pool &layout(Layout layout) { return pool_.layout = static_cast<int32_t>(layout), *this; }
  Pool &stride(PerAxis stride) { return stride_ = std::move(stride), *this; }
  Pool &dilation(PerAxis dilation) { return dilation_ = std::move(dilation), *this; }
  // Cells: as many at both ends of an axis, low and high by themselves, or as a padding word says.
  Pool &padding(PerAxis both) { return padding_ = {both, both, -1}, *this; }
  Pool &padding(PerAxis low, PerAxis high) { return padding_ = {std::move(low), std::move(high), -1}, *this; }
  Pool &padding(Padding word) { return padding_ = {0, 0, static_cast<int32_t>(word)}, *this; }
  // On: the output's size is rounded up, unless the last window would start in the high padding.
  Pool &ceil_mode(bool on = true) { return pool_.ceil_mode = on, *this; }
  // Average: on (the default) counts padded cells in a window's size.
  Pool &count_include_pad(bool on) { return pool_.count_include_pad = on, *this; }
  // Average: divides each window's sum; 0 (the default) means the number of its cells.
  Pool &divisor(double divisor) { return pool_.divisor = divisor, *this; }
  // Lp: the exponent, finite and above 0; 2 by default.
  Pool &p(double p) { return pool_.p = p, *this; }

  // The C struct for elements of T, checked and complete.
  template <class T>
  gemmconv_pool c() const {
    gemmconv_pool result = pool_;
    result.dtype = static_cast<int32_t>(dtype_of<T>());
    check(gemmconv_pool_set_shape(&result, x_shape_.data(), static_cast<int32_t>(x_shape_.size())));
    const size_t rank = detail::spatial_rank(x_shape_);
    if (adaptive_) {
      output_.fill(result.output, rank, "output_size");
      return result;
    }
    kernel_.fill(result.kernel, rank, "kernel");
    stride_.fill(result.stride, rank, "stride");
    dilation_.fill(result.dilation, rank, "dilation");
    padding_.low.fill(result.padding_low, rank, "padding");
    padding_.high.fill(result.padding_high, rank, "padding");
    if (padding_.word >= 0) check(gemmconv_pool_set_padding(&result, padding_.word));
    check(gemmconv_pool_resolve(&result));
    return result;
  }
  // The shape of y, in the pool's layout.
  Shape output_shape() const {
    const gemmconv_pool pool = c<float>();
    Shape shape(pool.output, pool.output + pool.rank);
    shape.insert(pool.layout == GEMMCONV_NCHW ? shape.begin() : shape.end(), pool.channels);
    shape.insert(shape.begin(), pool.batch);
    return shape;
  }

 private:
  gemmconv_pool pool_;
  Shape x_shape_;
  PerAxis kernel_, stride_, dilation_ = 1, output_ = 1;
  detail::AnyPadding padding_;
  bool adaptive_ = false;
};

namespace detail {

// Calls a C function with the pool and the settings before its own arguments, and checks its status.
template <class T, class Function, class... Arguments>
void call(Function function, const Pool &pool, const Settings &settings, Arguments... arguments) {
  const gemmconv_pool c_pool = pool.c<T>();
  const gemmconv_settings c_settings = settings.c();
  check(function(&c_pool, &c_settings, arguments...));
}

}  // namespace detail

// x, dx: (batch, channels, input...). y, dy: (batch, channels, output...). What is not const is overwritten. indices: of the
// shape of y, flat positions in the spatial plane of one channel of x, -1 for a window wholly in padding.

// y = the largest cell of each window; indices (may be nullptr) = its position, the first in C order among equals.
template <class T>
void max_pool(const Pool &pool, const T *x, T *y, int64_t *indices = nullptr, const Settings &settings = {}) {
  detail::call<T>(gemmconv_max_pool, pool, settings, x, y, indices);
}
// dx = at each cell the sum of dy whose index it is.
template <class T>
void max_pool_backward(const Pool &pool, const T *dy, const int64_t *indices, T *dx, const Settings &settings = {}) {
  detail::call<T>(gemmconv_max_pool_backward, pool, settings, dy, indices, dx);
}
// x = y at its index, the last one in C order where two share it; 0 elsewhere.
template <class T>
void max_unpool(const Pool &pool, const T *y, const int64_t *indices, T *x, const Settings &settings = {}) {
  detail::call<T>(gemmconv_max_unpool, pool, settings, y, indices, x);
}
// dy = dx at the index.
template <class T>
void max_unpool_backward(const Pool &pool, const T *dx, const int64_t *indices, T *dy, const Settings &settings = {}) {
  detail::call<T>(gemmconv_max_unpool_backward, pool, settings, dx, indices, dy);
}
// y = sum of each window / divisor, or / the number of its cells.
template <class T>
void avg_pool(const Pool &pool, const T *x, T *y, const Settings &settings = {}) {
  detail::call<T>(gemmconv_avg_pool, pool, settings, x, y);
}
// dx = the gradient of avg_pool.
template <class T>
void avg_pool_backward(const Pool &pool, const T *dy, T *dx, const Settings &settings = {}) {
  detail::call<T>(gemmconv_avg_pool_backward, pool, settings, dy, dx);
}
// y = (sum of |x|^p over each window)^(1/p).
template <class T>
void lp_pool(const Pool &pool, const T *x, T *y, const Settings &settings = {}) {
  detail::call<T>(gemmconv_lp_pool, pool, settings, x, y);
}
// dx = the gradient of lp_pool, from dy, x and y = lp_pool(x); 0 where x or y is 0.
template <class T>
void lp_pool_backward(const Pool &pool, const T *dy, const T *x, const T *y, T *dx, const Settings &settings = {}) {
  detail::call<T>(gemmconv_lp_pool_backward, pool, settings, dy, x, y, dx);
}
// avg_pool and its gradient over the windows of Pool::adaptive.
template <class T>
void adaptive_avg_pool(const Pool &pool, const T *x, T *y, const Settings &settings = {}) {
  detail::call<T>(gemmconv_adaptive_avg_pool, pool, settings, x, y);
}
template <class T>
void adaptive_avg_pool_backward(const Pool &pool, const T *dy, T *dx, const Settings &settings = {}) {
  detail::call<T>(gemmconv_adaptive_avg_pool_backward, pool, settings, dy, dx);
}
// max_pool over the windows of Pool::adaptive; its gradient is max_pool_backward with the same pool.
template <class T>
void adaptive_max_pool(const Pool &pool, const T *x, T *y, int64_t *indices = nullptr, const Settings &settings = {}) {
  detail::call<T>(gemmconv_adaptive_max_pool, pool, settings, x, y, indices);
}

}  // namespace gemmconv

#endif
