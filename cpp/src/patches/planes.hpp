// Planes of NCHW between an image and its patches, in a buffer that stays in the first-level cache: columns of
// padding are written out and the stride along axis 2 is taken apart, so that what one tap reads of a block of output
// rows is a shifted view of the buffer, copied or added whole. Rows of 7 or 14 pixels are one masked vector each.
#pragma once

#include <algorithm>
#include <cstdint>

#include "../geometry.hpp"
#include "../kernels/kernels.hpp"

namespace gemmconv {

// One plane's blocks of rows. Two axes; a third has to be of size 1.
template <class T>
class PatchPlanes {
 public:
  static constexpr int64_t buffer_bytes = 32 << 10;
  static constexpr int64_t elements = buffer_bytes / static_cast<int64_t>(sizeof(T));
  static constexpr int64_t most_phases = 8, most_width = 2048;

  explicit PatchPlanes(const Geometry &geometry)
      : rows_(geometry.axis(1)), columns_(geometry.axis(2)), flip_(geometry.flip) {
    const int64_t stride = columns_.stride;
    phase_cells_ = columns_.output + (columns_.kernel - 1) * columns_.dilation / stride;
    // both phases of a stride of 2, read or not, so that they are put together in registers
    row_cells_ = (stride == 2 ? 2 : std::min(stride, (columns_.kernel - 1) * columns_.dilation + 1)) * phase_cells_;
    fits_ = geometry.input[0] == 1 && geometry.kernel[0] == 1 && geometry.output[0] == 1 &&
            geometry.padding_low[0] == 0 && stride <= most_phases && reach() * row_cells_ <= elements;
    int64_t covered = 0;
    for (int64_t phase = 0; phase * phase_cells_ < row_cells_; ++phase) {
      const Range cells = inside(phase);
      covered += cells.end - cells.begin;
    }
    covers_ = covered == columns_.input;
  }

  // Whether the buffer holds what a row of outputs reads.
  bool fits() const { return fits_; }
  // Rows that a window spans.
  int64_t reach() const { return (rows_.kernel - 1) * rows_.dilation + 1; }
  // Rows of outputs whose windows fit the buffer together; rows of input that do.
  int64_t output_rows() const { return (elements / row_cells_ - reach()) / rows_.stride + 1; }
  int64_t input_rows() const { return elements / row_cells_; }
  int64_t row_cells() const { return row_cells_; }
  int64_t output_width() const { return columns_.output; }
  const Axis &rows() const { return rows_; }

  // The first input row under row o of outputs and the first tap.
  int64_t input_row(int64_t o) const { return o * rows_.stride - rows_.padding_low; }
  // Rows from the first that a window spans to the one under a tap; where output 0 finds its cell in a row of the
  // buffer.
  int64_t row_of(int64_t tap) const { return (flip_ ? rows_.kernel - 1 - tap : tap) * rows_.dilation; }
  int64_t cell_of(int64_t tap) const {
    const int64_t column = (flip_ ? columns_.kernel - 1 - tap : tap) * columns_.dilation;
    if (columns_.stride == 1) return column;
    if (columns_.stride == 2) return (column & 1) * phase_cells_ + (column >> 1);
    return column % columns_.stride * phase_cells_ + column / columns_.stride;
  }

  // Rows [first, first + count) of a plane into the buffer; those outside it are zeros. Columns outside it are never
  // written: they stay the zeros that the caller put there once.
  void load(const T *plane, int64_t first, int64_t count, T *buffer) const {
    const int64_t begin = std::clamp<int64_t>(-first, 0, count), end = std::clamp(rows_.input - first, begin, count);
    std::fill(buffer, buffer + begin * row_cells_, T(0));
    std::fill(buffer + end * row_cells_, buffer + count * row_cells_, T(0));
    if (begin == end) return;
    const T *from = plane + (first + begin) * columns_.input;
    buffer += begin * row_cells_;
    if (columns_.stride == 2) {
      const int64_t skipped = columns_.padding_low, cell = skipped / 2;
      const int64_t width = std::min(columns_.input, 2 * phase_cells_ - skipped);
      T *even = buffer + cell, *odd = buffer + phase_cells_ + cell;
      if (skipped % 2 == 1) std::swap(even, odd), ++odd;
      if (width > 0) kernels().pool<T>().split(end - begin, width, from, columns_.input, even, odd, row_cells_);
      return;
    }
    for (int64_t phase = 0; phase * phase_cells_ < row_cells_; ++phase) {
      const Range cells = inside(phase);
      if (cells.begin < cells.end)
        kernels().plane<T>().copy(end - begin, cells.end - cells.begin, from + column(phase, cells.begin),
                                  columns_.input, columns_.stride, buffer + phase * phase_cells_ + cells.begin,
                                  row_cells_, 1);
    }
  }

  // The rows of a buffer that stand for rows [first, first + count), all inside the plane, into it or added to it.
  void store(const T *buffer, int64_t first, int64_t count, bool accumulate, T *plane) const {
    const int64_t width = columns_.input, stride = columns_.stride;
    T *to = plane + first * width;
    if (stride == 2 && covers_ && width <= most_width) {
      const int64_t skipped = columns_.padding_low, cell = skipped / 2;
      const T *even = buffer + cell, *odd = buffer + phase_cells_ + cell;
      if (skipped % 2 == 1) std::swap(even, odd), ++odd;
      if (!accumulate) return kernels().pool<T>().join(count, width, even, odd, row_cells_, to, width);
      T line[most_width];
      for (int64_t row = 0; row < count; ++row) {
        kernels().pool<T>().join(1, width, even + row * row_cells_, odd + row * row_cells_, 0, line, 0);
        kernels().plane<T>().add(1, width, line, 0, 1, to + row * width, 0, 1);
      }
      return;
    }
    if (!accumulate && !covers_) std::fill(to, to + count * width, T(0));
    const auto put = accumulate ? kernels().plane<T>().add : kernels().plane<T>().copy;
    for (int64_t phase = 0; phase * phase_cells_ < row_cells_; ++phase) {
      const Range cells = inside(phase);
      if (cells.begin < cells.end)
        put(count, cells.end - cells.begin, buffer + phase * phase_cells_ + cells.begin, row_cells_, 1,
            to + column(phase, cells.begin), width, stride);
    }
  }

 private:
  int64_t column(int64_t phase, int64_t cell) const { return cell * columns_.stride + phase - columns_.padding_low; }
  // The cells of a phase that lie inside the plane.
  Range inside(int64_t phase) const {
    const int64_t start = phase - columns_.padding_low;
    const int64_t begin = start < 0 ? std::min(ceil_div(-start, columns_.stride), phase_cells_) : 0;
    return Range{begin, std::clamp(ceil_div(columns_.input - start, columns_.stride), begin, phase_cells_)};
  }

  Axis rows_, columns_;
  bool flip_, fits_, covers_;  // covers: every column of the plane has a cell
  int64_t phase_cells_, row_cells_;
};

}  // namespace gemmconv
