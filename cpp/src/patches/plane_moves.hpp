// Gather and scatter-add of NCHW by way of the buffer of planes.hpp: what one tap reads of a block of rows is one
// call of a kernel.
#pragma once

#include "../threads.hpp"
#include "planes.hpp"

namespace gemmconv {

// The pixels [first, end) as rows of outputs: whole ones, and what they have of a row before and of one behind them.
// Worked out once, so that there is no division for each tap.
struct PixelRows {
  int64_t whole, whole_end;                           // rows
  int64_t head = -1, head_column = 0, head_size = 0;  // row, first pixel, pixels
  int64_t tail = -1, tail_size = 0;
  int64_t width;

  PixelRows(int64_t width, int64_t first, int64_t end)
      : whole(ceil_div(first, width)), whole_end(end / width), width(width) {
    if (first % width != 0) {
      head = first / width;
      head_column = first % width;
      head_size = std::min(width, end - head * width) - head_column;
    }
    if (end % width != 0 && whole_end >= whole) {
      tail = whole_end;
      tail_size = end % width;
    }
  }
  int64_t first_row() const { return head >= 0 ? head : whole; }
  int64_t last_row() const { return tail >= 0 ? tail + 1 : std::max(whole_end, head + 1); }

  // Calls body(row, m, column, n) for blocks of m rows of n pixels that together are those of rows [low, high).
  template <class Body>
  void in(int64_t low, int64_t high, const Body &body) const {
    if (head >= low && head < high) body(head, int64_t(1), head_column, head_size);
    const int64_t begin = std::max(low, whole), end = std::min(high, whole_end);
    if (begin < end) body(begin, end - begin, int64_t(0), width);
    if (tail >= low && tail < high) body(tail, int64_t(1), int64_t(0), tail_size);
  }
};

// What gather and scatter do on: some pixels of some images, for one group.
struct Block {
  int64_t group, first_image, images, first_pixel, pixels;
  int64_t end() const { return first_pixel + pixels; }
};

template <class T>
void gather_planes(const Geometry &geometry, const PatchPlanes<T> &planes, int threads, const Block &block, const T *x,
                   T *cols, int64_t cols_row) {
  const int64_t channels = geometry.group_inputs(), kernel1 = geometry.kernel[1], kernel2 = geometry.kernel[2];
  const int64_t width = planes.output_width(), stride = planes.rows().stride, row_step = stride * planes.row_cells();
  const PixelRows pixels(width, block.first_pixel, block.end());
  const auto copy = kernels().plane<T>().copy;
  // parts begin with a plane where there are enough of them, else with a row of taps
  const int64_t units = channels * block.images, rows_of_taps = units < threads ? 1 : kernel1;
  parallel_ranges(threads, units * kernel1 / rows_of_taps, [&](int64_t begin, int64_t end) {
    alignas(64) T buffer[PatchPlanes<T>::elements];
    std::fill(buffer, buffer + PatchPlanes<T>::elements, T(0));
    for (int64_t item = begin * rows_of_taps; item < end * rows_of_taps;) {
      const int64_t unit = item / kernel1, image = unit % block.images, channel = unit / block.images;
      const int64_t last = std::min(end * rows_of_taps, (unit + 1) * kernel1);  // this plane's rows of taps
      const T *plane = x + ((block.first_image + image) * geometry.in_channels + block.group * channels + channel) *
                               geometry.input_pixels();
      T *to = cols + (channel * kernel1 + item - unit * kernel1) * kernel2 * cols_row + image * block.pixels;
      for (int64_t o = pixels.first_row(); o < pixels.last_row(); o += planes.output_rows()) {
        const int64_t rows = std::min(planes.output_rows(), pixels.last_row() - o);
        planes.load(plane, planes.input_row(o), (rows - 1) * stride + planes.reach(), buffer);
        T *target = to;
        for (int64_t t1 = item - unit * kernel1; t1 < last - unit * kernel1; ++t1) {
          const T *row_of_taps = buffer + planes.row_of(t1) * planes.row_cells();
          for (int64_t t2 = 0; t2 < kernel2; ++t2, target += cols_row) {
            const T *view = row_of_taps + planes.cell_of(t2);
            pixels.in(o, o + rows, [&](int64_t row, int64_t m, int64_t column, int64_t n) {
              copy(m, n, view + (row - o) * row_step + column, row_step, 1,
                   target + (row * width + column - block.first_pixel), width, 1);
            });
          }
        }
      }
      item = last;
    }
  });
}

// Planes that are summed beside each other, tap by tap, so that a row is not read again right after it was written.
// It made no clear difference on 7x7 planes, which stay at 3 GB/s (Sapphire Rapids); why was not traced.
inline constexpr int64_t most_together = 8;

// A part owns rows of planes of dx. They are summed in the buffer, tap by tap, and then written or added.
template <class T>
void scatter_planes(const Geometry &geometry, const PatchPlanes<T> &planes, int threads, const Block &block,
                    const T *cols, int64_t cols_row, T *dx, bool accumulate) {
  const int64_t channels = geometry.group_inputs(), kernel1 = geometry.kernel[1], kernel2 = geometry.kernel[2];
  const int64_t width = planes.output_width(), stride = planes.rows().stride, row_step = stride * planes.row_cells();
  const int64_t units = channels * block.images, height = planes.rows().input;
  const int64_t bands =
      std::max(ceil_div(height, planes.input_rows()), std::min(height, ceil_div(threads, std::max<int64_t>(units, 1))));
  const PixelRows pixels(width, block.first_pixel, block.end());
  const auto add = kernels().plane<T>().add;
  const int64_t most_rows = ceil_div(height, bands), slot = most_rows * planes.row_cells();
  const int64_t together = bands > 1 ? 1 : std::min<int64_t>(most_together, PatchPlanes<T>::elements / slot);
  parallel_ranges(threads, units * bands, [&](int64_t begin, int64_t end) {
    alignas(64) T buffer[PatchPlanes<T>::elements];
    for (int64_t item = begin; item < end; item += together) {
      const int64_t count = std::min(together, end - item), band = item % bands;
      const int64_t low = height * band / bands, high = height * (band + 1) / bands;
      const T *from[most_together];
      for (int64_t i = 0; i < count; ++i) {
        const int64_t unit = (item + i) / bands, image = unit % block.images, channel = unit / block.images;
        from[i] = cols + channel * kernel1 * kernel2 * cols_row + image * block.pixels;
      }
      std::fill(buffer, buffer + count * slot, T(0));
      for (int64_t t1 = 0; t1 < kernel1; ++t1) {
        const int64_t offset = planes.input_row(0) + planes.row_of(t1) - low;  // the buffer's row under output row 0
        const int64_t o_low = std::max<int64_t>(0, ceil_div(-offset, stride));
        const int64_t o_high = std::min(planes.rows().output, ceil_div(high - low - offset, stride));
        for (int64_t t2 = 0; t2 < kernel2; ++t2) {
          T *view = buffer + planes.cell_of(t2);
          for (int64_t i = 0; i < count; ++i, view += slot) {
            pixels.in(o_low, o_high, [&](int64_t row, int64_t m, int64_t column, int64_t n) {
              add(m, n, from[i] + (row * width + column - block.first_pixel), width, 1,
                  view + (row * stride + offset) * planes.row_cells() + column, row_step, 1);
            });
            from[i] += cols_row;
          }
        }
      }
      for (int64_t i = 0; i < count; ++i) {
        const int64_t unit = (item + i) / bands, image = unit % block.images, channel = unit / block.images;
        planes.store(buffer + i * slot, low, high - low, accumulate,
                     dx + ((block.first_image + image) * geometry.in_channels + block.group * channels + channel) *
                              geometry.input_pixels());
      }
    }
  });
}

}  // namespace gemmconv
