// The variant `padded`, weight gradient: planes of x are padded as in the forward pass, dy takes the places of the same
// grid with zeros in its gaps, and a cell of dw is the dot product of the two, shifted. Threads divide the groups, each
// of which sums over the images in their order.
#include <algorithm>

#include "../../index_grid.hpp"
#include "../../kernels/kernels.hpp"
#include "../../scratch.hpp"
#include "../../threads.hpp"
#include "cost.hpp"
#include "depthwise.hpp"
#include "padded_group.hpp"

namespace gemmconv::depthwise {
namespace {

template <class T>
class PaddedWeightGradient final : public Prepared {
 public:
  PaddedWeightGradient(const Problem &given, const Execution &settings)
      : Prepared(given, settings),
        g_(this->problem.geometry),
        x_(x_side(g_)),
        y_(y_side(g_)),
        group_(g_, Sides(this->problem)),
        positions_(group_.positions(g_.output)) {
    thread_bytes_ = scratch_bytes<Scratch>(*this);
    threads_ = PaddedGroup::threads_that_fit(execution, g_.groups, thread_bytes_);
    workspace_bytes = thread_bytes_ * static_cast<size_t>(threads_);
    seconds = padded_seconds(problem, execution);
  }

  void run(const Arguments &arguments) const override {
    const T *dy = static_cast<const T *>(arguments.first), *x = static_cast<const T *>(arguments.second);
    T *dw = static_cast<T *>(arguments.out);
    parallel(threads_, [&](int part) {
      std::byte *memory = static_cast<std::byte *>(arguments.workspace) + thread_bytes_ * static_cast<size_t>(part);
      const Scratch scratch = scratch_arrays<Scratch>(memory, *this);
      std::fill_n(scratch.planes, group_.planes_size(), T(0));
      std::fill_n(scratch.dy, y_.channels * positions_, T(0));
      const Range own = even_share(g_.groups, part, threads_);
      for (int64_t group = own.begin; group < own.end; ++group) {
        T *group_dw = dw + group * y_.channels * g_.patch_size();
        std::fill_n(group_dw, y_.channels * g_.patch_size(), T(0));
        for (int64_t image = 0; image < g_.batch; ++image) {
          add_image(x + x_.offset(image, group), dy + y_.offset(image, group), scratch, group_dw);
        }
      }
    });
  }

 private:
  // Of one thread.
  struct Scratch {
    T *planes;  // padded copies of the input channels of a group
    T *dy;      // of its output channels, in the padded grid

    template <class Visit>
    void each(const Visit &visit, const PaddedWeightGradient &of) {
      visit(planes, of.group_.planes_size());
      visit(dy, of.y_.channels * of.positions_);
    }
  };

  void add_image(const T *x, const T *dy, const Scratch &scratch, T *dw) const {
    for (int64_t c = 0; c < x_.channels; ++c) {
      group_.copy(x + c * x_.strides.channel, scratch.planes + c * group_.plane.size());
    }
    const Sizes &strides = y_.strides.axis;
    for (int64_t k = 0; k < y_.channels; ++k) {
      for (int64_t d = 0; d < g_.output[0]; ++d) {
        kernels<T>().moves.copy(g_.output[1], g_.output[2], dy + k * y_.strides.channel + d * strides[0], strides[1],
                                strides[2], scratch.dy + k * positions_ + d * group_.depth_step(), group_.row_step(),
                                1);
      }
    }
    kernels<T>().offset.dot(y_.channels, positions_, g_.patch_size(), scratch.dy, positions_, scratch.planes,
                            group_.offsets.data(), dw, g_.patch_size());
  }

  const Geometry &g_;
  const Side x_, y_;
  const PaddedGroup group_;
  const int64_t positions_;  // cells of the padded grid from the first to the last output
  size_t thread_bytes_;
  int threads_;
};

}  // namespace

PreparedPointer prepare_padded_weight(const Problem &problem, const Execution &execution) {
  return make_prepared<PaddedWeightGradient>(problem, execution);
}

}  // namespace gemmconv::depthwise
