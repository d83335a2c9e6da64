// What the variants `weight_bands` and `weight_panels` share: tasks on threads, each with its scratch memory.
#pragma once

#include "../../scratch.hpp"
#include "../../threads.hpp"
#include "../variant.hpp"
#include "cost.hpp"
#include "weight_layout.hpp"

namespace gemmconv::implicit {

template <class T>
class WeightTasks : public Prepared {
 public:
  WeightTasks(const Problem &given, const Execution &settings, WeightLanes in_lanes)
      : Prepared(given, settings), layout_(this->problem, this->execution, in_lanes) {
    workspace_bytes = layout_.thread_bytes() * static_cast<size_t>(layout_.threads);
    seconds = weight_seconds(problem, execution, layout_);
  }

  void run(const Arguments &arguments) const override {
    const WeightOperands<T> operands{layout_, static_cast<const T *>(arguments.first),
                                     static_cast<const T *>(arguments.second), static_cast<T *>(arguments.out)};
    std::byte *memory = static_cast<std::byte *>(arguments.workspace);
    const size_t thread_bytes = scratch_bytes<WeightArrays<T>>(layout_);
    const int64_t tasks = layout_.tasks().count();
    parallel(layout_.threads, [&](int part) {
      const auto scratch = scratch_arrays<WeightArrays<T>>(memory + thread_bytes * static_cast<size_t>(part), layout_);
      const Range own = even_share(tasks, part, layout_.threads);
      for (int64_t number = own.begin; number < own.end; ++number) {
        const WeightTask task = layout_.task(number);
        if (!task.empty()) run_task(operands, task, scratch);
      }
    });
  }

 protected:
  virtual void run_task(const WeightOperands<T> &operands, const WeightTask &task,
                        const WeightArrays<T> &scratch) const = 0;

  const WeightLayout layout_;
};

}  // namespace gemmconv::implicit
