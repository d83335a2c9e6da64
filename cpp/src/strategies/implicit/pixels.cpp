// Channels last, for one tap the patches of a row of outputs are a strided view of the input itself, so the product
// reads x in place and writes y in place. A band of output rows stays in the cache while taps and source channels
// run; vectors lie along the target channels. The input gradient is the same loop with source and target exchanged:
// each row of dx gathers from the rows of dy that read it (the rotated kernel; with strides only the taps of its own
// phase), so nothing is multiplied by zero.
#include "pixels.hpp"

#include <algorithm>

#include "../../kernels/kernels.hpp"
#include "../../threads.hpp"
#include "../finish.hpp"
#include "../taps.hpp"
#include "weights.hpp"

namespace gemmconv::implicit {
namespace {

constexpr int64_t band_bytes = 96 << 10;  // of the target: a tenth of the second-level cache
constexpr int64_t source_block = 64;      // source channels per visit of the sums

// One side of the product: the tensor that is read or the one that is written.
struct Side {
  Strides strides;
  Sizes sizes;
  int64_t group_channels;
};
Side input_side(const Geometry &g) { return {g.x_strides(), g.input, g.group_inputs()}; }
Side output_side(const Geometry &g) { return {g.y_strides(), g.output, g.group_outputs()}; }

// How the work is cut: tasks are (image, group, block of target channels, band of target rows).
struct Cut {
  Side source, target;
  ChannelBlocks blocks;
  int64_t band_rows, bands;

  Cut(const Geometry &g, bool backward, size_t item)
      : source(backward ? output_side(g) : input_side(g)),
        target(backward ? input_side(g) : output_side(g)),
        blocks(ChannelBlocks::of(target.group_channels, item)) {
    const int64_t rows = target.sizes[0] * target.sizes[1];
    const int64_t row_bytes = target.sizes[2] * blocks.width * static_cast<int64_t>(item);
    band_rows = std::clamp<int64_t>(band_bytes / row_bytes, 1, rows);
    bands = (rows + band_rows - 1) / band_rows;
    band_rows = (rows + bands - 1) / bands;
  }
  int64_t rows() const { return target.sizes[0] * target.sizes[1]; }
  int64_t tasks(const Geometry &g) const { return g.batch * g.groups * blocks.count * bands; }
};

// sums[row][column][channel] += w . source for the rows begin .. end-1 of the target.
template <class T>
void sweep(const Geometry &g, bool backward, const Cut &cut, int64_t begin, int64_t end, int64_t channels,
           const T *source, const T *weights, T *sums, int64_t sums_pixel, int64_t sums_row) {
  const Side &from = cut.source, &to = cut.target;
  const auto outer = kernels().direct<T>().outer;
  // Blocks of source channels: their weights of one tap stay in the first-level cache while the band runs.
  for (int64_t c = 0; c < from.group_channels; c += source_block) {
    const int64_t depth = std::min(source_block, from.group_channels - c);
    for_taps(g, [&](const Tap &tap) {
      const T *tap_weights = weights + (tap.index * from.group_channels + c) * channels;
      const int64_t first = tap.columns.begin, columns = tap.columns.end - first;
      const int64_t outer_column = first, inner_column = first * g.stride[2] + tap.column_offset;
      const int64_t from_column = backward ? outer_column : inner_column, from_step = backward ? 1 : g.stride[2];
      const int64_t to_column = backward ? inner_column : outer_column, to_step = backward ? g.stride[2] : 1;
      // Rows of the band that this tap joins with a row of the source.
      for (int64_t row = begin; row < end; ++row) {
        const int64_t d = row / to.sizes[1], h = row % to.sizes[1];
        const int64_t source_d =
            backward ? output_at(g.axis(0), d, tap.depth_offset) : input_at(g.axis(0), d, tap.depth_offset);
        const int64_t source_h =
            backward ? output_at(g.axis(1), h, tap.row_offset) : input_at(g.axis(1), h, tap.row_offset);
        if (source_d < 0 || source_h < 0) continue;
        outer(columns, channels, depth,
              source + source_d * from.strides.axis[0] + source_h * from.strides.axis[1] +
                  from_column * from.strides.axis[2] + c * from.strides.channel,
              from_step * from.strides.axis[2], from.strides.channel, tap_weights, channels,
              sums + (row - begin) * sums_row + to_column * sums_pixel, to_step * sums_pixel);
      }
    });
  }
}

}  // namespace

template <class T>
void pixels(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  const Geometry &g = problem.geometry;
  const bool backward = problem.pass == Pass::backward_input;
  const Cut cut(g, backward, sizeof(T));
  const T *source = static_cast<const T *>(arguments.first), *weights = static_cast<const T *>(arguments.second);
  const T *bias = static_cast<const T *>(arguments.bias);
  T *target = static_cast<T *>(arguments.out);
  if (!execution.packed_weights) {
    T *packed = static_cast<T *>(arguments.workspace);
    pack_weights(g, backward, execution.threads, weights, packed);
    weights = packed;
  }
  const Side &from = cut.source, &to = cut.target;
  const int64_t tasks = cut.tasks(g);
  const int threads = static_cast<int>(std::clamp<int64_t>(tasks, 1, execution.threads));
  parallel(threads, [&](int part) {
    for (int64_t task = tasks * part / threads; task < tasks * (part + 1) / threads; ++task) {
      const int64_t band = task % cut.bands, block = task / cut.bands % cut.blocks.count;
      const int64_t group = task / cut.bands / cut.blocks.count % g.groups,
                    image = task / cut.bands / cut.blocks.count / g.groups;
      const int64_t begin = band * cut.band_rows, end = std::min(begin + cut.band_rows, cut.rows());
      if (begin >= end) continue;
      const int64_t first = group * to.group_channels + cut.blocks.first(block), channels = cut.blocks.size(block);
      const T *group_source = source + image * from.strides.image + group * from.group_channels * from.strides.channel;
      const T *block_weights = weights + first * from.group_channels * g.kernel_area();
      const int64_t count = (end - begin) * to.sizes[2];
      T *out = target + image * to.strides.image + begin * to.strides.axis[1] + first * to.strides.channel;
      for (int64_t p = 0; p < count; ++p) std::fill_n(out + p * to.strides.axis[2], channels, T(0));
      sweep(g, backward, cut, begin, end, channels, group_source, block_weights, out, to.strides.axis[2],
            to.strides.axis[1]);
      finish_pixels(problem.activation, bias ? bias + first : nullptr, out, count, channels, to.strides.axis[2]);
    }
  });
}

template void pixels<float>(const Problem &, const Execution &, const Arguments &);
template void pixels<double>(const Problem &, const Execution &, const Arguments &);

}  // namespace gemmconv::implicit
