// im2col/grouped: for many small groups. Each thread lowers a group of an image by itself and multiplies it without
// packing; a weight gradient gives each thread whole groups, for the whole batch.
#include "../../index_grid.hpp"
#include "../../kernels/kernels.hpp"
#include "../../scratch.hpp"
#include "../../threads.hpp"
#include "cost.hpp"
#include "im2col.hpp"
#include "lowered.hpp"

namespace gemmconv::im2col {
namespace {

constexpr int64_t block_bytes = 256 << 10;  // of columns: they stay in the second-level cache of one core
constexpr int64_t fewest_pixels = 64;       // of a block, while the limit allows

template <class T>
struct Arrays {
  T *weights;
  std::byte *columns;  // one matrix a thread

  template <class Visit>
  void each(const Visit &visit, const Problem &problem, const ColumnBlocking &blocking) {
    visit(weights, reordered_weights(problem));
    visit(columns, matrix_bytes(problem, blocking) * blocking.threads);
  }
  static int64_t matrix_bytes(const Problem &problem, const ColumnBlocking &blocking) {
    return static_cast<int64_t>(rounded(problem.geometry.patch_size() * blocking.count(), sizeof(T)));
  }
};

template <class T>
ColumnBlocking block(const Problem &problem, const Execution &execution) {
  const Geometry &g = problem.geometry;
  const int64_t wanted = block_bytes / (g.patch_size() * static_cast<int64_t>(problem.item_bytes()));
  const ColumnBlocking blocking{1, std::min(g.output_pixels(), std::max(wanted, fewest_pixels)), execution.threads};
  return fitted(blocking, execution.workspace_limit,
                [&](const ColumnBlocking &smaller) { return scratch_bytes<Arrays<T>>(problem, smaller); });
}

template <class T>
class Grouped final : public Lowered<T> {
 public:
  Grouped(const Problem &problem, const Execution &execution)
      : Lowered<T>(problem, execution), blocking_(block<T>(problem, execution)) {
    this->workspace_bytes = scratch_bytes<Arrays<T>>(problem, blocking_);
    this->seconds = grouped_seconds(problem, execution, blocking_.count());
  }

 private:
  using Lowered<T>::problem, Lowered<T>::execution;

  bool gathers() const override { return true; }

  // c += a . b. Where the columns of b are contiguous each element is an inner product, else rows of b are added.
  void add_product(int64_t count, Matrix<T> a, Matrix<T> b, Matrix<T> c) const {
    const StridedKernel<T> &kernel = kernels<T>().strided;
    const auto [m, n, k] = product_shape(problem, count);
    if (product_is_transposed(problem)) {
      std::swap(a, b);
      a = a.transposed(), b = b.transposed(), c = c.transposed();
    }
    const bool inner_products =
        problem.channels_last() ? problem.pass == Pass::forward : problem.pass == Pass::backward_weight;
    if (inner_products) kernel.dot(m, n, k, a.data, a.row, b.data, b.col, c.data, c.row, 1);
    else kernel.outer(m, n, k, a.data, a.row, a.col, b.data, b.row, c.data, c.row);
  }

  void clear(int64_t count, const Matrix<T> &outputs) const {
    const int64_t channels = problem.geometry.group_outputs();
    if (problem.channels_last()) {
      for (int64_t p = 0; p < count; ++p) std::fill_n(outputs.data + p * outputs.col, channels, T(0));
    } else {
      for (int64_t k = 0; k < channels; ++k) std::fill_n(outputs.data + k * outputs.row, count, T(0));
    }
  }

  void multiply_block(const ColumnBlock &block, const Operands<T> &operands, T *columns) const {
    const int64_t count = block.count();
    const Matrix<T> outputs = this->outputs_in_y(operands.y, block), weights = this->weights_of(operands.w, block);
    const Matrix<T> patches = this->column_matrix(columns, block);
    switch (problem.pass) {
      case Pass::forward:
        this->gather_block(1, block, operands.x, columns);
        clear(count, outputs);
        add_product(count, weights, patches, outputs);
        return this->finish_block(1, block, operands.bias, outputs);
      case Pass::backward_input:
        std::fill_n(columns, problem.geometry.patch_size() * count, T(0));
        add_product(count, weights.transposed(), outputs, patches);
        return this->scatter_block(1, block, columns, operands.x);
      case Pass::backward_weight:
        this->gather_block(1, block, operands.x, columns);
        return add_product(count, outputs, patches.transposed(), weights);
    }
  }

  void multiply(const Operands<T> &operands, void *workspace) const override {
    const Geometry &g = problem.geometry;
    const Arrays<T> scratch = scratch_arrays<Arrays<T>>(workspace, problem, blocking_);
    // A task is a group of one image, or, where images are summed, of all of them.
    const bool sums_images = problem.pass == Pass::backward_weight;
    const IndexGrid tasks{sums_images ? int64_t(1) : g.batch, g.groups};
    const int parts = static_cast<int>(std::min<int64_t>(blocking_.threads, tasks.count()));
    parallel(parts, [&](int part) {
      T *columns = reinterpret_cast<T *>(scratch.columns + part * Arrays<T>::matrix_bytes(problem, blocking_));
      const Range share = even_share(tasks.count(), part, parts);
      for (int64_t number = share.begin; number < share.end; ++number) {
        const auto [first, group] = tasks.at(number);
        if (sums_images)
          std::fill_n(operands.w + group * g.group_outputs() * g.patch_size(), g.group_outputs() * g.patch_size(),
                      T(0));
        const int64_t own_group = group;
        for_blocks(blocking_, g.output_pixels(), first, sums_images ? g.batch : first + 1, [&](ColumnBlock block) {
          block.group = own_group;
          multiply_block(block, operands, columns);
        });
      }
    });
  }

  const ColumnBlocking blocking_;
};

}  // namespace

PreparedPointer prepare_grouped(const Problem &problem, const Execution &execution) {
  return make_prepared<Grouped>(problem, execution);
}

}  // namespace gemmconv::im2col
