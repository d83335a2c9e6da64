// The C interface to pooling.
#include "../pooling/pooling.hpp"
#include "boundary.hpp"

using namespace gemmconv;

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
  return guarded([&] {
    gemmconv_pool full = read(pool);
    set_shape(full, x_shape, x_ndim);
    give_back(pool, full);
  });
}

int gemmconv_pool_set_padding(gemmconv_pool *pool, int32_t word) {
  return guarded([&] {
    gemmconv_pool full = read(pool);
    require(full.rank >= 1 && full.rank <= 3, "there are ", full.rank, " spatial axes; 1, 2 or 3 are supported");
    set_padding(full, word);
    give_back(pool, full);
  });
}

int gemmconv_pool_resolve(gemmconv_pool *pool) {
  return guarded([&] {
    gemmconv_pool full = read(pool);
    resolve(full);
    give_back(pool, full);
  });
}

int gemmconv_max_pool(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *x, void *y,
                      int64_t *indices) {
  return guarded([&] {
    gemmconv_pool full = read(pool);
    const PoolGeometry geometry = resolve(full);
    check_pointer(x, geometry.batch, "x");
    check_pointer(y, geometry.batch, "y");
    with_type(full.dtype, [&](auto type) {
      using T = decltype(type);
      max_pool<T>(geometry, threads_of(settings), input<T>(x), output<T>(y), indices);
    });
  });
}

int gemmconv_max_pool_backward(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *dy,
                               const int64_t *indices, void *dx) {
  return guarded([&] {
    gemmconv_pool full = read(pool);
    const PoolGeometry geometry = planes(full);
    check_pointer(dy, geometry.batch, "dy");
    check_pointer(indices, geometry.batch, "indices");
    check_pointer(dx, geometry.batch, "dx");
    with_type(full.dtype, [&](auto type) {
      using T = decltype(type);
      max_pool_backward<T>(geometry, threads_of(settings), input<T>(dy), indices, output<T>(dx));
    });
  });
}

int gemmconv_max_unpool(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *y,
                        const int64_t *indices, void *x) {
  return guarded([&] {
    gemmconv_pool full = read(pool);
    const PoolGeometry geometry = planes(full);
    check_pointer(y, geometry.batch, "y");
    check_pointer(indices, geometry.batch, "indices");
    check_pointer(x, geometry.batch, "x");
    with_type(full.dtype, [&](auto type) {
      using T = decltype(type);
      max_unpool<T>(geometry, threads_of(settings), input<T>(y), indices, output<T>(x));
    });
  });
}

int gemmconv_max_unpool_backward(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *dx,
                                 const int64_t *indices, void *dy) {
  return guarded([&] {
    gemmconv_pool full = read(pool);
    const PoolGeometry geometry = planes(full);
    check_pointer(dx, geometry.batch, "dx");
    check_pointer(indices, geometry.batch, "indices");
    check_pointer(dy, geometry.batch, "dy");
    with_type(full.dtype, [&](auto type) {
      using T = decltype(type);
      max_unpool_backward<T>(geometry, threads_of(settings), input<T>(dx), indices, output<T>(dy));
    });
  });
}

int gemmconv_avg_pool(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *x, void *y) {
  return guarded([&] {
    gemmconv_pool full = read(pool);
    const PoolGeometry geometry = resolve(full);
    check_pointer(x, geometry.batch, "x");
    check_pointer(y, geometry.batch, "y");
    with_type(full.dtype, [&](auto type) {
      using T = decltype(type);
      avg_pool<T>(geometry, threads_of(settings), input<T>(x), output<T>(y));
    });
  });
}

int gemmconv_avg_pool_backward(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *dy, void *dx) {
  return guarded([&] {
    gemmconv_pool full = read(pool);
    const PoolGeometry geometry = resolve(full);
    check_pointer(dy, geometry.batch, "dy");
    check_pointer(dx, geometry.batch, "dx");
    with_type(full.dtype, [&](auto type) {
      using T = decltype(type);
      avg_pool_backward<T>(geometry, threads_of(settings), input<T>(dy), output<T>(dx));
    });
  });
}

int gemmconv_lp_pool(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *x, void *y) {
  return guarded([&] {
    gemmconv_pool full = read(pool);
    const PoolGeometry geometry = resolve(full);
    check_pointer(x, geometry.batch, "x");
    check_pointer(y, geometry.batch, "y");
    with_type(full.dtype, [&](auto type) {
      using T = decltype(type);
      lp_pool<T>(geometry, threads_of(settings), input<T>(x), output<T>(y));
    });
  });
}

int gemmconv_lp_pool_backward(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *dy,
                              const void *x, const void *y, void *dx) {
  return guarded([&] {
    gemmconv_pool full = read(pool);
    const PoolGeometry geometry = resolve(full);
    check_pointer(dy, geometry.batch, "dy");
    check_pointer(x, geometry.batch, "x");
    check_pointer(y, geometry.batch, "y");
    check_pointer(dx, geometry.batch, "dx");
    with_type(full.dtype, [&](auto type) {
      using T = decltype(type);
      lp_pool_backward<T>(geometry, threads_of(settings), input<T>(dy), input<T>(x), input<T>(y), output<T>(dx));
    });
  });
}

int gemmconv_adaptive_avg_pool(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *x, void *y) {
  return guarded([&] {
    gemmconv_pool full = read(pool);
    const PoolGeometry geometry = planes(full);
    check_pointer(x, geometry.batch, "x");
    check_pointer(y, geometry.batch, "y");
    with_type(full.dtype, [&](auto type) {
      using T = decltype(type);
      adaptive_avg_pool<T>(geometry, threads_of(settings), input<T>(x), output<T>(y));
    });
  });
}

int gemmconv_adaptive_avg_pool_backward(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *dy,
                                        void *dx) {
  return guarded([&] {
    gemmconv_pool full = read(pool);
    const PoolGeometry geometry = planes(full);
    check_pointer(dy, geometry.batch, "dy");
    check_pointer(dx, geometry.batch, "dx");
    with_type(full.dtype, [&](auto type) {
      using T = decltype(type);
      adaptive_avg_pool_backward<T>(geometry, threads_of(settings), input<T>(dy), output<T>(dx));
    });
  });
}

int gemmconv_adaptive_max_pool(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *x, void *y,
                               int64_t *indices) {
  return guarded([&] {
    gemmconv_pool full = read(pool);
    const PoolGeometry geometry = planes(full);
    check_pointer(x, geometry.batch, "x");
    check_pointer(y, geometry.batch, "y");
    with_type(full.dtype, [&](auto type) {
      using T = decltype(type);
      adaptive_max_pool<T>(geometry, threads_of(settings), input<T>(x), output<T>(y), indices);
    });
  });
}

}  // extern "C"
