// Activations over whole arrays, and the gradient of a bias.
#include "activations.hpp"

#include <algorithm>
#include <cmath>

#include "grain.hpp"
#include "kernels/kernels.hpp"
#include "threads.hpp"
#include "workspace.hpp"

namespace gemmconv {

namespace {

// Sum of `count` neighbours: 16 chains, so that no chain is longer than a sixteenth.
template <class T>
double sum_of(const T *values, int64_t count) {
  double lanes[16] = {};
  int64_t i = 0;
  for (; i + 16 <= count; i += 16)
    for (int lane = 0; lane < 16; ++lane) lanes[lane] += values[i + lane];
  for (; i < count; ++i) lanes[i % 16] += values[i];
  for (int width = 8; width > 0; width /= 2)
    for (int lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
  return lanes[0];
}

// A sum that keeps what each addition rounds away (Neumaier): its error does not grow with the number of terms.
struct LongSum {
  double sum = 0, lost = 0;
  void add(double value) {
    const double next = sum + value;
    lost += std::abs(sum) >= std::abs(value) ? (sum - next) + value : (value - next) + sum;
    sum = next;
  }
  double total() const { return std::isfinite(sum) ? sum + lost : sum; }
};

inline constexpr int64_t block = 2048;  // pixels of a plane, or rows of channels, that are summed plainly

// NCHW: a channel's planes, one block after the other.
template <class T>
void bias_gradient_planes(const Geometry &geometry, int threads, const T *dy, T *db) {
  const int64_t channels = geometry.out_channels, pixels = geometry.output_pixels();
  parallel_ranges(threads, channels, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      LongSum sum;
      for (int64_t image = 0; image < geometry.batch; ++image)
        for (int64_t first = 0; first < pixels; first += block)
          sum.add(sum_of(dy + (image * channels + k) * pixels + first, std::min(block, pixels - first)));
      db[k] = static_cast<T>(sum.total());
    }
  });
}

// NHWC: channels side by side; short runs of pixels plainly, runs one after the other.
template <class T>
void bias_gradient_channels(const Geometry &geometry, int threads, const T *dy, T *db) {
  constexpr int64_t side = 64, run = 128;
  const int64_t channels = geometry.out_channels, pixels = geometry.batch * geometry.output_pixels();
  const int64_t sides = ceil_div(channels, side), pieces = std::min<int64_t>(64, ceil_div(pixels, block));
  // per piece of the pixels and channel: a sum; pieces make work for threads where channels are few
  Workspace workspace(static_cast<size_t>(pieces * channels) * sizeof(double));
  double *partial = static_cast<double *>(workspace.data());
  parallel_ranges(threads, sides * pieces, [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t piece = unit / sides, channel = unit % sides * side, count = std::min(side, channels - channel);
      LongSum sums[side];
      const int64_t last = pixels * (piece + 1) / pieces;
      for (int64_t first = pixels * piece / pieces; first < last; first += run) {
        double row[side] = {};
        for (int64_t p = first; p < std::min(first + run, last); ++p)
          for (int64_t c = 0; c < count; ++c) row[c] += dy[p * channels + channel + c];
        for (int64_t c = 0; c < count; ++c) sums[c].add(row[c]);
      }
      for (int64_t c = 0; c < count; ++c) partial[piece * channels + channel + c] = sums[c].total();
    }
  });
  for (int64_t k = 0; k < channels; ++k) {
    LongSum sum;
    for (int64_t piece = 0; piece < pieces; ++piece) sum.add(partial[piece * channels + k]);
    db[k] = static_cast<T>(sum.total());
  }
}

}  // namespace

// Activations that the instruction sets have code for.
template <class T, Activation sigma>
constexpr bool has_kernel = std::is_same_v<T, float> && (sigma == Activation::tanh || sigma == Activation::sigmoid);

template <class T>
void activate(Activation activation, int threads, int64_t count, const T *z, T *a) {
  const ActivationKernel &table = kernels().activation_f32;
  with_activation(activation, [&](auto constant) {
    parallel_ranges(threads_for(threads, count), count, [&](int64_t begin, int64_t end) {
      constexpr Activation sigma = decltype(constant)::value;
      if constexpr (has_kernel<T, sigma>)
        (sigma == Activation::tanh ? table.tanh : table.sigmoid)(end - begin, z + begin, a + begin);
      else
        for (int64_t i = begin; i < end; ++i) a[i] = activated(sigma, z[i]);
    });
  });
}

template <class T>
void activate_backward(Activation activation, int threads, int64_t count, const T *da, const T *z, T *dz) {
  const ActivationKernel &table = kernels().activation_f32;
  with_activation(activation, [&](auto constant) {
    parallel_ranges(threads_for(threads, count), count, [&](int64_t begin, int64_t end) {
      constexpr Activation sigma = decltype(constant)::value;
      if constexpr (has_kernel<T, sigma>) {
        const auto kernel = sigma == Activation::tanh ? table.tanh_backward : table.sigmoid_backward;
        return kernel(end - begin, da + begin, z + begin, dz + begin);
      }
      for (int64_t i = begin; i < end; ++i) {
        const T at = z[i], error = da[i];  // read before the choice, which is then none of branches
        const T closed = at <= 0 ? T(0) : at;
        dz[i] = sigma == Activation::relu ? (at > 0 ? error : closed) : error * activation_slope(sigma, at);
      }
    });
  });
}

template <class T>
void bias_gradient(const Geometry &geometry, int threads, const T *dy, T *db) {
  threads = threads_for(threads, geometry.y_size());
  if (geometry.y_size() == 0) {
    std::fill_n(db, geometry.out_channels, T(0));
    return;
  }
  if (geometry.layout == Layout::nchw || geometry.out_channels == 1)
    return bias_gradient_planes(geometry, threads, dy, db);
  bias_gradient_channels(geometry, threads, dy, db);
}

template void activate(Activation, int, int64_t, const float *, float *);
template void activate(Activation, int, int64_t, const double *, double *);
template void activate_backward(Activation, int, int64_t, const float *, const float *, float *);
template void activate_backward(Activation, int, int64_t, const double *, const double *, double *);
template void bias_gradient(const Geometry &, int, const float *, float *);
template void bias_gradient(const Geometry &, int, const double *, double *);

}  // namespace gemmconv
