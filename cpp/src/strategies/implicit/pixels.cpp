// The variant `pixels`: neighbouring pixels of a row fill the lanes and a weight is broadcast to all of them. It is for
// rows that fill their vectors and pixels that sum few products, where transposing the sums of `bands` would cost more
// than it saves.
#include <algorithm>

#include "band_tasks.hpp"
#include "cost.hpp"
#include "implicit.hpp"
#include "weight_views.hpp"

namespace gemmconv::implicit {
namespace {

template <class T>
class Pixels final : public BandTasks<T> {
  using Base = BandTasks<T>;
  using Base::layout_;
  using typename Base::Call;
  using typename Base::Task;

 public:
  Pixels(const Problem &given, const Execution &settings) : Base(given, settings, Lanes::pixels) {
    this->seconds = pixels_seconds(this->problem, this->execution, layout_);
  }

 private:
  void lay_out_weights(const T *w, T *laid_out) const override {
    if (layout_.strided) transpose_weights(layout_.g, this->execution.threads, w, laid_out);
    else std::copy_n(w, layout_.g.w_size(), laid_out);
  }

  WeightView weights_of(const PhaseTaps &phase) const {
    const Geometry &g = layout_.g;
    if (layout_.strided) return transposed_weights(g, phase.residue);
    return layout_.sides.backward ? backward_weights(g) : forward_weights(g);
  }

  void run_phases(const Call &call, const Task &task, const PhaseTaps *first,
                  const BandArrays<T> &scratch) const override {
    const Geometry &g = layout_.g;
    const Sides &sides = layout_.sides;
    const int64_t width = sides.phase_sizes[2], row_step = layout_.band.row_step(), depth = sides.source.channels;
    const Range own = even_share(sides.target.channels, task.part, layout_.parts);
    const int64_t channels = own.end - own.begin, channel_stride = sides.target.strides.channel;
    const T *group_weights = call.weights + task.group * g.group_outputs() * g.patch_size();
    const bool interleaved = sides.phases[2] > 1;
    // The products of a row, one for each phase of its columns.
    PanelProduct<T> products[PaddedPlane::most_phases] = {};
    for (int64_t r = 0; r < sides.phases[2]; ++r) {
      PanelProduct<T> &product = products[r];
      const WeightView view = weights_of(first[r]);
      product.m = channels;
      product.n = width;
      product.a = group_weights + view.offset + own.begin * view.row_stride;
      product.a_row = view.row_stride;
      view.set_columns(depth, first[r].taps, product);
      product.b_offsets = this->offsets_.data() + first[r].earlier * depth;
      product.c_row = interleaved ? width : channel_stride;
      product.bias = call.bias ? call.bias + task.group * sides.target.channels + own.begin : nullptr;
    }
    for (int64_t i = 0; i < task.rows; ++i) {
      T *row = this->target_row(task, first->residue, i);
      if (!row) continue;
      row += own.begin * channel_stride;
      for (int64_t r = 0; r < sides.phases[2]; ++r) {
        PanelProduct<T> &product = products[r];
        product.b = scratch.band + i * row_step;
        product.c = interleaved ? scratch.rows + r * channels * width : row;
        kernels<T>().panel.product(product);
        if (this->problem.activation == Activation::identity) continue;
        for (int64_t k = 0; k < channels; ++k) {
          finish(this->problem.activation, T(0), product.c + k * product.c_row, width);
        }
      }
      if (interleaved) this->interleave(channels, scratch.rows, width, row);
    }
  }
};

}  // namespace

const char *pixels_refuse(const Problem &problem, const Execution &) {
  if (problem.channels_last()) return "it is for planes (NCHW), and the channels of this problem come last";
  return why_no_bands(problem);
}

PreparedPointer prepare_pixels(const Problem &problem, const Execution &execution) {
  return make_prepared<Pixels>(problem, execution);
}

}  // namespace gemmconv::implicit
