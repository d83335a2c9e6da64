// Direct convolution of NHWC, where the channels of a pixel are contiguous: for one tap and one output row, pixels times
// weights is a small matrix product. The weights of a tap come through a tile [source channel][target channel].
#include "../../kernels/kernels.hpp"
#include "loops.hpp"

namespace gemmconv::direct {
namespace {

constexpr int64_t tile_side = 64;  // channels: a tile of weights takes 32 KiB in float64

// tile[s][t] = w[s * source_step + t * target_step]
template <class T>
void copy_weights(int64_t sources, int64_t targets, const T *w, int64_t source_step, int64_t target_step, T *tile) {
  for (int64_t s = 0; s < sources; ++s) {
    for (int64_t t = 0; t < targets; ++t) tile[s * tile_side + t] = w[s * source_step + t * target_step];
  }
}

// A tile of weights: channels of one group, the group's first being channel 0 of `source` and of `target`.
struct Square {
  int64_t group, source, sources, target, targets;
};

// Calls body(square) for the channel pairs of every group, a tile at a time.
template <class Body>
void for_channel_squares(int64_t groups, int64_t sources, int64_t targets, const Body &body) {
  for (int64_t group = 0; group < groups; ++group) {
    for (int64_t t = 0; t < targets; t += tile_side) {
      for (int64_t s = 0; s < sources; s += tile_side) {
        body(Square{group, s, std::min(tile_side, sources - s), t, std::min(tile_side, targets - t)});
      }
    }
  }
}

// The rows of x and y that a tap joins at a row of the target, as offsets in their images, for its first column.
struct Rows {
  bool exist;
  int64_t source_at, target_at;
};

template <Pass pass>
Rows rows_at(const Geometry &g, const Side &source, const Side &target, const Tap &tap, int64_t depth, int64_t row) {
  if (pass == Pass::forward) {
    const InputRow at = input_row(g, depth, row, tap);
    return {exists(g, at), x_offset(g, source.strides, at, tap), y_offset(target.strides, depth, row, tap)};
  }
  const int64_t od = output_at(g.axis(0), depth, tap.depth_offset), oh = output_at(g.axis(1), row, tap.row_offset);
  return {od >= 0 && oh >= 0, y_offset(source.strides, od, oh, tap),
          x_offset(g, target.strides, InputRow{depth, row}, tap)};
}

// Forward: y += x . w^T. Input gradient: dx += dy . w. A thread owns whole rows of the target and gathers from the rows
// of the source that a tap joins to them.
template <class T, Pass pass>
void loops(const Problem &problem, int threads, const T *from, const T *w, T *to) {
  const Geometry &g = problem.geometry;
  const Sides sides(problem);
  const Side &source = sides.source, &target = sides.target;
  const auto outer = kernels<T>().strided.outer;
  const int64_t source_step = (pass == Pass::forward ? g.stride[2] : 1) * source.strides.axis[2];
  const int64_t target_step = (pass == Pass::forward ? 1 : g.stride[2]) * target.strides.axis[2];
  const IndexGrid rows{g.batch, target.sizes[0], target.sizes[1]};
  parallel_ranges(threads, rows.count(), [&](int64_t begin, int64_t end) {
    std::fill(to + begin * target.strides.axis[1], to + end * target.strides.axis[1], T(0));
    alignas(64) T tile[tile_side * tile_side];
    for_channel_squares(g.groups, source.channels, target.channels, [&](const Square &square) {
      const T *weights = w + square.group * g.group_outputs() * g.patch_size() + square.source * sides.source_weights +
                         square.target * sides.target_weights;
      const T *source_channels = from + square.group * source.channels + square.source;
      T *target_channels = to + square.group * target.channels + square.target;
      for_taps(g, [&](const Tap &tap) {
        copy_weights(square.sources, square.targets, weights + tap.index, sides.source_weights, sides.target_weights,
                     tile);
        for (int64_t number = begin; number < end; ++number) {
          const auto [image, depth, row] = rows.at(number);
          const Rows at = rows_at<pass>(g, source, target, tap, depth, row);
          if (!at.exist) continue;
          outer(tap.columns.end - tap.columns.begin, square.targets, square.sources,
                source_channels + image * source.strides.image + at.source_at, source_step, 1, tile, tile_side,
                target_channels + image * target.strides.image + at.target_at, target_step);
        }
      });
    });
  });
}

// Adds tile[k][c] of one tap: dy^T . x over all images and rows.
template <class T>
void add_tap(const Geometry &g, const Tap &tap, int64_t outputs, int64_t inputs, const T *dy, const T *x, T *tile) {
  const Strides xs = g.x_strides(), ys = g.y_strides();
  const auto outer = kernels<T>().strided.outer;
  for (int64_t image = 0; image < g.batch; ++image) {
    for (int64_t od = 0; od < g.output[0]; ++od) {
      for (int64_t oh = 0; oh < g.output[1]; ++oh) {
        const InputRow at = input_row(g, od, oh, tap);
        if (!exists(g, at)) continue;
        outer(outputs, inputs, tap.columns.end - tap.columns.begin, dy + image * ys.image + y_offset(ys, od, oh, tap),
              1, ys.axis[2], x + image * xs.image + x_offset(g, xs, at, tap), g.stride[2] * xs.axis[2], tile,
              tile_side);
      }
    }
  }
}

template <class T>
void weight_loops(const Problem &problem, int threads, const T *dy, const T *x, T *dw) {
  const Geometry &g = problem.geometry;
  const int64_t area = g.kernel_area(), patch = g.patch_size();
  const auto sum_channels = [&](int64_t, int64_t group, int64_t channel, int64_t count) {
    std::fill_n(dw + channel * patch, count * patch, T(0));
    alignas(64) T tile[run_channels * tile_side];
    for (int64_t c = 0; c < g.group_inputs(); c += tile_side) {
      const int64_t inputs = std::min(tile_side, g.group_inputs() - c);
      for_taps(g, [&](const Tap &tap) {
        std::fill_n(tile, count * tile_side, T(0));
        add_tap(g, tap, count, inputs, dy + channel, x + group * g.group_inputs() + c, tile);
        T *target = dw + channel * patch + c * area + tap.index;
        for (int64_t k = 0; k < count; ++k) {
          for (int64_t i = 0; i < inputs; ++i) target[k * patch + i * area] = tile[k * tile_side + i];
        }
      });
    }
  };
  for_channel_runs(threads, 1, g.out_channels, g.group_outputs(), sum_channels);
}

}  // namespace

template <class T>
Loops<T> nhwc_loops(Pass pass) {
  switch (pass) {
    case Pass::forward: return loops<T, Pass::forward>;
    case Pass::backward_input: return loops<T, Pass::backward_input>;
    case Pass::backward_weight: return weight_loops<T>;
  }
  return nullptr;  // not reached: the switch is exhaustive
}

template Loops<float> nhwc_loops<float>(Pass);
template Loops<double> nhwc_loops<double>(Pass);

}  // namespace gemmconv::direct
