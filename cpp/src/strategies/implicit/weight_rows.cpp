// The variant `weight_rows`, channels last: dw[k][c][tap] = sum over pixels of dy[k][p] x[c][p at tap], without a column
// matrix. A block of outputs and a block of inputs keep their sums of all taps in the cache while images and rows are
// iterated; vectors lie along the input channels of a pixel. Where rows are short, the pixels of a tap are first copied
// together, so that one product sums over the whole image.
#include <algorithm>
#include <cstring>

#include "../../index_grid.hpp"
#include "../../kernels/kernels.hpp"
#include "../../scratch.hpp"
#include "../../threads.hpp"
#include "../sides.hpp"
#include "../taps.hpp"
#include "cost.hpp"
#include "implicit.hpp"

namespace gemmconv::implicit {
namespace {

constexpr int64_t short_row = 28;  // below, a product over one row is too little work for loading and storing its sums
constexpr int64_t widest_block = 64;  // channels

// How the work is divided: tasks are (group, block of outputs, block of inputs).
struct Layout {
  int64_t outputs, inputs;  // channels of a block
  bool gathered;            // the pixels of a tap are copied together
  int64_t pixels, all_taps;
  IndexGrid<3> tasks;
  int threads;
};

// The scratch arrays of one thread.
template <class T>
struct Arrays {
  T *gathered, *sums;

  template <class Visit>
  void each(const Visit &visit, const Layout &layout) {
    visit(gathered, layout.gathered ? layout.pixels * layout.inputs : 0);
    visit(sums, layout.all_taps * layout.outputs * layout.inputs);
  }
};

template <class T>
Layout divide(const Problem &problem, const Execution &execution) {
  const Geometry &g = problem.geometry;
  Layout layout{};
  layout.gathered = g.output[2] < short_row;
  layout.pixels = g.output_pixels();
  layout.all_taps = g.kernel_area();
  // The blocks shrink until one thread's share fits; they order no additions, so any size gives the same bits.
  for (int64_t block = widest_block;; block /= 2) {
    layout.outputs = std::min(block, g.group_outputs());
    layout.inputs = std::min(block, g.group_inputs());
    if (scratch_bytes<Arrays<T>>(layout) <= execution.workspace_limit || block == 1) break;
  }
  layout.tasks = {{g.groups, ceil_div(g.group_outputs(), layout.outputs), ceil_div(g.group_inputs(), layout.inputs)}};
  layout.threads = static_cast<int>(std::clamp<int64_t>(layout.tasks.count(), 1, execution.threads));
  const size_t each = scratch_bytes<Arrays<T>>(layout);
  while (layout.threads > 1 && each * static_cast<size_t>(layout.threads) > execution.workspace_limit) --layout.threads;
  return layout;
}

template <class T>
class WeightRows final : public Prepared {
 public:
  WeightRows(const Problem &given, const Execution &settings)
      : Prepared(given, settings),
        g_(this->problem.geometry),
        x_(x_side(g_)),
        y_(y_side(g_)),
        layout_(divide<T>(this->problem, this->execution)) {
    workspace_bytes = scratch_bytes<Arrays<T>>(layout_) * static_cast<size_t>(layout_.threads);
    seconds = rows_seconds(problem, execution);
  }

  void run(const Arguments &arguments) const override {
    const T *dy = static_cast<const T *>(arguments.first), *x = static_cast<const T *>(arguments.second);
    T *dw = static_cast<T *>(arguments.out);
    std::byte *memory = static_cast<std::byte *>(arguments.workspace);
    const size_t thread_bytes = scratch_bytes<Arrays<T>>(layout_);
    parallel(layout_.threads, [&](int part) {
      const auto scratch = scratch_arrays<Arrays<T>>(memory + thread_bytes * static_cast<size_t>(part), layout_);
      const Range own = even_share(layout_.tasks.count(), part, layout_.threads);
      for (int64_t task = own.begin; task < own.end; ++task) run_task(task, dy, x, dw, scratch);
    });
  }

 private:
  // Some output channels and some input channels of a group.
  struct Block {
    int64_t first_output, outputs, first_input, inputs;  // the first ones: of all groups
  };

  void run_task(int64_t task, const T *dy, const T *x, T *dw, const Arrays<T> &scratch) const {
    const auto [group, output_block, input_block] = layout_.tasks.at(task);
    const int64_t k = output_block * layout_.outputs, c = input_block * layout_.inputs, all_taps = layout_.all_taps;
    const Block block{group * y_.channels + k, std::min(layout_.outputs, y_.channels - k), group * x_.channels + c,
                      std::min(layout_.inputs, x_.channels - c)};
    std::fill_n(scratch.sums, all_taps * block.outputs * block.inputs, T(0));
    // Images in order: the sums of one are complete before the next begins.
    for (int64_t image = 0; image < g_.batch; ++image) {
      add_image(block, dy + image * y_.strides.image + block.first_output,
                x + image * x_.strides.image + block.first_input, scratch);
    }
    for (int64_t i = 0; i < block.outputs; ++i) {
      T *row = dw + (block.first_output + i) * g_.patch_size() + c * all_taps;
      for (int64_t j = 0; j < block.inputs; ++j) {
        for (int64_t tap = 0; tap < all_taps; ++tap) {
          row[j * all_taps + tap] = scratch.sums[(tap * block.outputs + i) * block.inputs + j];
        }
      }
    }
  }

  void add_image(const Block &block, const T *dy, const T *x, const Arrays<T> &scratch) const {
    const auto outer = kernels<T>().strided.outer;
    for_taps(g_, [&](const Tap &tap) {
      T *sums = scratch.sums + tap.index * block.outputs * block.inputs;
      if (layout_.gathered) {
        gather_tap(tap, x, block.inputs, scratch.gathered);
        outer(block.outputs, block.inputs, layout_.pixels, dy, 1, g_.out_channels, scratch.gathered, block.inputs, sums,
              block.inputs);
        return;
      }
      const int64_t first = tap.columns.begin, columns = tap.columns.end - first;
      for (int64_t od = 0; od < g_.output[0]; ++od) {
        const int64_t id = input_at(g_.axis(0), od, tap.depth_offset);
        for (int64_t oh = 0; id >= 0 && oh < g_.output[1]; ++oh) {
          const int64_t ih = input_at(g_.axis(1), oh, tap.row_offset);
          if (ih < 0) continue;
          const int64_t pixel = (id * g_.input[1] + ih) * g_.input[2] + first * g_.stride[2] + tap.column_offset;
          const T *row = dy + od * y_.strides.axis[0] + oh * y_.strides.axis[1] + first * y_.strides.axis[2];
          outer(block.outputs, block.inputs, columns, row, 1, g_.out_channels, x + pixel * g_.in_channels,
                g_.stride[2] * g_.in_channels, sums, block.inputs);
        }
      }
    });
  }

  // gathered[output pixel][channel] = what the tap reads, zeros in the padding.
  void gather_tap(const Tap &tap, const T *pixels, int64_t channels, T *gathered) const {
    const int64_t width = g_.output[2];
    for (int64_t od = 0; od < g_.output[0]; ++od) {
      const int64_t id = input_at(g_.axis(0), od, tap.depth_offset);
      for (int64_t oh = 0; oh < g_.output[1]; ++oh, gathered += width * channels) {
        const int64_t ih = input_at(g_.axis(1), oh, tap.row_offset);
        if (id < 0 || ih < 0) {
          std::fill_n(gathered, width * channels, T(0));
          continue;
        }
        std::fill_n(gathered, tap.columns.begin * channels, T(0));
        const T *row = pixels + (id * g_.input[1] + ih) * g_.input[2] * g_.in_channels;
        for (int64_t ow = tap.columns.begin; ow < tap.columns.end; ++ow) {
          std::memcpy(gathered + ow * channels, row + (ow * g_.stride[2] + tap.column_offset) * g_.in_channels,
                      static_cast<size_t>(channels) * sizeof(T));
        }
        std::fill(gathered + tap.columns.end * channels, gathered + width * channels, T(0));
      }
    }
  }

  const Geometry &g_;
  const Side x_, y_;
  const Layout layout_;
};

}  // namespace

const char *weight_rows_refuse(const Problem &problem, const Execution &) {
  if (problem.pass != Pass::backward_weight) return "it computes the weight gradient only";
  return problem.channels_last() ? nullptr : "it is for channels-last tensors (NHWC), and this problem has planes";
}

PreparedPointer prepare_weight_rows(const Problem &problem, const Execution &execution) {
  return make_prepared<WeightRows>(problem, execution);
}

}  // namespace gemmconv::implicit
