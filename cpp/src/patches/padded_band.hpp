// Some rows of an image of a convolution, padded and taken apart as in padded.hpp, channel after channel: what a row of
// targets reads under one tap is then a row of the band, `tap_offsets` behind the row's own place. A band is made for a
// few rows at a time, so that it stays in the cache whatever the size of the image.
#pragma once

#include <cstring>

#include "../geometry.hpp"
#include "padded.hpp"

namespace gemmconv {

class PaddedBand {
 public:
  // Of x for the rows of y or, backward, of dy for the rows of each stride phase of dx: a row of targets is then every
  // stride-th cell of every stride-th row, and a tap serves the targets of its own phase.
  PaddedBand(const Geometry &g, bool backward)
      : g_(g),
        backward_(backward),
        sources_(backward ? g.output : g.input),
        step_(backward ? Sizes{1, 1, 1} : g.stride),
        width_(backward ? ceil_div(g.input[2], g.stride[2]) : g.output[2]),
        strides_(backward ? g.y_strides() : g.x_strides()) {}

  // What `count` rows of targets read, from (d, row) on.
  PaddedPlane plane(int64_t d, int64_t row, int64_t count) const {
    const int64_t first[3] = {d, row, 0}, counts[3] = {1, count, width_};
    PaddedPlane result;
    for (int i = 0; i < 3; ++i) {
      const int64_t a = offset(i, 0), b = offset(i, g_.kernel[i] - 1);  // monotonous in the tap
      result.axes[i] = PaddedAxis::covering(sources_[i], step_[i], counts[i], std::min(a, b), std::max(a, b));
      result.axes[i].first += first[i];
    }
    return result;
  }
  // Elements between neighbouring rows of targets.
  int64_t row_step() const { return plane(0, 0, 1).axes[2].extent; }
  // Elements of a channel with `count` rows of targets, an odd number of cache lines: channels must not share their
  // sets.
  int64_t channel_stride(int64_t count, int64_t item_bytes) const {
    const int64_t line = 64 / item_bytes;
    return (ceil_div(plane(0, 0, count).size(), line) | 1) * line;
  }
  // Where the first target of a band of `count` rows finds a tap of the first channel.
  int64_t tap_offset(const PaddedPlane &shape, int64_t tap) const {
    return shape.place(offset(0, tap / g_.kernel[2] / g_.kernel[1]), offset(1, tap / g_.kernel[2] % g_.kernel[1]),
                       offset(2, tap % g_.kernel[2]));
  }
  // All of them, channel after channel.
  void tap_offsets(int64_t count, int64_t channels, int64_t channel_stride, int64_t *offsets) const {
    const PaddedPlane shape = plane(0, 0, count);
    const int64_t area = g_.kernel_area();
    for (int64_t i = 0; i < channels * area; ++i) {
      offsets[i] = i < area ? tap_offset(shape, i) : offsets[i - area] + channel_stride;
    }
  }
  // The band of `count` rows from (d, row) on, of channels that begin at `from`; zeros outside the source.
  template <class T>
  void copy(const T *from, int64_t channels, int64_t d, int64_t row, int64_t count, int64_t channel_stride,
            T *band) const {
    const PaddedPlane shape = plane(d, row, count);
    bool used[PlaneFill::most_phases] = {};
    for (int64_t tap = 0; tap < g_.kernel_area(); ++tap) {
      const int64_t at[3] = {tap / g_.kernel[2] / g_.kernel[1], tap / g_.kernel[2] % g_.kernel[1], tap % g_.kernel[2]};
      int64_t phase = 0;
      for (int i = 0; i < 3; ++i) phase = phase * step_[i] + shape.axes[i].phase(offset(i, at[i]));
      used[phase] = true;
    }
    const PlaneFill fill(shape, used, strides_.axis);
    std::memset(band, 0, static_cast<size_t>(channels * channel_stride) * sizeof(T));
    for (int64_t c = 0; c < channels; ++c) fill(from + c * strides_.channel, band + c * channel_stride);
  }

 private:
  // The source cell that target 0, of the tap's phase, reads through a tap.
  int64_t offset(int axis, int64_t tap) const {
    const int64_t reach = gemmconv::tap_offset(g_.axis(axis), tap, g_.flip);
    return backward_ ? -floor_div(reach, g_.stride[axis]) : reach;
  }

  const Geometry &g_;
  bool backward_;
  Sizes sources_, step_;  // step: source cells between neighbouring targets
  int64_t width_;
  Strides strides_;
};

}  // namespace gemmconv
