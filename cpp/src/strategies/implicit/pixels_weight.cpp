// dw[k][c][tap] = sum over pixels of dy[k][p] x[c][p at tap], without a column matrix: a block of outputs and a block
// of inputs keep their sums of all taps in the cache while images and rows run; vectors lie along the input channels
// of a pixel (NHWC). Where rows are short, the pixels of a tap are first copied together, so that one product sums
// over the whole image.
#include "pixels.hpp"

#include <algorithm>
#include <cstring>

#include "../../kernels/kernels.hpp"
#include "../../threads.hpp"
#include "../../workspace.hpp"
#include "../taps.hpp"

namespace gemmconv::implicit {
namespace {

constexpr int64_t short_row = 28;  // below, a product over one row is too little work for loading and storing its sums

// How the work is cut: tasks are (group, block of outputs, block of inputs).
struct Cut {
  int64_t outputs, inputs;  // channels of a block
  int64_t output_blocks, input_blocks;
  bool gathered;  // the pixels of a tap are copied together
  size_t gathered_bytes, sums_bytes;
  int threads;

  size_t task_bytes() const { return gathered_bytes + sums_bytes; }
  size_t total_bytes() const { return task_bytes() * static_cast<size_t>(threads); }
};

Cut cut_work(const Problem &problem, const Execution &execution) {
  const Geometry &g = problem.geometry;
  const size_t item = problem.item_bytes();
  Cut cut{};
  cut.gathered = g.output[2] < short_row;
  // The blocks shrink until one thread's share fits; they order no additions, so any size gives the same bits.
  for (int64_t block = 64;; block /= 2) {
    cut.outputs = std::min(block, g.group_outputs());
    cut.inputs = std::min(block, g.group_inputs());
    cut.output_blocks = ceil_div(g.group_outputs(), cut.outputs);
    cut.input_blocks = ceil_div(g.group_inputs(), cut.inputs);
    cut.gathered_bytes = cut.gathered ? rounded(static_cast<size_t>(g.output_pixels() * cut.inputs) * item) : 0;
    cut.sums_bytes = rounded(static_cast<size_t>(g.kernel_area() * cut.outputs * cut.inputs) * item);
    if (cut.task_bytes() <= execution.workspace_limit || block == 1) break;
  }
  const int64_t tasks = g.groups * cut.output_blocks * cut.input_blocks;
  cut.threads = static_cast<int>(std::clamp<int64_t>(tasks, 1, execution.threads));
  while (cut.threads > 1 && cut.total_bytes() > execution.workspace_limit) --cut.threads;
  return cut;
}

// gathered[output pixel][channel] = what the tap reads, zeros in the padding.
template <class T>
void gather_tap(const Geometry &g, const Tap &tap, const T *pixels, int64_t channels, T *gathered) {
  for (int64_t od = 0; od < g.output[0]; ++od) {
    const int64_t id = input_at(g.axis(0), od, tap.depth_offset);
    for (int64_t oh = 0; oh < g.output[1]; ++oh, gathered += g.output[2] * channels) {
      const int64_t ih = input_at(g.axis(1), oh, tap.row_offset);
      if (id < 0 || ih < 0) {
        std::fill_n(gathered, g.output[2] * channels, T(0));
        continue;
      }
      std::fill_n(gathered, tap.columns.begin * channels, T(0));
      const T *row = pixels + (id * g.input[1] + ih) * g.input[2] * g.in_channels;
      for (int64_t ow = tap.columns.begin; ow < tap.columns.end; ++ow) {
        std::memcpy(gathered + ow * channels, row + (ow * g.stride[2] + tap.column_offset) * g.in_channels,
                    static_cast<size_t>(channels) * sizeof(T));
      }
      std::fill(gathered + tap.columns.end * channels, gathered + g.output[2] * channels, T(0));
    }
  }
}

}  // namespace

size_t pixels_weight_workspace_bytes(const Problem &problem, const Execution &execution) {
  return cut_work(problem, execution).total_bytes();
}

template <class T>
void pixels_weight(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  const Geometry &g = problem.geometry;
  const Cut cut = cut_work(problem, execution);
  const T *dy = static_cast<const T *>(arguments.first), *x = static_cast<const T *>(arguments.second);
  T *dw = static_cast<T *>(arguments.out);
  const Strides xs = g.x_strides(), ys = g.y_strides();
  const int64_t area = g.kernel_area(), patch = g.patch_size();
  const auto outer = kernels().direct<T>().outer;
  const int64_t tasks = g.groups * cut.output_blocks * cut.input_blocks;
  parallel(cut.threads, [&](int part) {
    std::byte *own = static_cast<std::byte *>(arguments.workspace) + cut.task_bytes() * static_cast<size_t>(part);
    T *gathered = reinterpret_cast<T *>(own), *sums = reinterpret_cast<T *>(own + cut.gathered_bytes);
    for (int64_t task = tasks * part / cut.threads; task < tasks * (part + 1) / cut.threads; ++task) {
      const int64_t group = task / cut.input_blocks / cut.output_blocks;
      const int64_t k = task / cut.input_blocks % cut.output_blocks * cut.outputs,
                    c = task % cut.input_blocks * cut.inputs;
      const int64_t outputs = std::min(cut.outputs, g.group_outputs() - k),
                    inputs = std::min(cut.inputs, g.group_inputs() - c);
      const int64_t first_k = group * g.group_outputs() + k, first_c = group * g.group_inputs() + c;
      std::fill_n(sums, area * outputs * inputs, T(0));
      // Images in order: the sums of one are complete before the next begins.
      for (int64_t image = 0; image < g.batch; ++image) {
        const T *pixels = x + image * xs.image + first_c;
        const T *rows_of_dy = dy + image * ys.image + first_k;
        for_taps(g, [&](const Tap &tap) {
          T *tap_sums = sums + tap.index * outputs * inputs;
          if (cut.gathered) {
            gather_tap(g, tap, pixels, inputs, gathered);
            outer(outputs, inputs, g.output_pixels(), rows_of_dy, 1, g.out_channels, gathered, inputs, tap_sums,
                  inputs);
            return;
          }
          const int64_t first = tap.columns.begin, columns = tap.columns.end - first;
          for (int64_t od = 0; od < g.output[0]; ++od) {
            const int64_t id = input_at(g.axis(0), od, tap.depth_offset);
            for (int64_t oh = 0; id >= 0 && oh < g.output[1]; ++oh) {
              const int64_t ih = input_at(g.axis(1), oh, tap.row_offset);
              if (ih < 0) continue;
              const int64_t column = (id * g.input[1] + ih) * g.input[2] + first * g.stride[2] + tap.column_offset;
              outer(outputs, inputs, columns, rows_of_dy + od * ys.axis[0] + oh * ys.axis[1] + first * ys.axis[2], 1,
                    g.out_channels, pixels + column * g.in_channels, g.stride[2] * g.in_channels, tap_sums, inputs);
            }
          }
        });
      }
      for (int64_t i = 0; i < outputs; ++i) {
        T *row = dw + (first_k + i) * patch + c * area;
        for (int64_t j = 0; j < inputs; ++j) {
          for (int64_t tap = 0; tap < area; ++tap) row[j * area + tap] = sums[(tap * outputs + i) * inputs + j];
        }
      }
    }
  });
}

template void pixels_weight<float>(const Problem &, const Execution &, const Arguments &);
template void pixels_weight<double>(const Problem &, const Execution &, const Arguments &);

}  // namespace gemmconv::implicit
