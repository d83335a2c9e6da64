// The variant `rows`, channels last: for one tap the patches of a row of targets are a strided view of the source
// itself, so the product reads the source in place and writes the target in place. A band of target rows stays in the
// cache while taps and source channels are iterated; vectors lie along the target channels. The input gradient is the
// same loop with source and target exchanged: each row of dx gathers from the rows of dy that read it (the rotated
// kernel; with strides only the taps of its own phase), so nothing is multiplied by zero.
#include <algorithm>

#include "../../index_grid.hpp"
#include "../../kernels/kernels.hpp"
#include "../../scratch.hpp"
#include "../../threads.hpp"
#include "../finish.hpp"
#include "../sides.hpp"
#include "../taps.hpp"
#include "channel_blocks.hpp"
#include "cost.hpp"
#include "implicit.hpp"

namespace gemmconv::implicit {
namespace {

constexpr int64_t band_bytes = 96 << 10;  // of the target: a tenth of the second-level cache
constexpr int64_t source_block = 64;      // source channels per visit of the sums

template <class T>
class Rows final : public Prepared {
 public:
  Rows(const Problem &given, const Execution &settings)
      : Prepared(given, settings),
        g_(this->problem.geometry),
        sides_(this->problem),
        blocks_(ChannelBlocks::of(sides_.target.channels, sizeof(T))) {
    const int64_t rows = sides_.target.sizes[0] * sides_.target.sizes[1];
    const int64_t row_bytes = sides_.target.sizes[2] * blocks_.width * static_cast<int64_t>(sizeof(T));
    band_rows_ = std::clamp<int64_t>(band_bytes / row_bytes, 1, rows);
    bands_ = ceil_div(rows, band_rows_);
    band_rows_ = ceil_div(rows, bands_);
    packed_bytes = rounded(g_.w_size(), sizeof(T));
    workspace_bytes = execution.packed_weights ? 0 : packed_bytes;
    seconds = rows_seconds(problem, execution);
  }

  void pack(const void *w, void *packed) const override {
    pack_channel_blocks(g_, sides_, blocks_, execution.threads, static_cast<const T *>(w), static_cast<T *>(packed));
  }

  void run(const Arguments &arguments) const override {
    Call call{static_cast<const T *>(arguments.first), static_cast<const T *>(arguments.second),
              static_cast<const T *>(arguments.bias), static_cast<T *>(arguments.out)};
    if (!execution.packed_weights) {
      pack(call.weights, arguments.workspace);
      call.weights = static_cast<const T *>(arguments.workspace);
    }
    const IndexGrid<4> tasks{{g_.batch, g_.groups, blocks_.count, bands_}};
    const int threads = static_cast<int>(std::clamp<int64_t>(tasks.count(), 1, execution.threads));
    parallel(threads, [&](int part) {
      const Range own = even_share(tasks.count(), part, threads);
      for (int64_t task = own.begin; task < own.end; ++task) run_task(call, tasks.at(task));
    });
  }

 private:
  struct Call {
    const T *source, *weights, *bias;
    T *target;
  };

  void run_task(const Call &call, const std::array<int64_t, 4> &task) const {
    const auto [image, group, block, band] = task;
    const Strides &strides = sides_.target.strides;
    const int64_t rows = sides_.target.sizes[0] * sides_.target.sizes[1];
    const int64_t begin = band * band_rows_, end = std::min(begin + band_rows_, rows);
    if (begin >= end) return;
    const int64_t channels = blocks_.size(block);
    const int64_t first = group * sides_.target.channels + blocks_.first(block);
    const T *source = call.source + sides_.source.offset(image, group);
    const T *weights = call.weights + first * sides_.source.channels * g_.kernel_area();
    const int64_t count = (end - begin) * sides_.target.sizes[2], pixel = strides.axis[2];
    T *out = call.target + image * strides.image + begin * strides.axis[1] + first * strides.channel;
    for (int64_t p = 0; p < count; ++p) std::fill_n(out + p * pixel, channels, T(0));
    sum_rows(begin, end, channels, source, weights, out);
    finish_pixels(problem.activation, call.bias ? call.bias + first : nullptr, out, count, channels, pixel);
  }

  // out[row][column][channel] += w . source for the rows begin .. end - 1 of the target.
  void sum_rows(int64_t begin, int64_t end, int64_t channels, const T *source, const T *weights, T *out) const {
    const Side &from = sides_.source, &to = sides_.target;
    const bool backward = sides_.backward;
    const auto outer = kernels<T>().strided.outer;
    // Blocks of source channels: their weights of one tap stay in the first-level cache while the band is iterated.
    for (int64_t c = 0; c < from.channels; c += source_block) {
      const int64_t depth = std::min(source_block, from.channels - c);
      for_taps(g_, [&](const Tap &tap) {
        const T *tap_weights = weights + (tap.index * from.channels + c) * channels;
        const int64_t y_column = tap.columns.begin, columns = tap.columns.end - tap.columns.begin;
        const int64_t x_column = y_column * g_.stride[2] + tap.column_offset;
        const int64_t from_column = backward ? y_column : x_column, from_step = backward ? 1 : g_.stride[2];
        const int64_t to_column = backward ? x_column : y_column, to_step = backward ? g_.stride[2] : 1;
        // Rows of the band that this tap joins with a row of the source.
        for (int64_t row = begin; row < end; ++row) {
          const int64_t d = source_row(0, row / to.sizes[1], tap.depth_offset);
          const int64_t h = source_row(1, row % to.sizes[1], tap.row_offset);
          if (d < 0 || h < 0) continue;
          outer(columns, channels, depth,
                source + d * from.strides.axis[0] + h * from.strides.axis[1] + from_column * from.strides.axis[2] +
                    c * from.strides.channel,
                from_step * from.strides.axis[2], from.strides.channel, tap_weights, channels,
                out + (row - begin) * to.strides.axis[1] + to_column * to.strides.axis[2],
                to_step * to.strides.axis[2]);
        }
      });
    }
  }

  // The source position along an axis that a target position is joined with by a tap, or -1.
  int64_t source_row(int axis, int64_t position, int64_t tap_offset) const {
    return sides_.backward ? output_at(g_.axis(axis), position, tap_offset)
                           : input_at(g_.axis(axis), position, tap_offset);
  }

  const Geometry &g_;
  const Sides sides_;
  const ChannelBlocks blocks_;
  int64_t band_rows_, bands_;  // rows of the target: of a band, bands of an image
};

}  // namespace

const char *rows_refuse(const Problem &problem, const Execution &) {
  if (problem.pass == Pass::backward_weight) return "it computes the forward pass and the input gradient only";
  return problem.channels_last() ? nullptr : "it is for channels-last tensors (NHWC), and this problem has planes";
}

PreparedPointer prepare_rows(const Problem &problem, const Execution &execution) {
  return make_prepared<Rows>(problem, execution);
}

}  // namespace gemmconv::implicit
