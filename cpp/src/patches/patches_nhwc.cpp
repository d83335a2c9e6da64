// Gather and scatter-add for NHWC: a row of the matrix is one pixel's patch, and the channels of a tap lie together.
#include <algorithm>
#include <cstring>

#include "../grain.hpp"
#include "../threads.hpp"
#include "patches.hpp"

namespace gemmconv {

namespace {

// Counts (i0, i1, i2) through sizes in C order.
struct Position {
  int64_t at[3];
  Position(const Sizes &sizes, int64_t flat) : at{flat / sizes[2] / sizes[1], flat / sizes[2] % sizes[1], flat % sizes[2]} {}
  void advance(const Sizes &sizes) {
    if (++at[2] < sizes[2]) return;
    at[2] = 0;
    if (++at[1] < sizes[1]) return;
    at[1] = 0;
    if (++at[0] == sizes[0]) at[0] = 0;
  }
};

// The output along one axis that reads `cell` under a tap of this offset, or -1.
int64_t output_reading(const Axis &axis, int64_t cell, int64_t offset) {
  const int64_t distance = cell - offset;
  if (distance < 0) return -1;
  const int64_t o = axis.stride == 1 ? distance : distance / axis.stride;
  return o < axis.output && o * axis.stride == distance ? o : -1;
}

}  // namespace

template <class T>
void gather_nhwc(const Geometry &geometry, int threads, int64_t group, int64_t first_image, int64_t images,
                 int64_t first_pixel, int64_t pixels, const T *x, T *cols, int64_t cols_row) {
  const Axis axis0 = geometry.axis(0), axis1 = geometry.axis(1), axis2 = geometry.axis(2);
  const int64_t channels = geometry.group_inputs(), all_channels = geometry.in_channels;
  const int64_t row_size = axis2.kernel * channels;  // one row of taps
  // whole rows of taps lie together in x, too
  const bool together = axis2.dilation == 1 && channels == all_channels && (!geometry.flip || axis2.kernel == 1);
  threads = threads_for(threads, images * pixels * geometry.patch_size());
  parallel_ranges(threads, images * pixels, [&](int64_t begin, int64_t end) {
    Position pixel(geometry.output, first_pixel + begin % pixels);
    for (int64_t unit = begin; unit < end; ++unit) {
      if (unit % pixels == 0) pixel = Position(geometry.output, first_pixel);
      const T *from = x + (first_image + unit / pixels) * geometry.input_pixels() * all_channels + group * channels;
      T *to = cols + unit * cols_row;
      const int64_t start2 = pixel.at[2] * axis2.stride - axis2.padding_low;
      const Range inside = taps_inside(axis2, start2);
      for (int64_t t0 = 0; t0 < axis0.kernel; ++t0) {
        const int64_t i0 = pixel.at[0] * axis0.stride + tap_offset(axis0, t0, geometry.flip);
        for (int64_t t1 = 0; t1 < axis1.kernel; ++t1, to += row_size) {
          const int64_t i1 = pixel.at[1] * axis1.stride + tap_offset(axis1, t1, geometry.flip);
          if (i0 < 0 || i0 >= axis0.input || i1 < 0 || i1 >= axis1.input || inside.begin == inside.end) {
            std::fill(to, to + row_size, T(0));
            continue;
          }
          const int64_t row = (i0 * axis1.input + i1) * axis2.input;
          if (together) {
            std::fill(to, to + inside.begin * channels, T(0));
            std::memcpy(to + inside.begin * channels, from + (row + start2 + inside.begin) * channels,
                        (inside.end - inside.begin) * channels * sizeof(T));
            std::fill(to + inside.end * channels, to + row_size, T(0));
            continue;
          }
          for (int64_t t2 = 0; t2 < axis2.kernel; ++t2) {
            const int64_t i2 = pixel.at[2] * axis2.stride + tap_offset(axis2, t2, geometry.flip);
            if (i2 < 0 || i2 >= axis2.input)
              std::fill_n(to + t2 * channels, channels, T(0));
            else
              std::copy_n(from + (row + i2) * all_channels, channels, to + t2 * channels);
          }
        }
      }
      pixel.advance(geometry.output);
    }
  });
}

// Each cell of dx gathers what its taps hold for it, so that any split among threads gives the same bits.
template <class T>
void scatter_add_nhwc(const Geometry &geometry, int threads, int64_t group, int64_t first_image, int64_t images,
                      int64_t first_pixel, int64_t pixels, const T *cols, int64_t cols_row, T *dx) {
  const Axis axis0 = geometry.axis(0), axis1 = geometry.axis(1), axis2 = geometry.axis(2);
  const int64_t channels = geometry.group_inputs(), cells = geometry.input_pixels();
  threads = threads_for(threads, images * pixels * geometry.patch_size());
  parallel_ranges(threads, images * cells, [&](int64_t begin, int64_t end) {
    Position cell(geometry.input, begin % cells);
    for (int64_t unit = begin; unit < end; ++unit, cell.advance(geometry.input)) {
      const T *from = cols + unit / cells * pixels * cols_row;
      T *to = dx + (first_image * cells + unit) * geometry.in_channels + group * channels;
      for (int64_t t0 = 0; t0 < axis0.kernel; ++t0) {
        const int64_t o0 = output_reading(axis0, cell.at[0], tap_offset(axis0, t0, geometry.flip));
        if (o0 < 0) continue;
        for (int64_t t1 = 0; t1 < axis1.kernel; ++t1) {
          const int64_t o1 = output_reading(axis1, cell.at[1], tap_offset(axis1, t1, geometry.flip));
          if (o1 < 0) continue;
          for (int64_t t2 = 0; t2 < axis2.kernel; ++t2) {
            const int64_t o2 = output_reading(axis2, cell.at[2], tap_offset(axis2, t2, geometry.flip));
            const int64_t p = (o0 * axis1.output + o1) * axis2.output + o2 - first_pixel;
            if (o2 < 0 || p < 0 || p >= pixels) continue;
            const T *values = from + p * cols_row + ((t0 * axis1.kernel + t1) * axis2.kernel + t2) * channels;
            for (int64_t c = 0; c < channels; ++c) to[c] += values[c];
          }
        }
      }
    }
  });
}

template void gather_nhwc(const Geometry &, int, int64_t, int64_t, int64_t, int64_t, int64_t, const float *, float *, int64_t);
template void gather_nhwc(const Geometry &, int, int64_t, int64_t, int64_t, int64_t, int64_t, const double *, double *, int64_t);
template void scatter_add_nhwc(const Geometry &, int, int64_t, int64_t, int64_t, int64_t, int64_t, const float *, int64_t, float *);
template void scatter_add_nhwc(const Geometry &, int, int64_t, int64_t, int64_t, int64_t, int64_t, const double *, int64_t, double *);

}  // namespace gemmconv
