// The loops of direct convolution, for each layout and pass. They write the whole output and know neither bias nor
// activation.
#pragma once

#include <algorithm>

#include "../../index_grid.hpp"
#include "../../threads.hpp"
#include "../sides.hpp"
#include "../taps.hpp"

namespace gemmconv::direct {

// first, second, out: x, w, y | dy, w, dx | dy, x, dw
template <class T>
using Loops = void (*)(const Problem &, int threads, const T *first, const T *second, T *out);

template <class T>
Loops<T> nchw_loops(Pass pass);
template <class T>
Loops<T> nhwc_loops(Pass pass);

// Most channels of a run: four tiles of rows.
inline constexpr int64_t run_channels = 64;

// Calls body(image, group, first channel, count) for runs of neighbouring channels of one image and one group, in
// parallel.
template <class Body>
void for_channel_runs(int threads, int64_t images, int64_t channels, int64_t group_channels, const Body &body) {
  parallel_ranges(threads, images * channels, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const auto [image, channel] = IndexGrid{images, channels}.at(begin);
      const int64_t group = channel / group_channels;
      const int64_t count = std::min({end - begin, (group + 1) * group_channels - channel, run_channels});
      body(image, group, channel, count);
      begin += count;
    }
  });
}

// The index of the input row, along depth and height, that an output row reads through a tap.
struct InputRow {
  int64_t depth, row;
};

inline InputRow input_row(const Geometry &g, int64_t od, int64_t oh, const Tap &tap) {
  return {od * g.stride[0] + tap.depth_offset, oh * g.stride[1] + tap.row_offset};
}

inline bool exists(const Geometry &g, const InputRow &at) {
  return at.depth >= 0 && at.depth < g.input[0] && at.row >= 0 && at.row < g.input[1];
}

// The offset in an image of x of what the first column of a tap reads, given its input row.
inline int64_t x_offset(const Geometry &g, const Strides &x, const InputRow &at, const Tap &tap) {
  return at.depth * x.axis[0] + at.row * x.axis[1] + (tap.columns.begin * g.stride[2] + tap.column_offset) * x.axis[2];
}

inline int64_t y_offset(const Strides &y, int64_t od, int64_t oh, const Tap &tap) {
  return od * y.axis[0] + oh * y.axis[1] + tap.columns.begin * y.axis[2];
}

}  // namespace gemmconv::direct
