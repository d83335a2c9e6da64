// The variant `channels`: every channel has one kernel and channels are neighbours (NHWC). Vectors lie along the
// channels and x is read in place, row by row (channel_rows.hpp); padding only says which taps there are at a pixel.
#include "channel_rows.hpp"

#include <algorithm>

#include "../../index_grid.hpp"
#include "../../kernels/kernels.hpp"
#include "../../threads.hpp"
#include "../finish.hpp"
#include "cost.hpp"

namespace gemmconv::depthwise {
namespace {

constexpr int64_t cache_line_bytes = 64;

// Forward and input gradient. The weights are needed tap by tap, the kernels of all channels side by side.
template <class T>
class ChannelCorrelation final : public Prepared {
 public:
  ChannelCorrelation(const Problem &given, const Execution &settings)
      : Prepared(given, settings),
        g_(this->problem.geometry),
        sides_(this->problem),
        rows_(g_, sides_),
        tasks_{{g_.batch, sides_.target.sizes[0], sides_.target.sizes[1]}} {
    workspace_bytes = execution.packed_weights ? 0 : packed_bytes;
    seconds = channels_seconds(problem, execution);
  }

  void pack(const void *w, void *packed) const override {
    kernels<T>().moves.transpose(g_.in_channels, g_.kernel_area(), static_cast<const T *>(w), g_.kernel_area(),
                                 static_cast<T *>(packed), g_.in_channels);
  }

  void run(const Arguments &arguments) const override {
    const T *source = static_cast<const T *>(arguments.first), *w = static_cast<const T *>(arguments.second);
    const T *bias = static_cast<const T *>(arguments.bias);
    T *target = static_cast<T *>(arguments.out);
    if (!execution.packed_weights) {
      pack(w, arguments.workspace);
      w = static_cast<const T *>(arguments.workspace);
    }
    const int64_t row_size = sides_.target.sizes[2] * g_.in_channels;
    parallel_ranges(execution.threads, tasks_.count(), [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; ++task) {
        const auto [image, depth, row] = tasks_.at(task);
        correlate_row(depth, row, w, source + image * sides_.source.strides.image, bias, target + task * row_size);
      }
    });
  }

 private:
  void correlate_row(int64_t depth, int64_t row, const T *w, const T *x, const T *bias, T *y) const {
    const auto correlate = kernels<T>().channel_windows.correlate;
    const int64_t channels = g_.in_channels;
    rows_.for_segments(depth, row,
                       [&](const RowSegment &segment, int64_t taps, const int64_t *offsets, const int64_t *places) {
                         correlate(segment.count, channels, taps, w, places, x, offsets, rows_.source_step() * channels,
                                   y + segment.first * channels, rows_.target_step() * channels);
                       });
    if (bias || problem.activation != Activation::identity) {
      finish_pixels(problem.activation, bias, y, sides_.target.sizes[2], channels, channels);
    }
  }

  const Geometry &g_;
  const Sides sides_;
  const ChannelRows rows_;
  const IndexGrid<3> tasks_;  // images, depths, rows of the target
};

// Threads divide the channels, by whole cache lines: each sums alone, in the same order on any number of threads.
template <class T>
class ChannelWeightGradient final : public Prepared {
 public:
  ChannelWeightGradient(const Problem &given, const Execution &settings)
      : Prepared(given, settings),
        g_(this->problem.geometry),
        rows_(g_, Sides(this->problem)),
        grid_{{g_.batch, g_.output[0], g_.output[1]}} {
    workspace_bytes = packed_bytes;  // dw, tap by tap
    seconds = channels_seconds(problem, execution);
  }

  void run(const Arguments &arguments) const override {
    const T *dy = static_cast<const T *>(arguments.first), *x = static_cast<const T *>(arguments.second);
    T *dw = static_cast<T *>(arguments.out), *transposed = static_cast<T *>(arguments.workspace);
    const int64_t channels = g_.in_channels, area = g_.kernel_area();
    constexpr int64_t width = cache_line_bytes / static_cast<int64_t>(sizeof(T));
    parallel_ranges(execution.threads, ceil_div(channels, width), [&](int64_t first_block, int64_t end_block) {
      const int64_t first = first_block * width, count = std::min(end_block * width, channels) - first;
      for (int64_t t = 0; t < area; ++t) std::fill_n(transposed + t * channels + first, count, T(0));
      add_rows(count, dy + first, x + first, transposed + first);
      kernels<T>().moves.transpose(area, count, transposed + first, channels, dw + first * area, area);
    });
  }

 private:
  // Adds all rows of dy to the gradients of `count` channels.
  void add_rows(int64_t count, const T *dy, const T *x, T *dw) const {
    const auto gradient = kernels<T>().channel_windows.gradient;
    const int64_t channels = g_.in_channels;
    for (int64_t task = 0; task < grid_.count(); ++task) {
      const auto [image, depth, row] = grid_.at(task);
      const T *from = x + image * g_.input_pixels() * channels;
      const T *by = dy + task * g_.output[2] * channels;
      rows_.for_segments(depth, row,
                         [&](const RowSegment &segment, int64_t taps, const int64_t *offsets, const int64_t *places) {
                           gradient(segment.count, count, taps, by + segment.first * channels, channels, from, offsets,
                                    rows_.source_step() * channels, dw, places);
                         });
    }
  }

  const Geometry &g_;
  const ChannelRows rows_;
  const IndexGrid<3> grid_;  // images, depths, rows of dy
};

}  // namespace

const char *channels_refuse(const Problem &problem, const Execution &) {
  const Geometry &g = problem.geometry;
  if (const char *reason = refused_by_every_variant(problem)) return reason;
  if (!problem.channels_last()) return "it is for channels-last tensors (NHWC), and this problem has planes";
  if (g.group_inputs() == 1 && g.group_outputs() == 1) return nullptr;
  return "it is for groups of one input and one output channel, and these have more";
}

PreparedPointer prepare_channels(const Problem &problem, const Execution &execution) {
  if (problem.pass == Pass::backward_weight) return make_prepared<ChannelWeightGradient>(problem, execution);
  return make_prepared<ChannelCorrelation>(problem, execution);
}

}  // namespace gemmconv::depthwise
