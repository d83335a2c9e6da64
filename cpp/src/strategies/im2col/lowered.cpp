// What both variants of im2col share: the three matrices of a pass, the order of the weights, the last write.
#include "lowered.hpp"

#include <utility>

#include "../../kernels/kernels.hpp"
#include "../../patches/patches.hpp"
#include "../../threads.hpp"
#include "../finish.hpp"

namespace gemmconv::im2col {
namespace {

// w[k][c][tap] to the order in which channels-last patches come, ordered[k][tap][c]; and back.
template <class T>
void order(const Geometry &g, int threads, const T *w, T *ordered) {
  const int64_t area = g.kernel_area(), inputs = g.group_inputs(), patch = g.patch_size();
  parallel_ranges(threads, g.out_channels, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      kernels<T>().moves.transpose(inputs, area, w + k * patch, area, ordered + k * patch, inputs);
    }
  });
}

template <class T>
void order_back(const Geometry &g, int threads, const T *ordered, T *w) {
  const int64_t area = g.kernel_area(), inputs = g.group_inputs(), patch = g.patch_size();
  parallel_ranges(threads, g.out_channels, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      kernels<T>().moves.transpose(area, inputs, ordered + k * patch, inputs, w + k * patch, area);
    }
  });
}

// The channels from `channel` on of a tensor as rows of a matrix, over the pixels of a block. In NCHW the block has one
// image; in NHWC images lie one behind the other.
template <class T>
Matrix<T> channels_in_place(Layout layout, T *tensor, int64_t channels, int64_t channel, int64_t plane,
                            const ColumnBlock &block) {
  if (layout == Layout::nhwc) {
    return {tensor + (block.image * plane + block.pixel) * channels + channel, 1, channels};
  }
  return {tensor + (block.image * channels + channel) * plane + block.pixel, plane, 1};
}

// The one place where inputs lose their const.
template <class T>
T *typed(const void *operand) {
  return static_cast<T *>(const_cast<void *>(operand));
}

}  // namespace

ProductShape product_shape(const Problem &problem, int64_t count) {
  const int64_t outputs = problem.geometry.group_outputs(), q = problem.geometry.patch_size();
  ProductShape shape{};
  switch (problem.pass) {
    case Pass::forward: shape = {outputs, count, q}; break;
    case Pass::backward_input: shape = {q, count, outputs}; break;
    case Pass::backward_weight: shape = {outputs, q, count}; break;
  }
  if (product_is_transposed(problem)) std::swap(shape.m, shape.n);
  return shape;
}

template <class T>
void Lowered<T>::pack(const void *w, void *packed) const {
  if (reordered_weights(problem) == 0) return Prepared::pack(w, packed);
  order(problem.geometry, execution.threads, static_cast<const T *>(w), static_cast<T *>(packed));
}

template <class T>
void Lowered<T>::run(const Arguments &arguments) const {
  const Geometry &g = problem.geometry;
  const int threads = execution.threads;
  const bool reorders = reordered_weights(problem) > 0;
  T *out = static_cast<T *>(arguments.out), *space = static_cast<T *>(arguments.workspace);
  T *first = typed<T>(arguments.first), *second = typed<T>(arguments.second);
  const T *bias = static_cast<const T *>(arguments.bias);
  if (problem.pass == Pass::backward_weight) {
    multiply({second, reorders ? space : out, first, nullptr}, space);
    if (reorders) order_back(g, threads, space, out);
    return;
  }
  T *w = second;
  if (reorders && !execution.packed_weights) {
    order(g, threads, second, space);
    w = space;
  }
  if (problem.pass == Pass::forward) return multiply({first, w, out, bias}, space);
  if (gathers()) {
    parallel_ranges(threads, g.x_size(), [&](int64_t begin, int64_t end) { std::fill(out + begin, out + end, T(0)); });
  }
  multiply({out, w, first, nullptr}, space);
  finish_tensor(g.layout, threads, problem.activation, bias, out, g.batch, g.in_channels, g.input_pixels());
}

template <class T>
Matrix<T> Lowered<T>::patches_in_x(T *x, const ColumnBlock &block) const {
  const Geometry &g = problem.geometry;
  return channels_in_place(g.layout, x, g.in_channels, block.group * g.group_inputs(), g.input_pixels(), block);
}

template <class T>
Matrix<T> Lowered<T>::outputs_in_y(T *y, const ColumnBlock &block) const {
  const Geometry &g = problem.geometry;
  return channels_in_place(g.layout, y, g.out_channels, block.group * g.group_outputs(), g.output_pixels(), block);
}

template <class T>
Matrix<T> Lowered<T>::weights_of(T *w, const ColumnBlock &block) const {
  const int64_t q = problem.geometry.patch_size();
  return {w + block.group * problem.geometry.group_outputs() * q, q, 1};
}

template <class T>
Matrix<T> Lowered<T>::column_matrix(T *columns, const ColumnBlock &block) const {
  if (problem.channels_last()) return {columns, 1, problem.geometry.patch_size()};
  return {columns, block.count(), 1};
}

template <class T>
void Lowered<T>::gather_block(int threads, const ColumnBlock &b, const T *x, T *columns) const {
  const Geometry &g = problem.geometry;
  if (problem.channels_last()) {
    gather_nhwc(g, threads, b.group, b.image, b.images, b.pixel, b.pixels, x, columns, g.patch_size());
  } else {
    gather(g, threads, b.group, b.image, b.images, b.pixel, b.pixels, x, columns, b.count());
  }
}

template <class T>
void Lowered<T>::scatter_block(int threads, const ColumnBlock &b, const T *columns, T *dx) const {
  const Geometry &g = problem.geometry;
  if (problem.channels_last()) {
    scatter_add_nhwc(g, threads, b.group, b.image, b.images, b.pixel, b.pixels, columns, g.patch_size(), dx);
  } else {
    scatter_add(g, threads, b.group, b.image, b.images, b.pixel, b.pixels, columns, b.count(), dx);
  }
}

template <class T>
void Lowered<T>::finish_block(int threads, const ColumnBlock &block, const T *bias, const Matrix<T> &outputs) const {
  if (!bias && problem.activation == Activation::identity) return;
  const int64_t channels = problem.geometry.group_outputs(), count = block.count();
  if (bias) bias += block.group * channels;
  if (problem.channels_last()) {
    parallel_ranges(threads, count, [&](int64_t begin, int64_t end) {
      finish_pixels(problem.activation, bias, outputs.data + begin * outputs.col, end - begin, channels, outputs.col);
    });
    return;
  }
  parallel_ranges(threads, channels, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      finish(problem.activation, bias ? bias[k] : T(0), outputs.data + k * outputs.row, count);
    }
  });
}

template class Lowered<float>;
template class Lowered<double>;

}  // namespace gemmconv::im2col
