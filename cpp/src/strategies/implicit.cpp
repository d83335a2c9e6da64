// Convolution as a matrix product whose column matrix never exists: for one tap, the patches of a row of outputs are a
// strided view of the input itself, so the product reads x in place. A band of output rows keeps its sums in the cache
// while taps and source channels run; vectors lie along the target channels. The input gradient is the same loop with
// source and target exchanged: each row of dx gathers from the rows of dy that read it (the rotated kernel; with strides
// only the taps of its own phase), so nothing is multiplied by zero.
#include "implicit.hpp"

#include <algorithm>
#include <cstring>

#include "../kernels/kernels.hpp"
#include "../threads.hpp"
#include "finish.hpp"
#include "implicit_weight_gradient.hpp"
#include "implicit_weights.hpp"
#include "taps.hpp"

namespace gemmconv::implicit {
namespace {

constexpr int64_t band_bytes = 96 << 10;  // sums of a band: a tenth of the second-level cache
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
  bool nhwc;

  Cut(const Geometry &g, bool backward, size_t item)
      : source(backward ? output_side(g) : input_side(g)),
        target(backward ? input_side(g) : output_side(g)),
        blocks(ChannelBlocks::of(target.group_channels, item)),
        nhwc(g.layout == Layout::nhwc) {
    const int64_t rows = target.sizes[0] * target.sizes[1];
    const int64_t row_bytes = target.sizes[2] * blocks.width * static_cast<int64_t>(item);
    band_rows = std::clamp<int64_t>(band_bytes / row_bytes, 1, rows);
    bands = (rows + band_rows - 1) / band_rows;
    band_rows = (rows + bands - 1) / bands;
  }
  int64_t rows() const { return target.sizes[0] * target.sizes[1]; }
  // Channels last, the sums are made in the output itself.
  int64_t sums_size() const { return nhwc ? 0 : band_rows * target.sizes[2] * blocks.width; }
  int64_t tasks(const Geometry &g) const { return g.batch * g.groups * blocks.count * bands; }
};

size_t rounded(size_t bytes) { return (bytes + 63) / 64 * 64; }

// Threads whose sums fit the workspace limit beside the packed weights.
int threads_that_fit(const Problem &problem, const Execution &execution, size_t weights, size_t sums) {
  const int64_t tasks =
      Cut(problem.geometry, problem.pass == Pass::backward_input, size_of(problem.dtype)).tasks(problem.geometry);
  int threads = static_cast<int>(std::clamp<int64_t>(tasks, 1, execution.threads));
  while (threads > 1 && weights + static_cast<size_t>(threads) * sums > execution.workspace_limit) --threads;
  return threads;
}

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

template <class T>
void run(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  const Geometry &g = problem.geometry;
  const bool backward = problem.pass == Pass::backward_input;
  const Cut cut(g, backward, sizeof(T));
  const T *source = static_cast<const T *>(arguments.first), *weights = static_cast<const T *>(arguments.second);
  const T *bias = static_cast<const T *>(arguments.bias);
  T *target = static_cast<T *>(arguments.out);
  std::byte *workspace = static_cast<std::byte *>(arguments.workspace);
  const size_t weight_bytes = rounded(static_cast<size_t>(g.w_size()) * sizeof(T));
  const size_t sums_bytes = rounded(static_cast<size_t>(cut.sums_size()) * sizeof(T));
  const int threads = threads_that_fit(problem, execution, weight_bytes, sums_bytes);
  if (!arguments.packed) {
    T *packed = reinterpret_cast<T *>(workspace);
    pack_weights(g, backward, execution.threads, weights, packed);
    weights = packed;
  }
  const auto transpose = kernels().direct<T>().transpose;
  const Side &from = cut.source, &to = cut.target;
  const int64_t tasks = cut.tasks(g);
  parallel(threads, [&](int part) {
    T *own_sums = reinterpret_cast<T *>(workspace + weight_bytes + static_cast<size_t>(part) * sums_bytes);
    for (int64_t task = tasks * part / threads; task < tasks * (part + 1) / threads; ++task) {
      const int64_t band = task % cut.bands, block = task / cut.bands % cut.blocks.count;
      const int64_t group = task / cut.bands / cut.blocks.count % g.groups,
                    image = task / cut.bands / cut.blocks.count / g.groups;
      const int64_t begin = band * cut.band_rows, end = std::min(begin + cut.band_rows, cut.rows());
      if (begin >= end) continue;
      const int64_t first = group * to.group_channels + cut.blocks.first(block), channels = cut.blocks.size(block);
      const T *group_source = source + image * from.strides.image + group * from.group_channels * from.strides.channel;
      const T *block_weights = weights + first * from.group_channels * g.kernel_area();
      const T *block_bias = bias ? bias + first : nullptr;
      const int64_t pixels = (end - begin) * to.sizes[2];
      T *out = target + image * to.strides.image + begin * to.strides.axis[1] + first * to.strides.channel;
      if (cut.nhwc) {
        for (int64_t p = 0; p < pixels; ++p) std::fill_n(out + p * to.strides.axis[2], channels, T(0));
        sweep(g, backward, cut, begin, end, channels, group_source, block_weights, out, to.strides.axis[2],
              to.strides.axis[1]);
        finish_pixels(problem.activation, block_bias, out, pixels, channels, to.strides.axis[2]);
      } else {
        std::fill_n(own_sums, pixels * channels, T(0));
        sweep(g, backward, cut, begin, end, channels, group_source, block_weights, own_sums, channels,
              to.sizes[2] * channels);
        transpose(pixels, channels, own_sums, channels, out, to.strides.channel);
        for (int64_t k = 0; k < channels; ++k) {
          finish(problem.activation, block_bias ? block_bias[k] : T(0), out + k * to.strides.channel, pixels);
        }
      }
    }
  });
}

// Calls body(T()) with the type of the problem.
template <class Body>
void with_type(const Problem &problem, const Body &body) {
  if (problem.dtype == DType::float32) {
    body(float());
  } else {
    body(double());
  }
}

}  // namespace

const char *refuses(const Problem &, const Execution &) { return nullptr; }

size_t packed_bytes(const Problem &problem, const Execution &) {
  return rounded(static_cast<size_t>(problem.geometry.w_size()) * size_of(problem.dtype));
}

size_t workspace_bytes(const Problem &problem, const Execution &execution) {
  if (problem.pass == Pass::backward_weight) return weight_gradient_workspace_bytes(problem, execution);
  const Cut cut(problem.geometry, problem.pass == Pass::backward_input, size_of(problem.dtype));
  const size_t weights = packed_bytes(problem, execution);
  const size_t sums = rounded(static_cast<size_t>(cut.sums_size()) * size_of(problem.dtype));
  return weights + static_cast<size_t>(threads_that_fit(problem, execution, weights, sums)) * sums;
}

void pack(const Problem &problem, const Execution &execution, const void *w, void *packed) {
  with_type(problem, [&](auto type) {
    using T = decltype(type);
    pack_weights(problem.geometry, problem.pass == Pass::backward_input, execution.threads, static_cast<const T *>(w),
                 static_cast<T *>(packed));
  });
}

void forward(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  with_type(problem, [&](auto type) { run<decltype(type)>(problem, execution, arguments); });
}

void backward_input(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  with_type(problem, [&](auto type) { run<decltype(type)>(problem, execution, arguments); });
}

void backward_weight(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  with_type(problem, [&](auto type) { weight_gradient<decltype(type)>(problem, execution, arguments); });
}

// Fitted on a Zen 5 core with AVX-512 (float32): 265 GFLOP/s where target channels fill their vectors and source channels
// are many; a weight is packed (or its gradient put back) in 0.3 ns, 1.2 ns where it stands alone; 15 ns for each row of
// each tap; 0.3 ns to turn a value of an NCHW tensor.
double seconds(const Problem &problem, const Execution &execution) {
  const Geometry &g = problem.geometry;
  const bool forward = problem.pass == Pass::forward;
  const double item = static_cast<double>(size_of(problem.dtype)) / 4;
  const int64_t lanes = 64 / static_cast<int64_t>(size_of(problem.dtype));
  const int64_t targets = forward ? g.group_outputs() : g.group_inputs();
  const double sources = static_cast<double>(forward ? g.group_inputs() : g.group_outputs());
  const int64_t vectors = ceil_div(targets, lanes);
  const double fill = static_cast<double>(targets) / static_cast<double>(vectors * lanes) * sources / (sources + 3);
  const double flops = 2.0 * static_cast<double>(g.y_size()) * static_cast<double>(g.patch_size());
  const double weights = static_cast<double>(g.w_size()) * (g.kernel_area() == 1 ? 1.2e-9 : 0.3e-9);
  const double rows = static_cast<double>(g.batch * g.groups * g.kernel_area() * g.output[0] * g.output[1]);
  const double turned = g.layout == Layout::nchw ? static_cast<double>(forward ? g.y_size() : g.x_size()) * 0.3e-9 : 0;
  return (flops * item / (265e9 * fill) + weights + rows * static_cast<double>(ceil_div(vectors, 4)) * 15e-9 + turned) /
         execution.threads;
}

}  // namespace gemmconv::implicit
