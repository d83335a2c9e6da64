// Gather and scatter-add of NCHW through a band that stays in the first-level cache: what one tap reads of a block of
// output rows is a shifted view of the band, copied or added by one call of a kernel. Rows of 7 or 14 pixels are one
// masked vector each.
#pragma once

#include "../index_grid.hpp"
#include "../threads.hpp"
#include "padded_band.hpp"

namespace gemmconv {

// The output pixels [first, end) of an image as rows: whole ones, and what they have of a row before and of one behind
// them. Computed once, so that there is no division for each tap.
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

// The images and output pixels that a gather or scatter-add is about, for one group.
struct PixelBlock {
  int64_t group, first_image, images, first_pixel, pixels;
  int64_t end() const { return first_pixel + pixels; }
};

// The bands of a plane of x that fit a buffer in the first-level cache. Two axes; a third has to be of size 1. Only
// axis 2 is de-interleaved: rows of a band are rows of x.
template <class T>
class PatchBands {
 public:
  static constexpr int64_t buffer_bytes = 32 << 10;
  static constexpr int64_t elements = buffer_bytes / static_cast<int64_t>(sizeof(T));
  static constexpr int64_t most_stride = 8;

  PatchBands(const Geometry &geometry, const PixelBlock &block)
      : pixels(geometry.output[2], block.first_pixel, block.end()),
        geometry_(geometry),
        block_(block),
        strides_(geometry.x_strides()),
        rows_(geometry.axis(1)) {
    const Axis axis = geometry.axis(2);
    columns_ = PaddedAxis::covering_taps(axis.input, axis.stride, axis.output, axis.kernel,
                                         [&](int64_t tap) { return tap_offset(axis, tap, geometry.flip); });
    // both phases of a stride of 2, read or not: they are copied together in registers
    if (axis.stride == 2) columns_.read = PaddedAxis::every_phase;
    output_rows_ = std::max<int64_t>(elements / row_cells() - reach(), 0) / rows_.stride + 1;
    fits_ = geometry.input[0] == 1 && geometry.kernel[0] == 1 && geometry.output[0] == 1 &&
            geometry.padding_low[0] == 0 && axis.stride <= most_stride && reach() * row_cells() <= elements;
    covers_ = fits_ && covered_columns() == axis.input;
    for (int64_t tap = 0; tap < std::min(axis.kernel, held_taps); ++tap) column_taps_[tap] = column_tap(tap);
  }

  const PixelRows pixels;

  // Whether the buffer holds what a row of outputs reads.
  bool fits() const { return fits_; }
  // Rows of outputs whose windows fit the buffer together; rows of input that do.
  int64_t output_rows() const { return output_rows_; }
  int64_t input_rows() const { return elements / row_cells(); }
  int64_t row_cells() const { return columns_.phases() * columns_.extent; }
  // Whether every column of x has a cell in a band.
  bool covers() const { return covers_; }
  int64_t width() const { return geometry_.input[2]; }
  int64_t output_width() const { return geometry_.output[2]; }
  int64_t kernel_columns() const { return geometry_.kernel[2]; }
  const Axis &rows() const { return rows_; }

  // The band of `count` rows of input from `first` on, and of what `count` rows of outputs from `o` on read.
  PaddedPlane of_inputs(int64_t first, int64_t count) const {
    PaddedPlane plane;
    plane.axes[1] = {rows_.input, 1, first, count, PaddedAxis::every_phase};
    plane.axes[2] = columns_;
    return plane;
  }
  PaddedPlane of_outputs(int64_t o, int64_t count) const {
    return of_inputs(o * rows_.stride - rows_.padding_low, (count - 1) * rows_.stride + reach());
  }
  const Sizes &strides() const { return strides_.axis; }
  // Elements between neighbouring rows of outputs in a band.
  int64_t row_step() const { return rows_.stride * columns_.extent; }
  // The row of a band that a row of taps reads for row o of outputs, and where output column 0 finds a column of taps in
  // row 0 of the band.
  int64_t row_of(const PaddedPlane &plane, int64_t o, int64_t tap) const {
    return plane.axes[1].cell(o * rows_.stride + tap_offset(rows_, tap, geometry_.flip));
  }
  int64_t column_of(int64_t phase_size, int64_t tap) const {
    const ColumnTap at = tap < held_taps ? column_taps_[tap] : column_tap(tap);
    return at.slot * phase_size + at.cell;
  }

  // A unit is a plane of x; they are numbered image after image for each channel. Where it begins in x, and its first
  // patch in the matrix.
  struct Unit {
    int64_t plane, patches;
  };
  int64_t units() const { return geometry_.group_inputs() * block_.images; }
  Unit unit(int64_t number, int64_t cols_row) const {
    const int64_t channel = number / block_.images, image = number % block_.images;
    return {(block_.first_image + image) * strides_.image +
                (block_.group * geometry_.group_inputs() + channel) * strides_.channel,
            channel * geometry_.kernel_area() * cols_row + image * block_.pixels};
  }

 private:
  // Where a column of taps is found in a row of a band. Computed once for most kernels: the divisions take as long as
  // the rows of a 7x7 plane.
  struct ColumnTap {
    int64_t slot, cell;
  };
  static constexpr int64_t held_taps = 16;

  ColumnTap column_tap(int64_t tap) const {
    const int64_t offset = tap_offset(geometry_.axis(2), tap, geometry_.flip);
    return {columns_.slot(columns_.phase(offset)), columns_.cell(offset)};
  }
  int64_t reach() const { return (rows_.kernel - 1) * rows_.dilation + 1; }  // rows that a window spans

  const Geometry &geometry_;
  const PixelBlock &block_;
  Strides strides_;
  Axis rows_;
  // Columns of the input that some tap reads; for the few phases of a stride that fits.
  int64_t covered_columns() const {
    int64_t covered = 0;
    for (int64_t phase = 0; phase < columns_.step; ++phase) {
      const Range cells = columns_.inside(phase);
      if (columns_.reads(phase)) covered += cells.end - cells.begin;
    }
    return covered;
  }

  PaddedAxis columns_;
  int64_t output_rows_;
  bool fits_, covers_;
  ColumnTap column_taps_[held_taps];
};

template <class T>
void gather_by_bands(const PatchBands<T> &bands, int threads, const PixelBlock &block, const T *x, T *cols,
                     int64_t cols_row) {
  const int64_t kernel1 = bands.rows().kernel, kernel2 = bands.kernel_columns(), width = bands.output_width();
  const int64_t row_step = bands.row_step();
  const PixelRows &pixels = bands.pixels;
  const auto copy = kernels<T>().moves.copy;
  // parts begin with a plane where there are enough of them, else with a row of taps
  const int64_t rows_of_taps = bands.units() < threads ? 1 : kernel1;
  parallel_ranges(threads, bands.units() * kernel1 / rows_of_taps, [&](int64_t begin, int64_t end) {
    alignas(64) T buffer[PatchBands<T>::elements];
    BandBuffer<T> band(buffer, T(0));
    int64_t first = -1, count = 0;  // rows of outputs that the band is for
    PaddedPlane plane;
    int64_t phase_size = 0;
    for (int64_t item = begin * rows_of_taps; item < end * rows_of_taps;) {
      const int64_t unit = item / kernel1, first_tap = item - unit * kernel1;
      const int64_t last_tap = std::min(end * rows_of_taps - unit * kernel1, kernel1);  // this plane's rows of taps
      const auto [from, patches] = bands.unit(unit, cols_row);
      T *to = cols + patches + first_tap * kernel2 * cols_row;
      for (int64_t o = pixels.first_row(); o < pixels.last_row(); o += bands.output_rows()) {
        const int64_t rows = std::min(bands.output_rows(), pixels.last_row() - o);
        if (o != first || rows != count) {
          first = o, count = rows;
          plane = bands.of_outputs(o, rows);
          phase_size = plane.phase_size();
          band.move(plane, bands.strides());
        }
        band.load(x + from);
        T *target = to;
        for (int64_t t1 = first_tap; t1 < last_tap; ++t1) {
          const T *row_of_taps = buffer + bands.row_of(plane, o, t1) * plane.axes[2].extent;
          for (int64_t t2 = 0; t2 < kernel2; ++t2, target += cols_row) {
            const T *view = row_of_taps + bands.column_of(phase_size, t2);
            pixels.in(o, o + rows, [&](int64_t row, int64_t m, int64_t column, int64_t n) {
              copy(m, n, view + (row - o) * row_step + column, row_step, 1,
                   target + (row * width + column - block.first_pixel), width, 1);
            });
          }
        }
      }
      item = unit * kernel1 + last_tap;
    }
  });
}

// Planes that are summed beside each other, tap by tap, so that a row is not read again right after it was written.
// It made no clear difference on 7x7 planes, which stay at 3 GB/s (Sapphire Rapids); why was not traced.
inline constexpr int64_t most_together = 8;

// Adds the patches of `count` planes, the first of which begins at from[i], to the bands of these planes, `slot` elements
// apart.
template <class T>
void add_patches(const PatchBands<T> &bands, const PaddedPlane &plane, const PixelBlock &block, int64_t count,
                 const T **from, int64_t cols_row, T *cells, int64_t slot) {
  const Axis &rows = bands.rows();
  const int64_t width = bands.output_width(), height = plane.axes[1].extent, phase_size = plane.phase_size();
  const int64_t row_step = bands.row_step();
  const auto add = kernels<T>().moves.add;
  for (int64_t t1 = 0; t1 < rows.kernel; ++t1) {
    const int64_t offset = bands.row_of(plane, 0, t1);
    const int64_t low = std::max<int64_t>(0, ceil_div(-offset, rows.stride));
    const int64_t high = std::min(rows.output, ceil_div(height - offset, rows.stride));
    for (int64_t t2 = 0; t2 < bands.kernel_columns(); ++t2) {
      T *view = cells + bands.column_of(phase_size, t2) + offset * plane.axes[2].extent;
      for (int64_t i = 0; i < count; ++i, view += slot) {
        bands.pixels.in(low, high, [&](int64_t row, int64_t m, int64_t column, int64_t n) {
          add(m, n, from[i] + (row * width + column - block.first_pixel), width, 1, view + row * row_step + column,
              row_step, 1);
        });
        from[i] += cols_row;
      }
    }
  }
}

// A part owns rows of planes of dx. They are summed in a band of each plane, tap by tap, and then written or added.
template <class T>
void scatter_by_bands(const PatchBands<T> &bands, int threads, const PixelBlock &block, const T *cols, int64_t cols_row,
                      T *dx, bool accumulate) {
  const Axis &rows = bands.rows();
  const int64_t per_plane = std::max(ceil_div(rows.input, bands.input_rows()),
                                     std::min(rows.input, ceil_div(threads, std::max<int64_t>(bands.units(), 1))));
  const int64_t slot = ceil_div(rows.input, per_plane) * bands.row_cells();
  const int64_t together = per_plane > 1 ? 1 : std::min<int64_t>(most_together, PatchBands<T>::elements / slot);
  parallel_ranges(threads, bands.units() * per_plane, [&](int64_t begin, int64_t end) {
    alignas(64) T buffer[PatchBands<T>::elements];
    std::optional<PlaneCopy> copy;
    PaddedPlane plane;
    for (int64_t item = begin; item < end; item += together) {
      const int64_t count = std::min(together, end - item), unit = item / per_plane;
      const Range owned = even_share(rows.input, item % per_plane, per_plane);
      if (!copy || per_plane > 1) {
        plane = bands.of_inputs(owned.begin, owned.end - owned.begin);
        copy.emplace(plane, bands.strides());
      }
      std::fill(buffer, buffer + count * slot, T(0));
      const T *from[most_together];
      T *to[most_together];
      for (int64_t i = 0; i < count; ++i) {
        const auto [at, patches] = bands.unit(unit + i, cols_row);
        from[i] = cols + patches;
        to[i] = dx + at;
      }
      add_patches(bands, plane, block, count, from, cols_row, buffer, slot);
      for (int64_t i = 0; i < count; ++i) {
        if (!accumulate && !bands.covers())
          std::fill_n(to[i] + owned.begin * bands.width(), plane.axes[1].extent * bands.width(), T(0));
        copy->store(buffer + i * slot, accumulate, to[i]);
      }
    }
  });
}

}  // namespace gemmconv
