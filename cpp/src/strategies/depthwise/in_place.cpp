// One channel against one channel: a kernel slides over planes that are read where they lie (see window_body.hpp), many
// planes a call, since one of 7x7 takes less time than a call. Depth and a channel multiplier are loops around that;
// the input gradient at stride 2 makes a row of one stride phase at a time, its even and odd columns by a kernel each.
#include "in_place.hpp"

#include <algorithm>

#include "../../kernels/kernels.hpp"
#include "../../threads.hpp"
#include "../finish.hpp"
#include "../taps.hpp"

namespace gemmconv::depthwise {
namespace {

constexpr int64_t most_interleaved = 16;  // columns of a kernel: of each stride phase WindowKernel::interleaved takes 8

// Planes a fixed distance apart, each with its kernel; of series, x is the source and y the target.
template <class T>
struct Run {
  Series series;
  const T *w, *source;
  T *target;
  bool accumulate;
};

int64_t floor_mod(int64_t a, int64_t b) { return (a % b + b) % b; }

// Calls body(window, rows of the source, rows of the target to skip) for each residue of the rows modulo their
// dilation: among rows that far apart the kernel is dense. first: the source cells that output 0 meets under tap 0.
template <class Body>
void for_windows(const Geometry &g, const Sizes &from, const Sizes &to, int64_t stride, int64_t first_row,
                 int64_t first_column, const Body &body) {
  const int64_t dilation = g.kernel[1] > 1 ? g.dilation[1] : 1;
  for (int64_t residue = 0; residue < std::min(dilation, to[1]); ++residue) {
    const int64_t start = floor_mod(residue + first_row, dilation);
    body(PlaneWindow{std::max<int64_t>(0, ceil_div(from[1] - start, dilation)), from[2], dilation * from[2],
                     g.kernel[1], g.kernel[2], g.dilation[2], (residue + first_row - start) / dilation, first_column,
                     stride, ceil_div(to[1] - residue, dilation), to[2], dilation * to[2]},
         start, residue);
  }
}

// Taps of one kernel axis that reach the target cells of one residue modulo the stride, in the order of the source.
struct Phase {
  int64_t taps, first;  // how many, and the source cell that target cell `residue` meets under the first
  int64_t start, step;  // where the first lies in w along this axis, and how far the next

  Phase(const Axis &axis, int64_t residue, bool flip) {
    const int64_t least = (residue + axis.padding_low) % axis.stride;
    taps = least < axis.kernel ? ceil_div(axis.kernel - least, axis.stride) : 0;
    first = (residue + axis.padding_low - least) / axis.stride - (taps - 1);
    const int64_t last = least + axis.stride * (taps - 1);
    start = flip ? axis.kernel - 1 - last : last;
    step = flip ? axis.stride : -axis.stride;
  }
};

template <class T>
void interleave_phases(const Geometry &g, const Run<T> &run) {
  const Axis rows = g.axis(1), columns = g.axis(2);
  const Sizes &from = g.output, &to = g.input;
  const Phase even(columns, 0, g.flip), odd(columns, 1, g.flip);
  for (int64_t residue = 0; residue < std::min(rows.stride, to[1]); ++residue) {
    const Phase phase(rows, residue, g.flip);
    const auto window = [&](const Phase &across, int64_t out_columns) {
      return PlaneWindow{from[1],     from[2],
                         from[2],     phase.taps,
                         across.taps, 1,
                         phase.first, across.first,
                         1,           ceil_div(to[1] - residue, rows.stride),
                         out_columns, rows.stride * to[2]};
    };
    const T *w = run.w + phase.start * columns.kernel;
    kernels().window<T>().interleaved(window(even, ceil_div(to[2], 2)), window(odd, to[2] / 2), run.series,
                                      w + even.start, w + odd.start, {phase.step * columns.kernel, even.step},
                                      run.source, run.target + residue * to[2], run.accumulate);
  }
}

template <class T>
void correlate_planes(const Geometry &g, bool backward, const Run<T> &run) {
  if (backward && g.stride[2] == 2) return interleave_phases(g, run);
  const Axis rows = g.axis(1), columns = g.axis(2);
  const Sizes &from = backward ? g.output : g.input, &to = backward ? g.input : g.output;
  // The input gradient is the correlation of dy with the turned kernel.
  const bool turned = g.flip != backward;
  const T *w = run.w + (turned ? rows.kernel * columns.kernel - 1 : 0);
  const TapSteps tap = turned ? TapSteps{-columns.kernel, -1} : TapSteps{columns.kernel, 1};
  const auto first = [&](const Axis &axis) {
    return backward ? -tap_offset(axis, axis.kernel - 1, false) : tap_offset(axis, 0, false);
  };
  for_windows(g, from, to, backward ? 1 : columns.stride, first(rows), first(columns),
              [&](const PlaneWindow &window, int64_t source_row, int64_t target_row) {
                kernels().window<T>().correlate(window, run.series, w, tap, run.source + source_row * from[2],
                                                run.target + target_row * to[2], run.accumulate);
              });
}

// Groups begin .. end-1 of one image. Where a target takes several kernels (of a channel multiplier, along the depth),
// the first overwrites and the others add.
template <class T>
void correlate_groups(const Geometry &g, bool backward, int64_t begin, int64_t end, const T *w, const T *source,
                      T *target) {
  const Sizes &from = backward ? g.output : g.input, &to = backward ? g.input : g.output;
  const Axis depths = g.axis(0);
  const int64_t multiplier = g.group_outputs(), area = g.kernel_area(), slice = g.kernel[1] * g.kernel[2];
  const int64_t from_channel = product(from), to_channel = product(to);
  const int64_t from_group = backward ? multiplier * from_channel : from_channel;
  const int64_t to_group = backward ? to_channel : multiplier * to_channel;
  for (int64_t depth = 0; depth < to[0]; ++depth) {
    for (int64_t k = 0; k < multiplier; ++k) {
      T *const out = target + begin * to_group + (backward ? 0 : k * to_channel) + depth * to[1] * to[2];
      bool accumulate = backward && k > 0;
      for (int64_t tap = 0; tap < g.kernel[0]; ++tap) {
        const int64_t offset = tap_offset(depths, tap, g.flip);
        const int64_t at = backward ? output_at(depths, depth, offset) : input_at(depths, depth, offset);
        if (at < 0) continue;
        correlate_planes<T>(g, backward,
                            {{end - begin, multiplier * area, from_group, to_group},
                             w + (begin * multiplier + k) * area + tap * slice,
                             source + begin * from_group + (backward ? k * from_channel : 0) + at * from[1] * from[2],
                             out,
                             accumulate});
        accumulate = true;
      }
      for (int64_t group = begin; group < end && !accumulate; ++group) {  // no cell of the kernel reaches this depth
        std::fill_n(out + (group - begin) * to_group, to[1] * to[2], T(0));
      }
    }
  }
}

}  // namespace

bool in_place(const Problem &problem) {
  const Geometry &g = problem.geometry;
  if (g.layout != Layout::nchw || g.group_inputs() != 1) return false;
  const bool one_row = g.kernel[1] == 1 && g.input[1] == 1 && g.output[1] == 1;
  if (g.stride[2] == 1) return g.stride[1] == 1 || one_row;
  const auto dense = [&](int i) { return g.kernel[i] == 1 || g.dilation[i] == 1; };
  if (problem.pass == Pass::backward_input && g.kernel[2] > most_interleaved) return false;
  return g.stride[2] == 2 && ((g.stride[1] == 2 && dense(1)) || one_row) && dense(2);
}

template <class T>
void correlate_in_place(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  const Geometry &g = problem.geometry;
  const bool backward = problem.pass == Pass::backward_input;
  const T *source = static_cast<const T *>(arguments.first), *w = static_cast<const T *>(arguments.second);
  const T *bias = static_cast<const T *>(arguments.bias);
  T *target = static_cast<T *>(arguments.out);
  const int64_t source_image = backward ? g.y_size() : g.x_size(), target_image = backward ? g.x_size() : g.y_size();
  const int64_t targets = backward ? 1 : g.group_outputs(), pixels = product(backward ? g.input : g.output);
  const bool finishes = bias || problem.activation != Activation::identity;
  // Planes of 16 KiB a call: bias and activation, and rows of other stride phases, find them in the first-level cache.
  const int64_t at_once = std::max<int64_t>(1, 16384 / problem.item_bytes() / (targets * pixels));
  parallel_ranges(execution.threads, g.batch * g.groups, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t image = begin / g.groups, group = begin % g.groups;
      const int64_t last = std::min({group + at_once, g.groups, group + end - begin});
      T *out = target + image * (target_image / g.batch);
      correlate_groups(g, backward, group, last, w, source + image * (source_image / g.batch), out);
      for (int64_t k = group * targets; k < last * targets && finishes; ++k) {
        finish(problem.activation, bias ? bias[k] : T(0), out + k * pixels, pixels);
      }
      begin += last - group;
    }
  });
}

template <class T>
void weight_gradient_in_place(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  const Geometry &g = problem.geometry;
  const T *dy = static_cast<const T *>(arguments.first), *x = static_cast<const T *>(arguments.second);
  T *dw = static_cast<T *>(arguments.out);
  const Axis depths = g.axis(0);
  const int64_t slice = g.kernel[1] * g.kernel[2], multiplier = g.group_outputs();
  const int64_t x_channel = g.input_pixels(), y_channel = g.output_pixels();
  const TapSteps tap = g.flip ? TapSteps{-g.kernel[2], -1} : TapSteps{g.kernel[2], 1};
  parallel_ranges(execution.threads, g.groups, [&](int64_t begin, int64_t end) {
    std::fill(dw + begin * multiplier * g.kernel_area(), dw + end * multiplier * g.kernel_area(), T(0));
    const Series images{g.batch, 0, g.in_channels * x_channel, g.out_channels * y_channel};
    const Series channels{end - begin, multiplier * g.kernel_area(), x_channel, multiplier * y_channel};
    for (int64_t k = begin * multiplier; k < (begin + 1) * multiplier; ++k) {  // kernels of one channel
      for (int64_t depth_tap = 0; depth_tap < g.kernel[0]; ++depth_tap) {
        const int64_t offset = tap_offset(depths, depth_tap, g.flip);
        T *to = dw + k * g.kernel_area() + depth_tap * slice + (g.flip ? slice - 1 : 0);
        for (int64_t depth = 0; depth < g.output[0]; ++depth) {
          const int64_t at = input_at(depths, depth, offset);
          if (at < 0) continue;
          const T *from = x + begin * x_channel + at * g.input[1] * g.input[2];
          const T *by = dy + k * y_channel + depth * g.output[1] * g.output[2];
          for_windows(g, g.input, g.output, g.stride[2], tap_offset(g.axis(1), 0, false),
                      tap_offset(g.axis(2), 0, false), [&](const PlaneWindow &window, int64_t x_row, int64_t y_row) {
                        kernels().window<T>().gradient(window, channels, images, by + y_row * g.output[2],
                                                       from + x_row * g.input[2], to, tap);
                      });
        }
      }
    }
  });
}

template void correlate_in_place<float>(const Problem &, const Execution &, const Arguments &);
template void correlate_in_place<double>(const Problem &, const Execution &, const Arguments &);
template void weight_gradient_in_place<float>(const Problem &, const Execution &, const Arguments &);
template void weight_gradient_in_place<double>(const Problem &, const Execution &, const Arguments &);

}  // namespace gemmconv::depthwise
