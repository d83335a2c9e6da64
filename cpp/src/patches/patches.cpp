// Gather and scatter-add for NCHW: a row of the matrix is one tap of one channel, so that whole rows of x are copied.
#include "patches.hpp"

#include <algorithm>
#include <cstring>

#include "../grain.hpp"
#include "../threads.hpp"
#include "patches_bands.hpp"

namespace gemmconv {

namespace {

// The part of an output row (o0, o1) that lies in the block of pixels: columns [begin, end), first one at `at`.
struct Segment {
  int64_t o0, o1, begin, end, at;
};

// Calls body for the output rows of pixels [first, first + count), in order.
template <class Body>
void for_segments(const Geometry &geometry, int64_t first, int64_t count, const Body &body) {
  const int64_t width = geometry.output[2];
  int64_t row = first / width, column = first % width;
  int64_t o0 = row / geometry.output[1], o1 = row % geometry.output[1];
  for (int64_t at = 0; at < count;) {
    const int64_t end = std::min(width, column + count - at);
    body(Segment{o0, o1, column, end, at});
    at += end - column;
    column = 0;
    if (++o1 == geometry.output[1]) {
      o1 = 0;
      ++o0;
    }
  }
}

struct Tap {
  int64_t offset[3];
  Range inside[3];  // the outputs per axis under which it lies inside x
};

Tap tap_at(const Geometry &geometry, int64_t tap) {
  Tap result;
  for (int a = 2; a >= 0; --a) {
    const Axis axis = geometry.axis(a);
    result.offset[a] = tap_offset(axis, tap % axis.kernel, geometry.flip);
    result.inside[a] = outputs_inside(axis, result.offset[a]);
    tap /= axis.kernel;
  }
  return result;
}

// The taps of a kernel, computed once where they are few: six divisions each are a third of the time of a 7x7 plane.
class Taps {
 public:
  explicit Taps(const Geometry &geometry) : geometry_(geometry) {
    if (geometry.kernel_area() <= held)
      for (int64_t tap = 0; tap < geometry.kernel_area(); ++tap) taps_[tap] = tap_at(geometry, tap);
  }
  Tap operator[](int64_t tap) const { return geometry_.kernel_area() <= held ? taps_[tap] : tap_at(geometry_, tap); }

 private:
  static constexpr int64_t held = 64;
  const Geometry &geometry_;
  Tap taps_[held];
};

bool within(const Range &range, int64_t i) { return i >= range.begin && i < range.end; }

template <int Stride, class T>
void copy_strided(const T *__restrict from, int64_t stride, T *__restrict to, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] = from[i * (Stride == 0 ? stride : Stride)];
}

template <class T>
void copy_row(const T *from, int64_t stride, T *to, int64_t count) {
  if (stride == 1) std::memcpy(to, from, count * sizeof(T));
  else if (stride == 2) copy_strided<2>(from, stride, to, count);
  else copy_strided<0>(from, stride, to, count);
}

template <class T>
void gather_tap(const Geometry &geometry, const Tap &tap, int64_t first_pixel, int64_t pixels, const T *plane, T *to) {
  const int64_t stride = geometry.stride[2];
  for_segments(geometry, first_pixel, pixels, [&](const Segment &segment) {
    T *row = to + segment.at;
    const int64_t length = segment.end - segment.begin;
    if (!within(tap.inside[0], segment.o0) || !within(tap.inside[1], segment.o1)) {
      std::fill(row, row + length, T(0));
      return;
    }
    const int64_t i0 = segment.o0 * geometry.stride[0] + tap.offset[0];
    const int64_t i1 = segment.o1 * geometry.stride[1] + tap.offset[1];
    const int64_t cells = (i0 * geometry.input[1] + i1) * geometry.input[2] + tap.offset[2];
    const int64_t low = std::clamp(tap.inside[2].begin, segment.begin, segment.end);
    const int64_t high = std::clamp(tap.inside[2].end, low, segment.end);
    // guarded: rows are short, and filling nothing still costs a call
    if (low > segment.begin) std::fill(row, row + (low - segment.begin), T(0));
    if (low < high) copy_row(plane + (cells + low * stride), stride, row + (low - segment.begin), high - low);
    if (high < segment.end) std::fill(row + (high - segment.begin), row + length, T(0));
  });
}

// Unit strides and outputs as wide as x: an output pixel and the cell under it lie a fixed distance apart, so that all
// rows of a plane are one copy. Cells that it takes from the neighbouring row are padding and cleared after it.
template <class T>
void gather_shifted(const Geometry &geometry, const Tap &tap, int64_t first_pixel, int64_t pixels, const T *plane,
                    T *to) {
  const int64_t width = geometry.input[2], height = geometry.output[1];
  const int64_t last_pixel = first_pixel + pixels;
  for (int64_t o0 = first_pixel / (height * width); o0 * height * width < last_pixel; ++o0) {
    const int64_t base = o0 * height * width;  // pixel (o0, 0, 0)
    const int64_t begin = std::max(first_pixel, base), end = std::min(last_pixel, base + height * width);
    int64_t low = begin, high = begin;  // the pixels that are copied
    if (within(tap.inside[0], o0)) {
      low = std::clamp(base + tap.inside[1].begin * width, begin, end);
      high = std::clamp(base + tap.inside[1].end * width, low, end);
    }
    std::fill(to + (begin - first_pixel), to + (low - first_pixel), T(0));
    std::fill(to + (high - first_pixel), to + (end - first_pixel), T(0));
    if (low == high) continue;
    const int64_t shift = ((o0 + tap.offset[0]) * geometry.input[1] + tap.offset[1]) * width + tap.offset[2] - base;
    const int64_t from = std::max(low, -shift), stop = std::min(high, geometry.input_pixels() - shift);
    if (from < stop) std::memcpy(to + (from - first_pixel), plane + (from + shift), (stop - from) * sizeof(T));
    const auto clear = [&](int64_t first_column, int64_t last_column) {
      for (int64_t column = first_column; column < last_column; ++column)
        for (int64_t p = low + (column + width - low % width) % width; p < high; p += width) to[p - first_pixel] = T(0);
    };
    clear(0, tap.inside[2].begin);
    clear(tap.inside[2].end, width);
  }
}

// to[i * stride] += from[i]
template <int Stride, class T>
void add_strided(const T *__restrict from, T *__restrict to, int64_t stride, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i * (Stride == 0 ? stride : Stride)] += from[i];
}

// Adds one tap's row of the matrix to the input rows of `rows` (numbered i0 * input[1] + i1).
template <class T>
void scatter_tap(const Geometry &geometry, const Tap &tap, const Range &rows, int64_t first_pixel, int64_t pixels,
                 const T *from, T *plane) {
  const int64_t stride = geometry.stride[2];
  for_segments(geometry, first_pixel, pixels, [&](const Segment &segment) {
    if (!within(tap.inside[0], segment.o0) || !within(tap.inside[1], segment.o1)) return;
    const int64_t i0 = segment.o0 * geometry.stride[0] + tap.offset[0];
    const int64_t i1 = segment.o1 * geometry.stride[1] + tap.offset[1];
    const int64_t row = i0 * geometry.input[1] + i1;
    if (!within(rows, row)) return;
    const int64_t low = std::clamp(tap.inside[2].begin, segment.begin, segment.end);
    const int64_t high = std::clamp(tap.inside[2].end, low, segment.end);
    if (low == high) return;
    const T *values = from + (segment.at + low - segment.begin);
    T *cells = plane + (row * geometry.input[2] + low * stride + tap.offset[2]);
    if (stride == 1) add_strided<1>(values, cells, stride, high - low);
    else if (stride == 2) add_strided<2>(values, cells, stride, high - low);
    else add_strided<0>(values, cells, stride, high - low);
  });
}

// Whether the matrix of patches is x itself: a channel's pixels are a row of it, or, with one output, a column.
bool patches_are_x(const Geometry &geometry) {
  if (geometry.pointwise()) return true;
  const Sizes none{0, 0, 0};
  return geometry.kernel == geometry.input && geometry.output_pixels() == 1 && geometry.padding_low == none &&
         geometry.dilation == Sizes{1, 1, 1} && !geometry.flip;
}

// Calls body(image, channel, count) for runs of channels that together are all, in parallel.
template <class Body>
void for_channels(int threads, int64_t images, int64_t channels, const Body &body) {
  parallel_ranges(threads, images * channels, [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end;) {
      const int64_t count = std::min(end - unit, channels - unit % channels);
      body(unit / channels, unit % channels, count);
      unit += count;
    }
  });
}

}  // namespace

template <class T>
void gather(const Geometry &geometry, int threads, int64_t group, int64_t first_image, int64_t images,
            int64_t first_pixel, int64_t pixels, const T *x, T *cols, int64_t cols_row) {
  const int64_t area = geometry.kernel_area(), channels = geometry.group_inputs(), plane = geometry.input_pixels();
  threads = threads_for(threads, images * channels * area * pixels);
  if (patches_are_x(geometry)) {
    const int64_t length = geometry.pointwise() ? pixels : plane, step = geometry.pointwise() ? 1 : cols_row;
    const auto copy = kernels<T>().moves.copy;
    for_channels(threads, images, channels, [&](int64_t image, int64_t channel, int64_t count) {
      copy(count, length,
           x + ((first_image + image) * geometry.in_channels + group * channels + channel) * plane + first_pixel, plane,
           1, cols + channel * area * cols_row + image * pixels, area * cols_row, step);
    });
    return;
  }
  const bool shifted = geometry.stride[1] == 1 && geometry.stride[2] == 1 && geometry.stride[0] == 1 &&
                       geometry.output[2] == geometry.input[2];
  const PixelBlock block{group, first_image, images, first_pixel, pixels};
  const PatchBands<T> bands(geometry, block);
  if (bands.fits() && !(shifted && geometry.input[2] >= 64))
    return gather_by_bands(bands, threads, block, x, cols, cols_row);
  const Taps taps(geometry);
  // channel, image, tap: a plane of x stays in the cache for all its taps
  const IndexGrid grid{channels, images, area};
  parallel_ranges(threads, grid.count(), [&](int64_t begin, int64_t end) {
    grid.each(Range{begin, end}, [&](const auto &at) {
      const auto [channel, image, t] = at;
      const T *from = x + ((first_image + image) * geometry.in_channels + group * channels + channel) * plane;
      T *to = cols + (channel * area + t) * cols_row + image * pixels;
      if (shifted) gather_shifted(geometry, taps[t], first_pixel, pixels, from, to);
      else gather_tap(geometry, taps[t], first_pixel, pixels, from, to);
    });
  });
}

template <class T>
void scatter_add(const Geometry &geometry, int threads, int64_t group, int64_t first_image, int64_t images,
                 int64_t first_pixel, int64_t pixels, const T *cols, int64_t cols_row, T *dx, bool accumulate) {
  const int64_t area = geometry.kernel_area(), channels = geometry.group_inputs(), plane = geometry.input_pixels();
  const int64_t rows = geometry.input[0] * geometry.input[1];
  threads = threads_for(threads, channels * images * area * pixels);
  if (patches_are_x(geometry)) {
    const int64_t length = geometry.pointwise() ? pixels : plane, step = geometry.pointwise() ? 1 : cols_row;
    const auto put = accumulate ? kernels<T>().moves.add : kernels<T>().moves.copy;
    for_channels(threads, images, channels, [&](int64_t image, int64_t channel, int64_t count) {
      put(count, length, cols + channel * area * cols_row + image * pixels, area * cols_row, step,
          dx + ((first_image + image) * geometry.in_channels + group * channels + channel) * plane + first_pixel, plane,
          1);
    });
    return;
  }
  const PixelBlock block{group, first_image, images, first_pixel, pixels};
  const PatchBands<T> bands(geometry, block);
  if (bands.fits()) return scatter_by_bands(bands, threads, block, cols, cols_row, dx, accumulate);
  const Taps taps(geometry);
  const int64_t planes = channels * images;
  // A thread owns planes of dx or, where they are few, some rows of each.
  const int64_t shares = planes < 4 * threads && threads > 1 ? std::min<int64_t>(rows, threads) : 1;
  const IndexGrid grid{channels, images, shares};
  parallel_ranges(threads, grid.count(), [&](int64_t begin, int64_t end) {
    grid.each(Range{begin, end}, [&](const auto &at) {
      const auto [channel, image, share] = at;
      const Range owned = even_share(rows, share, shares);
      T *to = dx + ((first_image + image) * geometry.in_channels + group * channels + channel) * plane;
      if (!accumulate) std::fill(to + owned.begin * geometry.input[2], to + owned.end * geometry.input[2], T(0));
      for (int64_t t = 0; t < area; ++t) {
        const T *from = cols + (channel * area + t) * cols_row + image * pixels;
        scatter_tap(geometry, taps[t], owned, first_pixel, pixels, from, to);
      }
    });
  });
}

template void gather(const Geometry &, int, int64_t, int64_t, int64_t, int64_t, int64_t, const float *, float *,
                     int64_t);
template void gather(const Geometry &, int, int64_t, int64_t, int64_t, int64_t, int64_t, const double *, double *,
                     int64_t);
template void scatter_add(const Geometry &, int, int64_t, int64_t, int64_t, int64_t, int64_t, const float *, int64_t,
                          float *, bool);
template void scatter_add(const Geometry &, int, int64_t, int64_t, int64_t, int64_t, int64_t, const double *, int64_t,
                          double *, bool);

}  // namespace gemmconv
