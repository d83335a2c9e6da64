// The C interface to patches, bias gradients and activations.
#include "../activations.hpp"
#include "../patches/patches.hpp"
#include "../threads.hpp"
#include "call.hpp"

using namespace gemmconv;

namespace {

Geometry checked(gemmconv_problem &problem) { return resolve(problem); }

// The same, for `function`, which refuses NHWC and groups.
auto checked_for(const char *function) {
  return [function](gemmconv_problem &problem) {
    const Geometry geometry = resolve(problem);
    require(geometry.layout == Layout::nchw && geometry.groups == 1, function, " takes NCHW without groups");
    return geometry;
  };
}

// Elements of the patch matrix of one image, (in_channels * kernel area, output pixels).
int64_t matrix_size(const Geometry &geometry) { return geometry.patch_size() * geometry.output_pixels(); }

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

template <class T>
void im2col(const Geometry &geometry, int threads, const T *x, T *cols) {
  const int64_t pixels = geometry.output_pixels();
  for_images(threads, geometry.batch, [&](int64_t image, int within) {
    gather(geometry, within, 0, image, 1, 0, pixels, x, cols + image * matrix_size(geometry), pixels);
  });
}

template <class T>
void col2im(const Geometry &geometry, int threads, T *x, const T *cols) {
  const int64_t pixels = geometry.output_pixels();
  for_images(threads, geometry.batch, [&](int64_t image, int within) {
    scatter_add(geometry, within, 0, image, 1, 0, pixels, cols + image * matrix_size(geometry), pixels, x, false);
  });
}

// call() for functions that take an activation and a number of elements instead of a geometry.
template <class... Float, class... Double, class... Values>
int call_activation(int32_t activation, int32_t dtype, const gemmconv_settings *settings, int64_t count,
                    void (*float32)(Activation, int, int64_t, Float...),
                    void (*float64)(Activation, int, int64_t, Double...), const Argument<Values> &...arguments) {
  return guarded([&] {
    require(activation >= 0 && activation < activation_count, "activation is ", activation, "; it must be from 0 to ",
            activation_count - 1);
    require(dtype == GEMMCONV_FLOAT32 || dtype == GEMMCONV_FLOAT64, "dtype is ", dtype, "; it must be 0 or 1");
    require(count >= 0, "count is ", count, "; it must be at least 0");
    call_typed(static_cast<DType>(dtype), settings, static_cast<Activation>(activation), count, float32, float64,
               unchecked(count), arguments...);
  });
}

}  // namespace

extern "C" {

int gemmconv_bias_gradient(const gemmconv_problem *problem, const gemmconv_settings *settings, const void *dy,
                           void *db) {
  return call(problem, settings, checked, bias_gradient<float>, bias_gradient<double>, array("dy", dy),
              array_of_any_batch("db", db));
}

int gemmconv_im2col(const gemmconv_problem *problem, const gemmconv_settings *settings, const void *x, void *cols) {
  return call(problem, settings, checked_for("im2col"), im2col<float>, im2col<double>, array("x", x),
              array("cols", cols));
}

int gemmconv_col2im(const gemmconv_problem *problem, const gemmconv_settings *settings, const void *cols, void *x) {
  return call(problem, settings, checked_for("col2im"), col2im<float>, col2im<double>, array("x", x),
              array("cols", cols));
}

int gemmconv_activate(int32_t activation, int32_t dtype, const gemmconv_settings *settings, int64_t count,
                      const void *z, void *a) {
  return call_activation(activation, dtype, settings, count, activate<float>, activate<double>, array("z", z),
                         array("a", a));
}

int gemmconv_activate_backward(int32_t activation, int32_t dtype, const gemmconv_settings *settings, int64_t count,
                               const void *da, const void *z, void *dz) {
  return call_activation(activation, dtype, settings, count, activate_backward<float>, activate_backward<double>,
                         array("da", da), array("z", z), array("dz", dz));
}

}  // extern "C"
