// Every channel has a kernel of its own and channels are neighbours: vectors lie along the channels, and x is read in
// place. A row of targets falls into segments whose columns are reached by the same taps (for a 3x3 kernel with
// padding: the first column, the last, and all between), and, in the input gradient of a strided layer, into the phases
// of the stride.
#include "channels_last.hpp"

#include <algorithm>

#include "../../kernels/kernels.hpp"
#include "../../threads.hpp"
#include "../finish.hpp"
#include "../taps.hpp"
#include "passage.hpp"

namespace gemmconv::depthwise {
namespace {

// A tap along the columns: the targets of its phase that it feeds, and the source cell of the first target of the
// phase.
struct ColumnTap {
  int64_t index, cell;
  Range targets;
};

// A row of the source that a row of targets reads, and the tap along depth and rows that reads it.
struct RowTap {
  int64_t row, tap;
};

// The taps of the columns, phase by phase. The forward pass has one phase.
struct Columns {
  int64_t phases, source_step, count = 0;  // source_step: cells of the source between neighbouring targets of a phase
  ColumnTap taps[most_taps];
  int64_t first[PaddedPlane::most_phases + 1];  // of each phase's taps

  Columns(const Geometry &g, bool backward)
      : phases(backward ? std::min(g.stride[2], g.input[2]) : 1), source_step(backward ? 1 : g.stride[2]) {
    const Axis axis = g.axis(2);
    for (int64_t phase = 0; phase < phases; ++phase) {
      first[phase] = count;
      for (int64_t t = 0; t < axis.kernel; ++t) {
        const int64_t offset = tap_offset(axis, t, g.flip);
        if (!backward) {
          taps[count++] = {t, offset, outputs_inside(axis, offset)};
        } else if ((phase - offset) % axis.stride == 0) {
          const int64_t cell = (phase - offset) / axis.stride, targets = ceil_div(axis.input - phase, axis.stride);
          const int64_t begin = std::clamp<int64_t>(-cell, 0, targets);
          taps[count++] = {t, cell, {begin, std::clamp<int64_t>(axis.output - cell, begin, targets)}};
        }
      }
    }
    first[phases] = count;
  }
};

// Calls body(phase, first target, targets, taps, source offsets, places in the weights) for each segment of the target
// row at (depth, row). Offsets are those of the segment's first target.
template <class Body>
void for_segments(const Geometry &g, bool backward, const Columns &columns, int64_t depth, int64_t row,
                  const Body &body) {
  const Sizes &from = backward ? g.output : g.input, &to = backward ? g.input : g.output;
  const int64_t channels = g.in_channels;
  RowTap rows[most_taps];
  int64_t row_count = 0;
  for (int64_t a = 0; a < g.kernel[0]; ++a) {
    const int64_t depth_offset = tap_offset(g.axis(0), a, g.flip);
    const int64_t d = backward ? output_at(g.axis(0), depth, depth_offset) : input_at(g.axis(0), depth, depth_offset);
    for (int64_t b = 0; b < g.kernel[1] && d >= 0; ++b) {
      const int64_t offset = tap_offset(g.axis(1), b, g.flip);
      const int64_t h = backward ? output_at(g.axis(1), row, offset) : input_at(g.axis(1), row, offset);
      if (h >= 0) rows[row_count++] = {d * from[1] + h, a * g.kernel[1] + b};
    }
  }
  int64_t offsets[most_taps], places[most_taps];
  for (int64_t phase = 0; phase < columns.phases; ++phase) {
    const ColumnTap *begin = columns.taps + columns.first[phase], *end = columns.taps + columns.first[phase + 1];
    const int64_t targets = ceil_div(to[2] - phase, columns.phases);
    for (int64_t at = 0, next; at < targets; at = next) {
      next = targets;
      for (const ColumnTap *tap = begin; tap < end; ++tap) {
        if (tap->targets.begin > at) next = std::min(next, tap->targets.begin);
        if (tap->targets.end > at) next = std::min(next, tap->targets.end);
      }
      int64_t taps = 0;
      for (int64_t r = 0; r < row_count; ++r) {
        for (const ColumnTap *tap = begin; tap < end; ++tap) {
          if (tap->targets.begin > at || tap->targets.end <= at) continue;
          offsets[taps] = (rows[r].row * from[2] + tap->cell + at * columns.source_step) * channels;
          places[taps++] = (rows[r].tap * g.kernel[2] + tap->index) * channels;
        }
      }
      body(phase, at, next - at, taps, offsets, places);
    }
  }
}

}  // namespace

bool channels_last(const Problem &problem) {
  const Geometry &g = problem.geometry;
  return g.layout == Layout::nhwc && g.group_inputs() == 1 && g.group_outputs() == 1;
}

size_t channels_last_bytes(const Problem &problem) {
  return static_cast<size_t>(problem.geometry.w_size()) * problem.item_bytes();
}

template <class T>
void correlate_channels_last(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  const Geometry &g = problem.geometry;
  const bool backward = problem.pass == Pass::backward_input;
  const T *source = static_cast<const T *>(arguments.first), *bias = static_cast<const T *>(arguments.bias);
  T *target = static_cast<T *>(arguments.out), *w = static_cast<T *>(arguments.workspace);
  const Sizes &from = backward ? g.output : g.input, &to = backward ? g.input : g.output;
  const int64_t channels = g.in_channels;
  kernels().direct<T>().transpose(channels, g.kernel_area(), static_cast<const T *>(arguments.second), g.kernel_area(),
                                  w, channels);
  const Columns columns(g, backward);
  parallel_ranges(execution.threads, g.batch * to[0] * to[1], [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      const int64_t image = line / (to[0] * to[1]), depth = line / to[1] % to[0], row = line % to[1];
      const T *x = source + image * product(from) * channels;
      T *y = target + line * to[2] * channels;
      for_segments(g, backward, columns, depth, row,
                   [&](int64_t phase, int64_t first, int64_t targets, int64_t taps, const int64_t *offsets,
                       const int64_t *places) {
                     kernels().channel<T>().correlate(
                         targets, channels, taps, w, places, x, offsets, columns.source_step * channels,
                         y + (phase + first * columns.phases) * channels, columns.phases * channels);
                   });
      if (bias || problem.activation != Activation::identity) {
        finish_pixels(problem.activation, bias, y, to[2], channels, channels);
      }
    }
  });
}

template <class T>
void weight_gradient_channels_last(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  const Geometry &g = problem.geometry;
  const T *dy = static_cast<const T *>(arguments.first), *x = static_cast<const T *>(arguments.second);
  T *dw = static_cast<T *>(arguments.out), *turned = static_cast<T *>(arguments.workspace);
  const int64_t channels = g.in_channels, area = g.kernel_area(), lines = g.output[0] * g.output[1];
  const Columns columns(g, false);
  // Threads divide the channels, by whole cache lines: each sums alone, in the same order on any number of threads.
  constexpr int64_t width = 64 / sizeof(T);
  parallel_ranges(execution.threads, ceil_div(channels, width), [&](int64_t first_block, int64_t end_block) {
    const int64_t first = first_block * width, count = std::min(end_block * width, channels) - first;
    for (int64_t t = 0; t < area; ++t) std::fill_n(turned + t * channels + first, count, T(0));
    for (int64_t line = 0; line < g.batch * lines; ++line) {
      const T *from = x + line / lines * g.input_pixels() * channels + first;
      const T *by = dy + line * g.output[2] * channels + first;
      for_segments(
          g, false, columns, line / g.output[1] % g.output[0], line % g.output[1],
          [&](int64_t, int64_t at, int64_t outputs, int64_t taps, const int64_t *offsets, const int64_t *places) {
            kernels().channel<T>().gradient(outputs, count, taps, by + at * channels, channels, from, offsets,
                                            columns.source_step * channels, turned + first, places);
          });
    }
    kernels().direct<T>().transpose(area, count, turned + first, channels, dw + first * area, area);
  });
}

template void correlate_channels_last<float>(const Problem &, const Execution &, const Arguments &);
template void correlate_channels_last<double>(const Problem &, const Execution &, const Arguments &);
template void weight_gradient_channels_last<float>(const Problem &, const Execution &, const Arguments &);
template void weight_gradient_channels_last<double>(const Problem &, const Execution &, const Arguments &);

}  // namespace gemmconv::depthwise
