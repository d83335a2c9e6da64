// im2col/wide: one product for a whole block of pixels, which may come from several images, by the blocked GEMM on all
// threads.
#include <cstring>

#include "../../scratch.hpp"
#include "../../threads.hpp"
#include "cost.hpp"
#include "im2col.hpp"
#include "lowered.hpp"

namespace gemmconv::im2col {
namespace {

// A block of columns near this size is still in the caches when the product reads it. On a Zen 5 core (1 MiB of L2,
// 32 MiB of L3) rates are flat from 1 to 8 MiB and fall by a tenth when whole layers are lowered at once.
constexpr int64_t block_bytes = 4 << 20;
// A product with fewer pixels than this gains from having several images in it.
constexpr int64_t few_pixels = 512;
constexpr int64_t fewest_pixels = 64;  // of a block, while the limit allows

// NCHW with several images a product: y (or dy) goes through a matrix of its own.
bool merges(const Problem &problem, const ColumnBlocking &blocking) {
  return !problem.channels_last() && blocking.images > 1;
}
bool gathers_patches(const Problem &problem, const ColumnBlocking &blocking) {
  return merges(problem, blocking) || !patches_in_place(problem.geometry);
}

template <class T>
struct Arrays {
  T *weights, *columns, *outputs;
  std::byte *product;  // of the GEMM

  template <class Visit>
  void each(const Visit &visit, const Problem &problem, const Execution &execution, const ColumnBlocking &blocking) {
    const Geometry &g = problem.geometry;
    const int64_t count = blocking.count();
    const ProductShape shape = product_shape(problem, count);
    visit(weights, reordered_weights(problem));
    visit(columns, gathers_patches(problem, blocking) ? g.patch_size() * count : 0);
    visit(outputs, merges(problem, blocking) ? g.group_outputs() * count : 0);
    visit(product,
          static_cast<int64_t>(gemm_workspace_bytes<T>({execution.blas, blocking.threads}, shape.m, shape.n, shape.k)));
  }
};

ColumnBlocking wanted_blocking(const Problem &problem, const Execution &execution) {
  const Geometry &g = problem.geometry;
  const int64_t plane = g.output_pixels();
  const int64_t wanted =
      std::max<int64_t>(block_bytes / (g.patch_size() * static_cast<int64_t>(problem.item_bytes())), 1);
  ColumnBlocking blocking{1, 0, execution.threads};
  if (plane < few_pixels || problem.channels_last()) {  // channels last, images lie one behind the other in y
    blocking.images = std::clamp<int64_t>(wanted / plane, 1, std::max<int64_t>(g.batch, 1));
  }
  blocking.pixels = blocking.images > 1 ? plane : std::min(plane, std::max(wanted, fewest_pixels));
  return blocking;
}

template <class T>
ColumnBlocking block(const Problem &problem, const Execution &execution) {
  return fitted(wanted_blocking(problem, execution), execution.workspace_limit,
                [&](const ColumnBlocking &blocking) { return scratch_bytes<Arrays<T>>(problem, execution, blocking); });
}

template <class T>
class Wide final : public Lowered<T> {
 public:
  Wide(const Problem &problem, const Execution &execution)
      : Lowered<T>(problem, execution), blocking_(block<T>(problem, execution)) {
    this->workspace_bytes = scratch_bytes<Arrays<T>>(problem, execution, blocking_);
    this->seconds = wide_seconds(problem, execution, blocking_.count(), gathers());
  }

 private:
  using Lowered<T>::problem, Lowered<T>::execution;

  bool gathers() const override { return gathers_patches(problem, blocking_); }

  // c = a . b, or c += a . b
  void product(int64_t count, const Matrix<T> &a, const Matrix<T> &b, const Matrix<T> &c, bool accumulate,
               void *space) const {
    const GemmEngine engine{execution.blas, blocking_.threads};
    const auto [m, n, k] = product_shape(problem, count);
    if (product_is_transposed(problem)) {
      gemm<T>(engine, m, n, k, b.transposed(), a.transposed(), c.data, c.col, accumulate, space);
    } else {
      gemm<T>(engine, m, n, k, a, b, c.data, c.row, accumulate, space);
    }
  }

  // merged[k][image][p] <- planes[image][k][p], or back.
  void copy_planes(const ColumnBlock &block, T *planes, T *merged, bool back) const {
    const Geometry &g = problem.geometry;
    parallel_ranges(execution.threads, g.group_outputs(), [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        for (int64_t image = 0; image < block.images; ++image) {
          T *plane = planes + (image * g.out_channels + k) * block.pixels;
          T *row = merged + (k * block.images + image) * block.pixels;
          std::memcpy(back ? plane : row, back ? row : plane, static_cast<size_t>(block.pixels) * sizeof(T));
        }
      }
    });
  }

  void multiply_block(const ColumnBlock &block, const Operands<T> &operands, const Arrays<T> &scratch) const {
    const int threads = execution.threads;
    const int64_t count = block.count();
    const Matrix<T> planes = this->outputs_in_y(operands.y, block), weights = this->weights_of(operands.w, block);
    const Matrix<T> outputs = scratch.outputs ? Matrix<T>{scratch.outputs, count, 1} : planes;
    const Matrix<T> patches =
        scratch.columns ? this->column_matrix(scratch.columns, block) : this->patches_in_x(operands.x, block);
    if (scratch.columns && problem.pass != Pass::backward_input)
      this->gather_block(threads, block, operands.x, scratch.columns);
    if (scratch.outputs && problem.pass != Pass::forward) copy_planes(block, planes.data, outputs.data, false);
    switch (problem.pass) {
      case Pass::forward:
        product(count, weights, patches, outputs, false, scratch.product);
        this->finish_block(threads, block, operands.bias, outputs);
        if (scratch.outputs) copy_planes(block, planes.data, outputs.data, true);
        return;
      case Pass::backward_input:
        product(count, weights.transposed(), outputs, patches, false, scratch.product);
        if (scratch.columns) this->scatter_block(threads, block, scratch.columns, operands.x);
        return;
      case Pass::backward_weight:
        // The blocks are added in the order of images and pixels.
        product(count, outputs, patches.transposed(), weights, block.image > 0 || block.pixel > 0, scratch.product);
    }
  }

  void multiply(const Operands<T> &operands, void *workspace) const override {
    const Geometry &g = problem.geometry;
    const Arrays<T> scratch = scratch_arrays<Arrays<T>>(workspace, problem, execution, blocking_);
    for_blocks(blocking_, g.output_pixels(), 0, g.batch, [&](ColumnBlock block) {
      for (block.group = 0; block.group < g.groups; ++block.group) multiply_block(block, operands, scratch);
    });
  }

  const ColumnBlocking blocking_;
};

}  // namespace

PreparedPointer prepare_wide(const Problem &problem, const Execution &execution) {
  return make_prepared<Wide>(problem, execution);
}

}  // namespace gemmconv::im2col
