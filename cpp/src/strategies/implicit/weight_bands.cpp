// The variant `weight_bands`: target channels fill the lanes. A band of dy is transposed, [pixel][target channel], for a
// band of x that is padded and de-interleaved once (patches/padded_band.hpp) and read in place; the sums, [product]
// [target channel], grow band by band and image by image and are transposed into dw at the end.
#include <algorithm>

#include "../../patches/padded_band.hpp"
#include "implicit.hpp"
#include "weight_tasks.hpp"

namespace gemmconv::implicit {
namespace {

template <class T>
class WeightBands final : public WeightTasks<T> {
  using Base = WeightTasks<T>;
  using Base::layout_;

 public:
  WeightBands(const Problem &given, const Execution &settings)
      : Base(given, settings, WeightLanes::outputs), band_(this->problem.geometry, false) {}

 private:
  // What the products of a task read: rows of x, or of the padded band.
  struct Source {
    const T *rows;
    int64_t row_step;
  };

  void run_task(const WeightOperands<T> &operands, const WeightTask &task,
                const WeightArrays<T> &scratch) const override {
    const Geometry &g = layout_.g;
    const int64_t products = task.channels * layout_.all_taps, plane = g.output_pixels(), width = g.output[2];
    Source source{scratch.panel, width};
    if (layout_.pointwise) {
      for (int64_t c = 0; c < task.channels; ++c) scratch.offsets[c] = c * plane;
    } else {
      band_.tap_offsets(layout_.band_rows, task.channels, layout_.channel_stride, scratch.offsets);
      source.row_step = band_.row_step();
    }
    std::fill_n(scratch.sums, products * layout_.sums_row, T(0));
    for (int64_t image = 0; image < g.batch; ++image) {
      const T *x = operands.inputs(task, image), *dy = operands.outputs(task, image);
      for (int64_t d = 0; d < g.output[0]; ++d) {
        for (int64_t row = 0; row < g.output[1]; row += layout_.band_rows) {
          const int64_t rows = std::min(layout_.band_rows, g.output[1] - row);
          const int64_t first = (d * g.output[1] + row) * width;
          if (layout_.pointwise) source.rows = x + first;
          else band_.copy(x, task.channels, d, row, layout_.band_rows, layout_.channel_stride, scratch.panel);
          add_band(task, source, rows, dy + first, scratch);
        }
      }
    }
    kernels<T>().moves.transpose(products, task.outputs, scratch.sums, layout_.sums_row, operands.gradient(task),
                                 layout_.inputs * layout_.all_taps);
  }

  // sums[q][k] += x(q, p) dy[k][p] over the pixels of a band, panels of target channels one after the other, so that what
  // is read together lies together.
  void add_band(const WeightTask &task, const Source &source, int64_t rows, const T *dy,
                const WeightArrays<T> &scratch) const {
    const WeightGradientKernel<T> &kernel = kernels<T>().weight_gradient;
    const int64_t products = task.channels * layout_.all_taps, plane = layout_.g.output_pixels();
    const int64_t width = layout_.g.output[2], pixels = rows * width;
    const int64_t all = ceil_div(task.outputs, layout_.lanes), panels = ceil_div(all, layout_.vectors);
    for (int64_t panel = 0; panel < panels; ++panel) {
      const Range own = even_share(all, panel, panels);
      const int64_t k = own.begin * layout_.lanes, lanes = (own.end - own.begin) * layout_.lanes;
      const int64_t used = std::min(lanes, task.outputs - k);
      if (used < lanes) std::fill_n(scratch.transposed, pixels * lanes, T(0));
      kernels<T>().moves.transpose(used, pixels, dy + k * plane, plane, scratch.transposed, lanes);
      // A plane without padding is one long row.
      const int64_t height = layout_.pointwise ? 1 : rows, length = layout_.pointwise ? pixels : width;
      const int64_t step = layout_.pointwise ? 0 : source.row_step;
      kernel.sums(static_cast<int>(own.end - own.begin), products, height, length, source.rows, scratch.offsets, step,
                  scratch.transposed, lanes, scratch.sums + k, layout_.sums_row);
    }
  }

  const PaddedBand band_;
};

}  // namespace

const char *weight_bands_refuse(const Problem &problem, const Execution &) {
  if (const char *reason = why_no_weight_gradient_of_planes(problem)) return reason;
  if (problem.geometry.pointwise() || can_pad_in_bands(problem.geometry)) return nullptr;
  return "it is for strides whose product is at most 64 and for padded rows of at most 10^12 cells";
}

PreparedPointer prepare_weight_bands(const Problem &problem, const Execution &execution) {
  return make_prepared<WeightBands>(problem, execution);
}

}  // namespace gemmconv::implicit
