// The variant `weight_panels`: the products of a patch fill the lanes. Patches are gathered some pixels at a time and
// transposed, [pixel][product]; dy is read where it lies, and dw is accumulated in place. It is for many target
// channels and few pixels.
#include <algorithm>

#include "implicit.hpp"
#include "weight_tasks.hpp"

namespace gemmconv::implicit {
namespace {

template <class T>
class WeightPanels final : public WeightTasks<T> {
  using Base = WeightTasks<T>;
  using Base::layout_;

 public:
  WeightPanels(const Problem &given, const Execution &settings)
      : Base(given, settings, WeightLanes::patches), grid_(layout_.grid()) {}

 private:
  void run_task(const WeightOperands<T> &operands, const WeightTask &task,
                const WeightArrays<T> &scratch) const override {
    const Geometry &g = layout_.g;
    const int64_t plane = g.output_pixels();
    PatchPanel patches(grid_, layout_.block_columns(), layout_.taps, scratch.tables);
    PanelProduct<T> product{};
    product.m = task.outputs;
    product.n = task.channels * task.taps;
    product.a_row = plane;
    product.a_inner = 1;
    product.b = scratch.transposed;
    product.b_row = layout_.panel_row;
    product.c = operands.gradient(task);
    product.c_row = layout_.inputs * layout_.all_taps;
    for (int64_t image = 0; image < g.batch; image += layout_.images) {
      const int64_t images = std::min(layout_.images, g.batch - image);
      for (int64_t first = 0; first < plane; first += layout_.pixels) {
        const int64_t pixels = std::min(layout_.pixels, plane - first);
        for (int64_t i = 0; i < images; ++i) {
          T *to = scratch.transposed + i * pixels * layout_.panel_row;
          transpose_patches(task, operands.inputs(task, image + i), first, pixels, patches, scratch.panel, to);
        }
        product.a = operands.outputs(task, image) + first;
        product.inner = pixels;
        product.outer = images;
        product.a_skip = g.y_strides().image - pixels;
        kernels<T>().panel.product(product);
        product.accumulate = true;
      }
    }
  }

  // transposed[pixel][product] of some pixels of an image, through small blocks of gathered patches.
  void transpose_patches(const WeightTask &task, const T *x, int64_t first, int64_t pixels, PatchPanel &patches,
                         T *block, T *transposed) const {
    const auto transpose = kernels<T>().moves.transpose;
    const int64_t products = task.channels * task.taps, plane = layout_.g.output_pixels();
    if (layout_.pointwise) return transpose(products, pixels, x + first, plane, transposed, layout_.panel_row);
    for (int64_t p = 0; p < pixels; p += layout_.block_columns()) {
      const int64_t columns = std::min(layout_.block_columns(), pixels - p);
      patches.set_columns(first + p, columns);
      patches.find_runs(task.tap, task.tap + task.taps);
      patches.gather(task.channels, x, layout_.g.x_strides().channel, block, layout_.block_row());
      transpose(products, columns, block, layout_.block_row(), transposed + p * layout_.panel_row, layout_.panel_row);
    }
  }

  const PatchGrid grid_;
};

}  // namespace

const char *weight_panels_refuse(const Problem &problem, const Execution &) {
  return why_no_weight_gradient_of_planes(problem);
}

PreparedPointer prepare_weight_panels(const Problem &problem, const Execution &execution) {
  return make_prepared<WeightPanels>(problem, execution);
}

}  // namespace gemmconv::implicit
