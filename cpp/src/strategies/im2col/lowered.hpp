// What both variants do around their products: weights are brought into the order of the patches, dx begins as zeros,
// and every pass is one product of the same three matrices.
//
//   forward          outputs[K,P]  = weights[K,Q] . patches[Q,P]
//   backward_input   patches[Q,P]  = weights[K,Q]^T . outputs[K,P]
//   backward_weight  weights[K,Q] += outputs[K,P] . patches[Q,P]^T
//
// K output channels of a group, P output pixels, Q = channels times taps. In NCHW the rows of all three are contiguous; in
// NHWC the columns of outputs and patches are, and Q is ordered (tap, channel).
#pragma once

#include "../../gemm/gemm.hpp"
#include "../variant.hpp"
#include "blocking.hpp"

namespace gemmconv::im2col {

// x, w and y (or their derivatives) of a run, whichever of them is the output: only that one is written.
template <class T>
struct Operands {
  T *x, *w, *y;
  const T *bias;
};

// A matrix as a strided view, perhaps to be written.
template <class T>
struct Matrix {
  T *data;
  int64_t row, col;

  operator View<T>() const { return {data, row, col}; }
  Matrix transposed() const { return {data, col, row}; }
};

// m, n, k of the product of a block with `count` pixels, as the kernels take it: the rows of the result are contiguous.
struct ProductShape {
  int64_t m, n, k;
};
ProductShape product_shape(const Problem &problem, int64_t count);

// Whether a kernel gets the product of its pass transposed: where the columns of the result are the contiguous side.
inline bool product_is_transposed(const Problem &problem) {
  return problem.channels_last() && problem.pass != Pass::backward_weight;
}

// Whether x is its own column matrix.
inline bool patches_in_place(const Geometry &g) { return g.pointwise(); }

// Elements of weights that are reordered before (dw: after) the products. Memory for them is set aside also where they
// come packed, so that blocks, and with them bits, are the same for plain and packed weights.
inline int64_t reordered_weights(const Problem &problem) {
  return problem.channels_last() && problem.geometry.kernel_area() > 1 ? problem.geometry.w_size() : 0;
}

template <class T>
class Lowered : public Prepared {
 public:
  using Prepared::Prepared;
  void pack(const void *w, void *packed) const final;
  void run(const Arguments &arguments) const final;

 protected:
  // All products of a run, on weights in the order of the patches.
  virtual void multiply(const Operands<T> &operands, void *workspace) const = 0;
  // Whether patches are gathered into (or scattered from) a matrix of their own.
  virtual bool gathers() const = 0;

  // The three matrices of a block, in the tensors ...
  Matrix<T> patches_in_x(T *x, const ColumnBlock &block) const;
  Matrix<T> outputs_in_y(T *y, const ColumnBlock &block) const;
  Matrix<T> weights_of(T *w, const ColumnBlock &block) const;
  // ... and in scratch memory.
  Matrix<T> column_matrix(T *columns, const ColumnBlock &block) const;

  void gather_block(int threads, const ColumnBlock &block, const T *x, T *columns) const;
  void scatter_block(int threads, const ColumnBlock &block, const T *columns, T *dx) const;
  // outputs = sigma(outputs + bias)
  void finish_block(int threads, const ColumnBlock &block, const T *bias, const Matrix<T> &outputs) const;
};

}  // namespace gemmconv::im2col
