// What the variants `bands` and `pixels` share: a task copies its band of the source once, with the padding written out
// and the strides de-interleaved (patches/padded_band.hpp), so that what a row of pixels reads under one tap is a row of
// that copy; then it computes the stride phases of its rows, those that differ along the last axis only together.
#pragma once

#include <algorithm>

#include "../../kernels/kernels.hpp"
#include "../../scratch.hpp"
#include "../../threads.hpp"
#include "../finish.hpp"
#include "../variant.hpp"
#include "band_layout.hpp"

namespace gemmconv::implicit {

template <class T>
class BandTasks : public Prepared {
 public:
  BandTasks(const Problem &given, const Execution &settings, Lanes lanes)
      : Prepared(given, settings), layout_(this->problem, this->execution, lanes) {
    workspace_bytes = rounded(layout_.shared_weights_size, sizeof(T)) +
                      scratch_bytes<BandArrays<T>>(layout_) * static_cast<size_t>(layout_.threads);
    packed_bytes = rounded(layout_.packed_size(), sizeof(T));
    // Not for a layout that is refused in a moment.
    if (workspace_bytes <= execution.workspace_limit) offsets_ = layout_.tap_offsets();
  }

  void run(const Arguments &arguments) const override {
    Call call{static_cast<const T *>(arguments.first), static_cast<const T *>(arguments.second),
              static_cast<const T *>(arguments.bias), static_cast<T *>(arguments.out)};
    std::byte *memory = static_cast<std::byte *>(arguments.workspace);
    if (layout_.shared_weights_size > 0) {
      lay_out_weights(call.weights, reinterpret_cast<T *>(memory));
      call.weights = reinterpret_cast<const T *>(memory);
      memory += rounded(layout_.shared_weights_size, sizeof(T));
    }
    const size_t thread_bytes = scratch_bytes<BandArrays<T>>(layout_);
    const int64_t tasks = layout_.tasks().count();
    parallel(layout_.threads, [&](int part) {
      const auto scratch = scratch_arrays<BandArrays<T>>(memory + thread_bytes * static_cast<size_t>(part), layout_);
      const Range own = even_share(tasks, part, layout_.threads);
      for (int64_t task = own.begin; task < own.end; ++task) run_task(call, task, scratch);
    });
  }

  void pack(const void *w, void *packed) const override {
    lay_out_weights(static_cast<const T *>(w), static_cast<T *>(packed));
  }

 protected:
  // The arrays of a run. `weights`: laid out for the products, unless layout_.local_weights says that each task does it.
  struct Call {
    const T *source, *weights, *bias;
    T *target;
  };
  // A task and the group's target that it writes.
  struct Task {
    int64_t group, part;
    int64_t d, row, rows;  // cells of a phase along the first axis; the first and the number of its rows
    T *target;
  };

  // Computes the phases first .. first + sides.phases[2] - 1, which differ along the last axis, for the task's rows.
  virtual void run_phases(const Call &call, const Task &task, const PhaseTaps *first,
                          const BandArrays<T> &scratch) const = 0;
  // All weights as the products read them.
  virtual void lay_out_weights(const T *w, T *laid_out) const = 0;

  // The row of the target that row i of a task is in a phase, or nullptr where the phase has a row less.
  T *target_row(const Task &task, const Sizes &residue, int64_t i) const {
    const Side &target = layout_.sides.target;
    const int64_t d = task.d * layout_.sides.phases[0] + residue[0];
    const int64_t h = (task.row + i) * layout_.sides.phases[1] + residue[1];
    if (d >= target.sizes[0] || h >= target.sizes[1]) return nullptr;
    return task.target + d * target.strides.axis[0] + h * target.strides.axis[1];
  }

  // y = sigma(y + bias) for rows of `count` neighbours, one for each target channel from `channel` of the group on.
  void finish_rows(const Call &call, const Task &task, int64_t channel, int64_t channels, int64_t count, T *first,
                   int64_t stride) const {
    const T *bias = call.bias ? call.bias + task.group * layout_.sides.target.channels + channel : nullptr;
    for (int64_t i = 0; i < channels; ++i) {
      finish(this->problem.activation, bias ? bias[i] : T(0), first + i * stride, count);
    }
  }

  // The columns of the phases, rows[phase][channel][column] with `stride` between channels, interleaved into a row of
  // every channel.
  void interleave(int64_t channels, const T *rows, int64_t stride, T *row) const {
    const MoveKernel<T> &moves = kernels<T>().moves;
    const Side &target = layout_.sides.target;
    const int64_t size = target.sizes[2], step = layout_.sides.phases[2], second = channels * stride;
    if (step == 2) {
      moves.interleave(channels, size, rows, rows + second, stride, row, target.strides.channel);
      return;
    }
    for (int64_t r = 0; r < step; ++r) {
      moves.copy(channels, ceil_div(size - r, step), rows + r * second, stride, 1, row + r, target.strides.channel,
                 step);
    }
  }

  const BandLayout layout_;
  std::vector<int64_t> offsets_;  // of taps in a band: see BandLayout::tap_offsets

 private:
  void run_task(const Call &call, int64_t number, const BandArrays<T> &scratch) const {
    const auto [image, group, d, band, part] = layout_.tasks().at(number);
    const Sides &sides = layout_.sides;
    const int64_t row = band * layout_.band_rows;
    const Task task{group,
                    part,
                    d,
                    row,
                    std::min(layout_.band_rows, sides.phase_sizes[1] - row),
                    call.target + sides.target.offset(image, group)};
    if (task.rows <= 0) return;
    layout_.band.copy(call.source + sides.source.offset(image, group), sides.source.channels, d, row, layout_.band_rows,
                      layout_.channel_stride, scratch.band);
    const int64_t together = sides.phases[2];
    for (size_t i = 0; i < layout_.phases.size(); i += static_cast<size_t>(together)) {
      const PhaseTaps *first = &layout_.phases[i], *last = first + together - 1;
      const bool no_taps = last->earlier + last->taps == first->earlier;
      const bool zeros = no_taps && !call.bias && this->problem.activation == Activation::identity;
      if (zeros) fill_zeros(task, first->residue);
      else run_phases(call, task, first, scratch);
    }
  }

  // Rows that no tap reaches.
  void fill_zeros(const Task &task, const Sizes &residue) const {
    const bool by_channels = layout_.lanes == Lanes::channels;
    const int64_t unit = by_channels ? layout_.panel : 1, channels = layout_.sides.target.channels;
    const Range own = even_share(by_channels ? layout_.panels : channels, task.part, layout_.parts);
    const Side &target = layout_.sides.target;
    for (int64_t k = own.begin * unit; k < std::min(channels, own.end * unit); ++k) {
      for (int64_t i = 0; i < task.rows; ++i) {
        T *row = target_row(task, residue, i);
        if (row) std::fill_n(row + k * target.strides.channel, target.sizes[2], T(0));
      }
    }
  }
};

}  // namespace gemmconv::implicit
