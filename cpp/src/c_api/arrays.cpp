// The C interface to patches, bias gradients and activations.
#include "../activations.hpp"
#include "../patches/patches.hpp"
#include "../threads.hpp"
#include "boundary.hpp"

using namespace gemmconv;

namespace {

// Calls body(image, threads) for each image: images share the threads where there are enough of them, else each has all.
template <class Body>
void for_images(int threads, int64_t batch, const Body &body) {
  if (batch < threads) {
    for (int64_t image = 0; image < batch; ++image) body(image, threads);
    return;
  }
  parallel_ranges(threads, batch, [&](int64_t begin, int64_t end) {
    for (int64_t image = begin; image < end; ++image) body(image, 1);
  });
}

}  // namespace

extern "C" {

int gemmconv_bias_gradient(const gemmconv_problem *problem, const gemmconv_settings *settings, const void *dy,
                           void *db) {
  return guarded([&] {
    gemmconv_problem full = read(problem);
    const Geometry geometry = resolve(full);
    check_pointer(dy, geometry.batch, "dy");
    check_pointer(db, 1, "db");
    with_type(full.dtype, [&](auto type) {
      using T = decltype(type);
      bias_gradient<T>(geometry, threads_of(settings), input<T>(dy), output<T>(db));
    });
  });
}

int gemmconv_im2col(const gemmconv_problem *problem, const gemmconv_settings *settings, const void *x, void *cols) {
  return guarded([&] {
    gemmconv_problem full = read(problem);
    const Geometry geometry = resolve(full);
    require(geometry.layout == Layout::nchw && geometry.groups == 1, "im2col takes NCHW without groups");
    check_pointer(x, geometry.batch, "x");
    check_pointer(cols, geometry.batch, "cols");
    const int threads = threads_of(settings);
    const int64_t pixels = geometry.output_pixels(), size = geometry.patch_size() * pixels;
    with_type(full.dtype, [&](auto type) {
      using T = decltype(type);
      for_images(threads, geometry.batch, [&](int64_t image, int within) {
        gather(geometry, within, 0, image, 1, 0, pixels, input<T>(x), output<T>(cols) + image * size, pixels);
      });
    });
  });
}

int gemmconv_col2im(const gemmconv_problem *problem, const gemmconv_settings *settings, const void *cols, void *x) {
  return guarded([&] {
    gemmconv_problem full = read(problem);
    const Geometry geometry = resolve(full);
    require(geometry.layout == Layout::nchw && geometry.groups == 1, "col2im takes NCHW without groups");
    check_pointer(x, geometry.batch, "x");
    check_pointer(cols, geometry.batch, "cols");
    const int threads = threads_of(settings);
    const int64_t pixels = geometry.output_pixels(), size = geometry.patch_size() * pixels;
    with_type(full.dtype, [&](auto type) {
      using T = decltype(type);
      for_images(threads, geometry.batch, [&](int64_t image, int within) {
        scatter_add(geometry, within, 0, image, 1, 0, pixels, input<T>(cols) + image * size, pixels, output<T>(x),
                    false);
      });
    });
  });
}

int gemmconv_activate(int32_t activation, int32_t dtype, const gemmconv_settings *settings, int64_t count,
                      const void *z, void *a) {
  return guarded([&] {
    require(activation >= 0 && activation < activation_count, "activation is ", activation, "; it must be from 0 to ",
            activation_count - 1);
    require(dtype == GEMMCONV_FLOAT32 || dtype == GEMMCONV_FLOAT64, "dtype is ", dtype, "; it must be 0 or 1");
    require(count >= 0, "count is ", count, "; it must be at least 0");
    check_pointer(z, count, "z");
    check_pointer(a, count, "a");
    with_type(dtype, [&](auto type) {
      using T = decltype(type);
      activate<T>(static_cast<Activation>(activation), threads_of(settings), count, input<T>(z), output<T>(a));
    });
  });
}

int gemmconv_activate_backward(int32_t activation, int32_t dtype, const gemmconv_settings *settings, int64_t count,
                               const void *da, const void *z, void *dz) {
  return guarded([&] {
    require(activation >= 0 && activation < activation_count, "activation is ", activation, "; it must be from 0 to ",
            activation_count - 1);
    require(dtype == GEMMCONV_FLOAT32 || dtype == GEMMCONV_FLOAT64, "dtype is ", dtype, "; it must be 0 or 1");
    require(count >= 0, "count is ", count, "; it must be at least 0");
    check_pointer(da, count, "da");
    check_pointer(z, count, "z");
    check_pointer(dz, count, "dz");
    with_type(dtype, [&](auto type) {
      using T = decltype(type);
      activate_backward<T>(static_cast<Activation>(activation), threads_of(settings), count, input<T>(da), input<T>(z),
                           output<T>(dz));
    });
  });
}

}  // extern "C"
