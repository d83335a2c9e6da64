// The variant `padded`, forward and input gradient: groups of a few channels, and whatever cannot be read in place. The
// planes of a group are copied once with their padding written out and their strides de-interleaved, so that every tap
// reads a shifted view of them; vectors lie along the pixels. The input gradient correlates dy with the taps of each
// stride phase by themselves.
#include <algorithm>

#include "../../index_grid.hpp"
#include "../../kernels/kernels.hpp"
#include "../../scratch.hpp"
#include "../../threads.hpp"
#include "../finish.hpp"
#include "cost.hpp"
#include "depthwise.hpp"
#include "padded_group.hpp"

namespace gemmconv::depthwise {
namespace {

constexpr int64_t wide_row = 48;  // rows this wide are correlated one by one, narrower ones as one long row with gaps

template <class T>
class PaddedCorrelation final : public Prepared {
 public:
  PaddedCorrelation(const Problem &given, const Execution &settings)
      : Prepared(given, settings),
        g_(this->problem.geometry),
        sides_(this->problem),
        group_(g_, sides_),
        tasks_{{g_.batch, g_.groups}},
        phase_sums_(sides_.target.channels * group_.positions(sides_.phase_sizes)) {
    const bool neighbours = sides_.target.strides.axis[2] == 1;
    writes_rows_ = neighbours && sides_.phases == Sizes{1, 1, 1} && sides_.target.sizes[2] >= wide_row;
    interleaves_ = neighbours && sides_.phases[2] == 2;
    thread_bytes_ = scratch_bytes<Scratch>(*this);
    threads_ = PaddedGroup::threads_that_fit(execution, tasks_.count(), thread_bytes_);
    workspace_bytes = thread_bytes_ * static_cast<size_t>(threads_);
    seconds = padded_seconds(problem, execution);
  }

  void run(const Arguments &arguments) const override {
    const T *source = static_cast<const T *>(arguments.first), *w = static_cast<const T *>(arguments.second);
    T *target = static_cast<T *>(arguments.out);
    parallel(threads_, [&](int part) {
      std::byte *memory = static_cast<std::byte *>(arguments.workspace) + thread_bytes_ * static_cast<size_t>(part);
      const Scratch scratch = scratch_arrays<Scratch>(memory, *this);
      std::fill_n(scratch.planes, group_.planes_size(), T(0));
      const Range own = even_share(tasks_.count(), part, threads_);
      for (int64_t task = own.begin; task < own.end; ++task) {
        const auto [image, group] = tasks_.at(task);
        for (int64_t s = 0; s < sides_.source.channels; ++s) {
          group_.copy(source + sides_.source.offset(image, group) + s * sides_.source.strides.channel,
                      scratch.planes + s * group_.plane.size());
        }
        correlate_group(w + group * g_.group_outputs() * g_.patch_size(), scratch,
                        target + sides_.target.offset(image, group));
      }
    });
    finish_tensor(g_.layout, execution.threads, problem.activation, static_cast<const T *>(arguments.bias), target,
                  g_.batch, g_.groups * sides_.target.channels, sides_.target.pixels());
  }

 private:
  // Of one thread.
  struct Scratch {
    T *planes;   // padded copies of the source channels of a group
    T *weights;  // of a stride phase: [target channel][source channel][tap]. Forward, w lies so
    T *sums;     // of a stride phase in the padded grid; behind them those of its neighbour where two are interleaved

    template <class Visit>
    void each(const Visit &visit, const PaddedCorrelation &of) {
      visit(planes, of.group_.planes_size());
      visit(weights, of.sides_.backward ? of.g_.group_outputs() * of.g_.patch_size() : 0);
      visit(sums, of.writes_rows_ ? 0 : of.phase_sums_ * (of.interleaves_ ? 2 : 1));
    }
  };

  // All stride phases of one group. Where the stride along rows is 2, two phases are the even and the odd columns.
  void correlate_group(const T *w, const Scratch &scratch, T *target) const {
    if (writes_rows_) return correlate_rows(w, scratch, target);
    T *const odd_sums = scratch.sums + phase_sums_;
    for (size_t i = 0; i < group_.phases.size(); i += interleaves_ ? 2 : 1) {
      correlate_phase(group_.phases[i], w, scratch, scratch.sums);
      if (interleaves_) correlate_phase(group_.phases[i + 1], w, scratch, odd_sums);
      write_phase(group_.phases[i], scratch.sums, odd_sums, target);
    }
  }

  // Unit strides and wide rows: sums are made where they belong.
  void correlate_rows(const T *w, const Scratch &scratch, T *target) const {
    const StridePhase &phase = group_.phases[0];
    const T *weights = weights_of(phase, w, scratch);
    const int64_t taps = phase.taps * sides_.source.channels;
    const Strides &strides = sides_.target.strides;
    const auto correlate = kernels<T>().offset.outer;
    for (int64_t d = 0; d < phase.cells[0]; ++d) {
      for (int64_t h = 0; h < phase.cells[1]; ++h) {
        correlate(sides_.target.channels, phase.cells[2], taps, weights, taps, 1,
                  scratch.planes + d * group_.depth_step() + h * group_.row_step(), group_.offsets.data(),
                  target + d * strides.axis[0] + h * strides.axis[1], strides.channel, false);
      }
    }
  }

  // The sums of one stride phase for all target channels, as one long row of the padded grid.
  void correlate_phase(const StridePhase &phase, const T *w, const Scratch &scratch, T *sums) const {
    const int64_t taps = phase.taps * sides_.source.channels;
    kernels<T>().offset.outer(sides_.target.channels, group_.positions(phase.cells), taps,
                              weights_of(phase, w, scratch), taps, 1, scratch.planes,
                              group_.offsets.data() + phase.first_tap * sides_.source.channels, sums,
                              phase_sums_ / sides_.target.channels, false);
  }

  const T *weights_of(const StridePhase &phase, const T *w, const Scratch &scratch) const {
    if (!sides_.backward) return w;
    T *to = scratch.weights;
    const int64_t *indices = group_.indices.data() + phase.first_tap;
    for (int64_t k = 0; k < sides_.target.channels; ++k) {
      for (int64_t s = 0; s < sides_.source.channels; ++s) {
        const T *from = w + k * sides_.target_weights + s * sides_.source_weights;
        for (int64_t t = 0; t < phase.taps; ++t) *to++ = from[indices[t]];
      }
    }
    return scratch.weights;
  }

  void write_phase(const StridePhase &phase, const T *sums, const T *odd_sums, T *target) const {
    const MoveKernel<T> &moves = kernels<T>().moves;
    const Sizes &step = sides_.phases, &strides = sides_.target.strides.axis;
    for (int64_t d = 0; d < phase.cells[0]; ++d) {
      T *first = target + (phase.residue[0] + d * step[0]) * strides[0] + phase.residue[1] * strides[1] +
                 phase.residue[2] * strides[2];
      for (int64_t k = 0; k < sides_.target.channels; ++k) {
        const int64_t from = k * (phase_sums_ / sides_.target.channels) + d * group_.depth_step();
        T *to = first + k * sides_.target.strides.channel;
        if (interleaves_) {
          moves.interleave(phase.cells[1], sides_.target.sizes[2], sums + from, odd_sums + from, group_.row_step(), to,
                           step[1] * strides[1]);
        } else {
          moves.copy(phase.cells[1], phase.cells[2], sums + from, group_.row_step(), 1, to, step[1] * strides[1],
                     step[2] * strides[2]);
        }
      }
    }
  }

  const Geometry &g_;
  const Sides sides_;
  const PaddedGroup group_;
  const IndexGrid<2> tasks_;  // images, groups
  const int64_t phase_sums_;  // elements that the sums of one stride phase take
  bool writes_rows_, interleaves_;
  size_t thread_bytes_;
  int threads_;
};

}  // namespace

const char *padded_refuse(const Problem &problem, const Execution &) { return refused_by_every_variant(problem); }

PreparedPointer prepare_padded(const Problem &problem, const Execution &execution) {
  if (problem.pass == Pass::backward_weight) return prepare_padded_weight(problem, execution);
  return make_prepared<PaddedCorrelation>(problem, execution);
}

}  // namespace gemmconv::depthwise
