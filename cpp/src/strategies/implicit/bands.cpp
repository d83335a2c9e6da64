// The variant `bands`: target channels fill the lanes and a pixel is broadcast to all of them. The weights, laid out in
// panels of two vectors of target channels, are read in order; the sums are transposed to planes a band at a
// time.
#include <algorithm>

#include "band_tasks.hpp"
#include "cost.hpp"
#include "implicit.hpp"

namespace gemmconv::implicit {
namespace {

template <class T>
class Bands final : public BandTasks<T> {
  using Base = BandTasks<T>;
  using Base::layout_;
  using typename Base::Call;
  using typename Base::Task;

 public:
  Bands(const Problem &given, const Execution &settings) : Base(given, settings, Lanes::channels) {
    this->seconds = bands_seconds(this->problem, this->execution, layout_);
  }

 private:
  void lay_out_weights(const T *w, T *laid_out) const override {
    const int64_t depth = layout_.sides.source.channels, panel = layout_.panel;
    // A thread lays out the weights of some source channels for one panel, phase after phase.
    const IndexGrid tasks{layout_.g.groups, layout_.panels, depth};
    parallel_ranges(this->execution.threads, tasks.count(), [&](int64_t begin, int64_t end) {
      while (begin < end) {
        const auto [group, number, c] = tasks.at(begin);
        const int64_t count = std::min(end - begin, depth - c);
        for (const PhaseTaps &phase : layout_.phases) {
          T *to = laid_out + packed_place(phase, group, number) + c * phase.taps * panel;
          lay_out_panel(phase, w, group, number, c, count, to);
        }
        begin += count;
      }
    });
  }

  // Where a panel of a phase begins in the laid-out weights [group][phase][panel][source channel][tap][lane].
  int64_t packed_place(const PhaseTaps &phase, int64_t group, int64_t number) const {
    const int64_t depth = layout_.sides.source.channels, panel = layout_.panel;
    return (group * layout_.all_taps + phase.earlier) * layout_.panels * panel * depth +
           number * panel * depth * phase.taps;
  }

  // The weights of `count` source channels from c on, for one panel of target channels and one stride phase:
  // to[source channel][tap][lane].
  void lay_out_panel(const PhaseTaps &phase, const T *w, int64_t group, int64_t number, int64_t c, int64_t count,
                     T *to) const {
    const Geometry &g = layout_.g;
    const Sides &sides = layout_.sides;
    const int64_t panel = layout_.panel, all_taps = layout_.all_taps, taps = phase.taps;
    const int64_t first = number * panel, used = std::min(panel, sides.target.channels - first);
    if (taps == 0) return;
    if (used < panel) std::fill_n(to, count * taps * panel, T(0));
    const auto transpose = kernels<T>().moves.transpose;
    const T *from =
        w + group * g.group_outputs() * g.patch_size() + first * sides.target_weights + c * sides.source_weights;
    if (!sides.backward) return transpose(used, count * all_taps, from, sides.target_weights, to, panel);
    if (all_taps == 1) return kernels<T>().moves.copy(count, used, from, sides.source_weights, 1, to, panel, 1);
    for (int64_t i = 0; i < count; ++i, from += sides.source_weights, to += taps * panel) {
      if (taps == all_taps) {
        transpose(used, all_taps, from, all_taps, to, panel);
        continue;
      }
      for (int64_t t = 0; t < taps; ++t) {
        const T *tap = from + layout_.tap_numbers[static_cast<size_t>(phase.earlier + t)];
        for (int64_t j = 0; j < used; ++j) to[t * panel + j] = tap[j * all_taps];
      }
    }
  }

  void run_phases(const Call &call, const Task &task, const PhaseTaps *first,
                  const BandArrays<T> &scratch) const override {
    const Range own = even_share(layout_.panels, task.part, layout_.parts);
    for (int64_t number = own.begin; number < own.end; ++number) {
      for (int64_t r = 0; r < layout_.sides.phases[2]; ++r) {
        // Columns that no tap reaches are written as zeros by store_interleaved.
        if (first[r].taps == 0 && layout_.sides.phases[2] > 1) continue;
        sum_panel(call, task, first[r], number, scratch.sums + r * phase_sums(), scratch);
      }
      store_panel(call, task, first, number, scratch);
    }
  }

  // Elements of the sums of one phase.
  int64_t phase_sums() const { return layout_.band_rows * layout_.sides.phase_sizes[2] * layout_.panel; }

  // sums[row][column][lane] of one panel of target channels and one phase.
  void sum_panel(const Call &call, const Task &task, const PhaseTaps &phase, int64_t number, T *sums,
                 const BandArrays<T> &scratch) const {
    const PixelBroadcastKernel<T> &kernel = kernels<T>().pixel_broadcast;
    const int64_t panel = layout_.panel, depth = layout_.sides.source.channels, taps = phase.taps;
    const int64_t width = layout_.sides.phase_sizes[2], row_step = layout_.band.row_step();
    const int64_t used = std::min(panel, layout_.sides.target.channels - number * panel);
    const auto multiply = kernel.row[used > kernels<T>().lanes ? 1 : 0];
    const int64_t *offsets = this->offsets_.data() + phase.earlier * depth;
    // Blocks of source channels, whose weights stay in the second-level cache for all rows of the band.
    for (int64_t c = 0; c < depth; c += layout_.block_channels) {
      const int64_t count = std::min(layout_.block_channels, depth - c);
      const T *weights = scratch.weights;
      if (layout_.local_weights) lay_out_panel(phase, call.weights, task.group, number, c, count, scratch.weights);
      else weights = call.weights + packed_place(phase, task.group, number) + c * taps * panel;
      for (int64_t i = 0; i < task.rows; ++i) {
        multiply(width, count * taps, scratch.band + i * row_step, offsets + c * taps, weights, panel,
                 sums + i * width * panel, panel, c > 0);
      }
    }
  }

  // The sums of one panel, to where they belong in the target, with bias and activation.
  void store_panel(const Call &call, const Task &task, const PhaseTaps *first, int64_t number,
                   const BandArrays<T> &scratch) const {
    if (this->problem.channels_last()) return store_pixels(call, task, number, scratch.sums);
    if (layout_.sides.phases[2] > 1) return store_interleaved(call, task, first, number, scratch);
    const auto transpose = kernels<T>().moves.transpose;
    const Side &target = layout_.sides.target;
    const int64_t panel = layout_.panel, width = layout_.sides.phase_sizes[2], channel = number * panel;
    const int64_t used = std::min(panel, target.channels - channel), stride = target.strides.channel;
    // Without strides the rows of a band are one run of the plane.
    const int64_t runs = layout_.strided ? task.rows : 1, count = task.rows / runs * width;
    for (int64_t i = 0; i < runs; ++i) {
      T *row = target_row_of(task, *first, i);
      if (!row) continue;
      row += channel * stride;
      transpose(count, used, scratch.sums + i * width * panel, panel, row, stride);
      this->finish_rows(call, task, channel, used, count, row, stride);
    }
  }

  T *target_row_of(const Task &task, const PhaseTaps &phase, int64_t i) const {
    return this->target_row(task, phase.residue, i);
  }

  // Channels last: a pixel's sums lie together as in the target.
  void store_pixels(const Call &call, const Task &task, int64_t number, const T *sums) const {
    const Side &target = layout_.sides.target;
    const int64_t panel = layout_.panel, channel = number * panel, pixel = target.strides.axis[2];
    const int64_t used = std::min(panel, target.channels - channel);
    const int64_t pixels = task.rows * layout_.sides.phase_sizes[2];
    T *first = this->target_row(task, {0, 0, 0}, 0) + channel;
    for (int64_t p = 0; p < pixels; ++p) std::copy_n(sums + p * panel, used, first + p * pixel);
    const T *bias = call.bias ? call.bias + task.group * target.channels + channel : nullptr;
    finish_pixels(this->problem.activation, bias, first, pixels, used, pixel);
  }

  // All rows are transposed at once, then the columns of the phases interleaved row by row.
  void store_interleaved(const Call &call, const Task &task, const PhaseTaps *first, int64_t number,
                         const BandArrays<T> &scratch) const {
    const auto transpose = kernels<T>().moves.transpose;
    const Side &target = layout_.sides.target;
    const int64_t panel = layout_.panel, width = layout_.sides.phase_sizes[2], channel = number * panel;
    const int64_t used = std::min(panel, target.channels - channel), count = task.rows * width;
    for (int64_t r = 0; r < layout_.sides.phases[2]; ++r) {
      T *rows = scratch.rows + r * used * count;
      if (first[r].taps == 0) std::fill_n(rows, used * count, T(0));
      else transpose(count, used, scratch.sums + r * phase_sums(), panel, rows, count);
      this->finish_rows(call, task, channel, used, count, rows, count);
    }
    for (int64_t i = 0; i < task.rows; ++i) {
      T *row = target_row_of(task, *first, i);
      if (row) this->interleave(used, scratch.rows + i * width, count, row + channel * target.strides.channel);
    }
  }
};

}  // namespace

const char *bands_refuse(const Problem &problem, const Execution &) {
  if (problem.channels_last() && Sides(problem).strided(problem.geometry)) {
    return "it computes the input gradient of channels-last tensors for unit strides only";
  }
  return why_no_bands(problem);
}

PreparedPointer prepare_bands(const Problem &problem, const Execution &execution) {
  return make_prepared<Bands>(problem, execution);
}

}  // namespace gemmconv::implicit
