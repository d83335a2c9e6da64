// The C interface to pooling: the gemmconv_pool struct, and one call for each function on arrays.
#include "../pooling/pooling.hpp"

#include "call.hpp"

using namespace gemmconv;

namespace {

// Functions that slide windows: every size is checked, and the output's follows from the others.
PoolGeometry windows(gemmconv_pool &pool) { return resolve(pool); }

// Functions that only relate the sizes of both sides (adaptive windows, indices): kernel, stride and padding are not read.
PoolGeometry both_sides(gemmconv_pool &pool) { return planes(pool); }

}  // namespace

extern "C" {

void gemmconv_pool_init(gemmconv_pool *pool) {
  if (!pool) return;
  *pool = gemmconv_pool{};
  pool->struct_size = sizeof(gemmconv_pool);
  pool->rank = 2;
  pool->count_include_pad = 1;
  pool->p = 2;
  pool->batch = pool->channels = 1;
  for (int i = 0; i < 3; ++i) pool->kernel[i] = pool->stride[i] = pool->dilation[i] = 1;
}

int gemmconv_pool_set_shape(gemmconv_pool *pool, const int64_t *x_shape, int32_t x_ndim) {
  return update(pool, [&](gemmconv_pool &full) { set_shape(full, x_shape, x_ndim); });
}

int gemmconv_pool_set_padding(gemmconv_pool *pool, int32_t padding_word) {
  return update(pool, [&](gemmconv_pool &full) {
    require(full.rank >= 1 && full.rank <= 3, "there are ", full.rank, " spatial axes; 1, 2 or 3 are supported");
    set_padding(full, padding_word);
  });
}

int gemmconv_pool_resolve(gemmconv_pool *pool) {
  return update(pool, [](gemmconv_pool &full) { resolve(full); });
}

int gemmconv_max_pool(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *x, void *y,
                      int64_t *indices) {
  return call(pool, settings, windows, max_pool<float>, max_pool<double>, array("x", x), array("y", y),
              unchecked(indices));
}

int gemmconv_max_pool_backward(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *dy,
                               const int64_t *indices, void *dx) {
  return call(pool, settings, both_sides, max_pool_backward<float>, max_pool_backward<double>, array("dy", dy),
              array("indices", indices), array("dx", dx));
}

int gemmconv_max_unpool(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *y,
                        const int64_t *indices, void *x) {
  return call(pool, settings, both_sides, max_unpool<float>, max_unpool<double>, array("y", y),
              array("indices", indices), array("x", x));
}

int gemmconv_max_unpool_backward(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *dx,
                                 const int64_t *indices, void *dy) {
  return call(pool, settings, both_sides, max_unpool_backward<float>, max_unpool_backward<double>, array("dx", dx),
              array("indices", indices), array("dy", dy));
}

int gemmconv_avg_pool(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *x, void *y) {
  return call(pool, settings, windows, avg_pool<float>, avg_pool<double>, array("x", x), array("y", y));
}

int gemmconv_avg_pool_backward(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *dy, void *dx) {
  return call(pool, settings, windows, avg_pool_backward<float>, avg_pool_backward<double>, array("dy", dy),
              array("dx", dx));
}

int gemmconv_lp_pool(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *x, void *y) {
  return call(pool, settings, windows, lp_pool<float>, lp_pool<double>, array("x", x), array("y", y));
}

int gemmconv_lp_pool_backward(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *dy,
                              const void *x, const void *y, void *dx) {
  return call(pool, settings, windows, lp_pool_backward<float>, lp_pool_backward<double>, array("dy", dy),
              array("x", x), array("y", y), array("dx", dx));
}

int gemmconv_adaptive_avg_pool(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *x, void *y) {
  return call(pool, settings, both_sides, adaptive_avg_pool<float>, adaptive_avg_pool<double>, array("x", x),
              array("y", y));
}

int gemmconv_adaptive_avg_pool_backward(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *dy,
                                        void *dx) {
  return call(pool, settings, both_sides, adaptive_avg_pool_backward<float>, adaptive_avg_pool_backward<double>,
              array("dy", dy), array("dx", dx));
}

int gemmconv_adaptive_max_pool(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *x, void *y,
                               int64_t *indices) {
  return call(pool, settings, both_sides, adaptive_max_pool<float>, adaptive_max_pool<double>, array("x", x),
              array("y", y), unchecked(indices));
}

}  // extern "C"
