// Gather and scatter-add for NHWC: a row of the matrix is one pixel's patch, and the channels of a tap lie together.
#include <algorithm>
#include <cstring>

#include "../grain.hpp"
#include "../index_grid.hpp"
#include "../threads.hpp"
#include "patches.hpp"

namespace gemmconv {

namespace {

// Whether the taps of a row lie in x as they do in a patch, one after the other with all their channels.
bool taps_together(const Geometry &geometry) {
  return geometry.dilation[2] == 1 && geometry.groups == 1 && (!geometry.flip || geometry.kernel[2] == 1);
}

// The output along one axis that reads `cell` under a tap of this offset, or -1.
int64_t output_reading(const Axis &axis, int64_t cell, int64_t offset) {
  const int64_t distance = cell - offset;
  if (distance < 0) return -1;
  const int64_t o = axis.stride == 1 ? distance : distance / axis.stride;
  return o < axis.output && o * axis.stride == distance ? o : -1;
}

// The patch of the output pixel at `pixel`: `from` is the first channel of its image, `to` is written whole.
template <class T>
void gather_patch(const Geometry &geometry, bool together, const std::array<int64_t, 3> &pixel, const T *from, T *to) {
  const Axis axis0 = geometry.axis(0), axis1 = geometry.axis(1), axis2 = geometry.axis(2);
  const int64_t channels = geometry.group_inputs(), all_channels = geometry.in_channels;
  const int64_t row_size = axis2.kernel * channels;  // one row of taps
  const int64_t start2 = pixel[2] * axis2.stride - axis2.padding_low;
  const Range inside = taps_inside(axis2, start2);
  for (int64_t t0 = 0; t0 < axis0.kernel; ++t0) {
    const int64_t i0 = pixel[0] * axis0.stride + tap_offset(axis0, t0, geometry.flip);
    for (int64_t t1 = 0; t1 < axis1.kernel; ++t1, to += row_size) {
      const int64_t i1 = pixel[1] * axis1.stride + tap_offset(axis1, t1, geometry.flip);
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
        const int64_t i2 = pixel[2] * axis2.stride + tap_offset(axis2, t2, geometry.flip);
        if (i2 < 0 || i2 >= axis2.input) std::fill_n(to + t2 * channels, channels, T(0));
        else std::copy_n(from + (row + i2) * all_channels, channels, to + t2 * channels);
      }
    }
  }
}

}  // namespace

template <class T>
void gather_nhwc(const Geometry &geometry, int threads, int64_t group, int64_t first_image, int64_t images,
                 int64_t first_pixel, int64_t pixels, const T *x, T *cols, int64_t cols_row) {
  const bool together = taps_together(geometry);
  const IndexGrid grid{geometry.output[0], geometry.output[1], geometry.output[2]};
  const Strides strides = geometry.x_strides();
  threads = threads_for(threads, images * pixels * geometry.patch_size());
  parallel_ranges(threads, images * pixels, [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end;) {
      const int64_t image = unit / pixels, stop = std::min(end, (image + 1) * pixels);
      const int64_t pixel = first_pixel + unit % pixels;
      const T *from = x + (first_image + image) * strides.image + group * geometry.group_inputs();
      T *to = cols + unit * cols_row;
      grid.each(Range{pixel, pixel + stop - unit}, [&](const std::array<int64_t, 3> &at) {
        gather_patch(geometry, together, at, from, to);
        to += cols_row;
      });
      unit = stop;
    }
  });
}

// A thread owns cells of dx and adds what the patches hold for them, row of taps by row of taps and then by output, so
// that any split among threads gives the same bits.
template <class T>
void scatter_add_nhwc(const Geometry &geometry, int threads, int64_t group, int64_t first_image, int64_t images,
                      int64_t first_pixel, int64_t pixels, const T *cols, int64_t cols_row, T *dx) {
  const Axis axis0 = geometry.axis(0), axis1 = geometry.axis(1), axis2 = geometry.axis(2);
  const int64_t channels = geometry.group_inputs(), all_channels = geometry.in_channels;
  const int64_t extent = (axis2.kernel - 1) * axis2.dilation;
  const bool together = taps_together(geometry);
  // dx columns [begin, end) of one row += what the taps (t0, t1, *) of the outputs in row `outputs` hold for them
  const auto add_row = [&](const T *__restrict taps, int64_t outputs, int64_t begin, int64_t end, T *__restrict row) {
    const int64_t first = std::max(ceil_div(begin + axis2.padding_low - extent, axis2.stride), first_pixel - outputs);
    const int64_t last =
        std::min({axis2.output, ceil_div(end + axis2.padding_low, axis2.stride), first_pixel + pixels - outputs});
    for (int64_t o = std::max<int64_t>(first, 0); o < last; ++o) {
      const T *patch = taps + (outputs + o - first_pixel) * cols_row;
      const int64_t start = o * axis2.stride - axis2.padding_low;
      if (together) {
        const int64_t low = std::max<int64_t>(0, begin - start), high = std::min(axis2.kernel, end - start);
        T *cells = row + (start + low) * channels;
        for (int64_t i = 0; i < (high - low) * channels; ++i) cells[i] += patch[low * channels + i];
        continue;
      }
      for (int64_t t = 0; t < axis2.kernel; ++t) {
        const int64_t cell = o * axis2.stride + tap_offset(axis2, t, geometry.flip);
        if (cell < begin || cell >= end) continue;
        for (int64_t c = 0; c < channels; ++c) row[cell * all_channels + c] += patch[t * channels + c];
      }
    }
  };
  const int64_t rows = axis0.input * axis1.input;
  threads = threads_for(threads, images * pixels * geometry.patch_size());
  parallel_ranges(threads, images * rows * axis2.input, [&](int64_t first, int64_t last) {
    for (int64_t cell = first; cell < last;) {
      const int64_t row = cell / axis2.input, begin = cell % axis2.input;
      const int64_t end = std::min(axis2.input, begin + last - cell);
      const int64_t image = row / rows, i0 = row % rows / axis1.input, i1 = row % axis1.input;
      T *to = dx + (first_image * rows + row) * axis2.input * all_channels + group * channels;
      for (int64_t t0 = 0; t0 < axis0.kernel; ++t0) {
        const int64_t o0 = output_reading(axis0, i0, tap_offset(axis0, t0, geometry.flip));
        if (o0 < 0) continue;
        for (int64_t t1 = 0; t1 < axis1.kernel; ++t1) {
          const int64_t o1 = output_reading(axis1, i1, tap_offset(axis1, t1, geometry.flip));
          if (o1 < 0) continue;
          const T *taps = cols + image * pixels * cols_row + (t0 * axis1.kernel + t1) * axis2.kernel * channels;
          add_row(taps, (o0 * axis1.output + o1) * axis2.output, begin, end, to);
        }
      }
      cell += end - begin;
    }
  });
}

template void gather_nhwc(const Geometry &, int, int64_t, int64_t, int64_t, int64_t, int64_t, const float *, float *,
                          int64_t);
template void gather_nhwc(const Geometry &, int, int64_t, int64_t, int64_t, int64_t, int64_t, const double *, double *,
                          int64_t);
template void scatter_add_nhwc(const Geometry &, int, int64_t, int64_t, int64_t, int64_t, int64_t, const float *,
                               int64_t, float *);
template void scatter_add_nhwc(const Geometry &, int, int64_t, int64_t, int64_t, int64_t, int64_t, const double *,
                               int64_t, double *);

}  // namespace gemmconv
