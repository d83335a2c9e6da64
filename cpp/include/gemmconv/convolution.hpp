// Convolution: a Problem is described, a Plan runs it. Also patches and the bias gradient, which take a Problem.
#ifndef GEMMCONV_CONVOLUTION_HPP
#define GEMMCONV_CONVOLUTION_HPP

#include <memory>

#include "settings.hpp"

namespace gemmconv {

// A convolution from x (batch, channels, input...) and w (out_channels, channels / groups, kernel...) to y, and the pass
// wanted of it. Setters may be chained in any order; everything is checked when the problem is used. Without setters:
// float32, NCHW, one group, strides and dilations 1, no flip, no padding, no activation.
class Problem {
 public:
  // x_shape, w_shape: whole shapes of the forward convolution, x's in the problem's layout, whatever the pass.
  Problem(Pass pass, Shape x_shape, Shape w_shape) : x_shape_(std::move(x_shape)), w_shape_(std::move(w_shape)) {
    gemmconv_problem_init(&problem_);
    problem_.pass = static_cast<int32_t>(pass);
  }
  static Problem forward(Shape x_shape, Shape w_shape) {
    return {Pass::forward, std::move(x_shape), std::move(w_shape)};
  }
  static Problem backward_input(Shape x_shape, Shape w_shape) {
    return {Pass::backward_input, std::move(x_shape), std::move(w_shape)};
  }
  static Problem backward_weight(Shape x_shape, Shape w_shape) {
    return {Pass::backward_weight, std::move(x_shape), std::move(w_shape)};
  }
  // The transposed convolution of an x of `x_shape` by w (C, K / groups, kernel...): run it as plan.run(x, w, bias, y).
  static Problem transposed(Shape x_shape, Shape w_shape) {
    Problem problem(Pass::backward_input, std::move(x_shape), std::move(w_shape));
    problem.transposed_ = true;
    return problem;
  }

  Problem &pass(Pass pass) { return problem_.pass = static_cast<int32_t>(pass), *this; }
  Problem &dtype(DType dtype) { return problem_.dtype = static_cast<int32_t>(dtype), *this; }
  Problem &layout(Layout layout) { return problem_.layout = static_cast<int32_t>(layout), *this; }
  // On: the kernel is rotated by 180 degrees (mathematical convolution). Off: cross-correlation.
  Problem &flip(bool on = true) { return problem_.flip = on, *this; }
  Problem &groups(int64_t count) { return problem_.groups = count, *this; }
  // Applied after the bias by the last write; forward and backward_input only.
  Problem &activation(Activation activation) { return problem_.activation = static_cast<int32_t>(activation), *this; }
  Problem &stride(PerAxis stride) { return stride_ = std::move(stride), *this; }
  Problem &dilation(PerAxis dilation) { return dilation_ = std::move(dilation), *this; }
  // Cells of zeros: as many at both ends of an axis, low and high by themselves, or as a padding word says.
  Problem &padding(PerAxis both) { return padding_ = {both, both, -1}, *this; }
  Problem &padding(PerAxis low, PerAxis high) { return padding_ = {std::move(low), std::move(high), -1}, *this; }
  Problem &padding(Padding word) { return padding_ = {0, 0, static_cast<int32_t>(word)}, *this; }
  // Transposed convolutions only: cells to add at the high end of the answer, or its spatial sizes, which fix the padding.
  Problem &output_padding(PerAxis cells) { return output_padding_ = std::move(cells), *this; }
  Problem &output_shape(Shape sizes) { return output_shape_ = std::move(sizes), *this; }

  // The C struct, checked and complete.
  gemmconv_problem c() const {
    gemmconv_problem result = problem_;
    const size_t rank = detail::spatial_rank(x_shape_);
    result.rank = static_cast<int32_t>(rank);
    stride_.fill(result.stride, rank, "stride");
    dilation_.fill(result.dilation, rank, "dilation");
    padding_.low.fill(result.padding_low, rank, "padding");
    padding_.high.fill(result.padding_high, rank, "padding");
    const auto x_ndim = static_cast<int32_t>(x_shape_.size()), w_ndim = static_cast<int32_t>(w_shape_.size());
    if (transposed_) {
      int64_t output_padding[3];
      output_padding_.fill(output_padding, rank, "output_padding");
      if (!output_shape_.empty() && output_shape_.size() != rank) {
        throw Error(GEMMCONV_INVALID_ARGUMENT, "output_shape has " + std::to_string(output_shape_.size()) +
                                                   " entries for " + std::to_string(rank) + " spatial axes");
      }
      check(gemmconv_problem_set_transposed(&result, x_shape_.data(), x_ndim, w_shape_.data(), w_ndim, padding_.word,
                                            output_padding, output_shape_.empty() ? nullptr : output_shape_.data()));
    } else {
      check(gemmconv_problem_set_shapes(&result, x_shape_.data(), x_ndim, w_shape_.data(), w_ndim));
      if (padding_.word >= 0) check(gemmconv_problem_set_padding(&result, padding_.word));
    }
    check(gemmconv_problem_resolve(&result));
    return result;
  }

 private:
  gemmconv_problem problem_;
  Shape x_shape_, w_shape_, output_shape_;
  PerAxis stride_ = 1, dilation_ = 1, output_padding_ = 0;
  detail::AnyPadding padding_;
  bool transposed_ = false;
};

// Weights packed once by a plan, for its runs. Made by Plan::pack.
class Packed {
 public:
  // Owned by this object.
  const gemmconv_packed *c() const { return packed_.get(); }

 private:
  friend class Plan;
  explicit Packed(gemmconv_packed *packed) : packed_(packed, gemmconv_packed_destroy) {}
  std::unique_ptr<gemmconv_packed, void (*)(gemmconv_packed *)> packed_;
};

// A problem with the strategy and variant chosen for it. Immutable; may be run from several threads at once.
class Plan {
 public:
  // Throws Error with GEMMCONV_UNSUPPORTED where a strategy asked for by name cannot do the problem.
  explicit Plan(const Problem &problem, const Settings &settings = {})
      : problem_(problem.c()), plan_(nullptr, gemmconv_plan_destroy) {
    const gemmconv_settings c_settings = settings.c();
    gemmconv_plan *plan = nullptr;
    check(gemmconv_plan_create(&problem_, &c_settings, &plan));
    plan_.reset(plan);
  }

  // first, second: forward x, w; backward_input dy, w; backward_weight dy, x. bias: nullptr, or one value per channel of
  // the output (forward and backward_input). out: output_size() elements, overwritten. workspace: nullptr for the
  // library's own, or workspace_bytes() bytes aligned to 64 bytes that no other call uses at the same time.
  template <class T>
  void run(const T *first, const T *second, const std::common_type_t<T> *bias, T *out,
           void *workspace = nullptr) const {
    check_dtype<T>();
    check(gemmconv_plan_run(plan_.get(), first, second, bias, out, workspace));
  }
  template <class T>
  void run(const T *first, const T *second, T *out) const {
    run(first, second, nullptr, out);
  }
  // The same with weights that this plan packed.
  template <class T>
  void run(const T *first, const Packed &weights, const std::common_type_t<T> *bias, T *out,
           void *workspace = nullptr) const {
    check_dtype<T>();
    check(gemmconv_plan_run_packed(plan_.get(), first, weights.c(), bias, out, workspace));
  }
  // w: as in run; later changes to it do not show in the packed weights.
  template <class T>
  Packed pack(const T *w) const {
    check_dtype<T>();
    gemmconv_packed *packed = nullptr;
    check(gemmconv_plan_pack(plan_.get(), w, &packed));
    return Packed(packed);
  }

  std::string strategy() const { return gemmconv_plan_strategy(plan_.get()); }
  // The algorithm within the strategy.
  std::string variant() const { return gemmconv_plan_variant(plan_.get()); }
  // Scratch memory of a run, with packed weights or without.
  size_t workspace_bytes() const { return gemmconv_plan_workspace_bytes(plan_.get()); }
  // Multiplications and additions of one run; products with padded cells are counted.
  double flops() const { return gemmconv_plan_flops(plan_.get()); }
  // |error| <= error_bound() * (|x| conv |w|), probabilistic.
  double error_bound() const { return gemmconv_plan_error_bound(plan_.get()); }
  // The shape of `out`, in the problem's layout.
  Shape output_shape() const {
    int64_t shape[5];
    gemmconv_plan_output_shape(plan_.get(), shape);
    return Shape(shape, shape + problem_.rank + 2);
  }
  // Elements of `out`.
  size_t output_size() const {
    size_t size = 1;
    for (const int64_t extent : output_shape()) size *= static_cast<size_t>(extent);
    return size;
  }
  // One line for each variant of each strategy: chosen, refused and why, or slower by which factor.
  std::string explain() const {
    std::string text(gemmconv_plan_explain(plan_.get(), nullptr, 0), '\0');
    gemmconv_plan_explain(plan_.get(), text.data(), text.size());
    if (!text.empty()) text.pop_back();
    return text;
  }
  // Owned by this object.
  const gemmconv_plan *c() const { return plan_.get(); }

 private:
  template <class T>
  void check_dtype() const {
    if (problem_.dtype != static_cast<int32_t>(dtype_of<T>())) {
      throw Error(GEMMCONV_INVALID_ARGUMENT,
                  std::string("the plan was made for ") + (problem_.dtype == GEMMCONV_FLOAT32 ? "float" : "double") +
                      " and is given " + (dtype_of<T>() == DType::float32 ? "float" : "double"));
    }
  }

  gemmconv_problem problem_;
  std::unique_ptr<gemmconv_plan, void (*)(gemmconv_plan *)> plan_;
};

namespace detail {

// Calls a C function with the problem, in the dtype of T, and the settings before its own arguments, and checks its status.
template <class T, class Function, class... Arguments>
void call(Function function, const Problem &problem, const Settings &settings, Arguments... arguments) {
  gemmconv_problem c_problem = problem.c();
  c_problem.dtype = static_cast<int32_t>(dtype_of<T>());
  const gemmconv_settings c_settings = settings.c();
  check(function(&c_problem, &c_settings, arguments...));
}

}  // namespace detail

// These use the sizes and the layout of a problem: its pass, dtype and activation do not matter.

// x (batch, channels, input...) to cols (batch, channels * kernel cells, output pixels), overwritten. NCHW, one group.
template <class T>
void im2col(const Problem &problem, const T *x, T *cols, const Settings &settings = {}) {
  detail::call<T>(gemmconv_im2col, problem, settings, x, cols);
}
// The adjoint of im2col: x, overwritten, is at each cell the sum of its copies in cols.
template <class T>
void col2im(const Problem &problem, const T *cols, T *x, const Settings &settings = {}) {
  detail::call<T>(gemmconv_col2im, problem, settings, cols, x);
}
// db[k] = sum of dy (batch, out_channels, output...) over batch and output pixels.
template <class T>
void bias_gradient(const Problem &problem, const T *dy, T *db, const Settings &settings = {}) {
  detail::call<T>(gemmconv_bias_gradient, problem, settings, dy, db);
}

}  // namespace gemmconv

#endif
