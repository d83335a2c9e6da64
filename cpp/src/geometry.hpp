// Sizes of a convolution or pooling: what is slid over what. All size arithmetic lives here, once, and so do
// the errors about sizes that do not fit each other; whether a Python argument is a shape at all is checked in python/.
// The core always works on three spatial axes; a problem of fewer has leading axes of size 1.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "gemmconv/gemmconv.h"
#include "index.hpp"
#include "types.hpp"

namespace gemmconv {

enum class Layout : int32_t { nchw, nhwc };

using Sizes = std::array<int64_t, 3>;

inline int64_t product(const Sizes &sizes) {
  return sizes[0] * sizes[1] * sizes[2];
}  // checked when the geometry was made

// Elements between neighbours in a tensor, in its layout.
struct Strides {
  int64_t image, channel;
  Sizes axis;
};
Strides tensor_strides(Layout layout, int64_t channels, const Sizes &spatial);

// A window sliding over `input` cells along three axes: what convolution and pooling share.
struct Window {
  int rank = 2;  // spatial axes the user gave; axes 3 - rank .. 2 of the arrays are his
  Sizes input{1, 1, 1}, kernel{1, 1, 1}, stride{1, 1, 1}, dilation{1, 1, 1};
  Sizes padding_low{0, 0, 0}, padding_high{0, 0, 0}, output{1, 1, 1};

  Axis axis(int i) const { return Axis{input[i], kernel[i], stride[i], dilation[i], padding_low[i], output[i]}; }
  int64_t kernel_area() const { return product(kernel); }
  int64_t input_pixels() const { return product(input); }
  int64_t output_pixels() const { return product(output); }
};

// A frozen, checked convolution. x is (batch, in_channels, input), w (out_channels, group_inputs, kernel), y (batch,
// out_channels, output).
struct Geometry : Window {
  int64_t batch = 1, in_channels = 1, out_channels = 1, groups = 1;
  bool flip = false;
  Layout layout = Layout::nchw;

  int64_t group_inputs() const { return in_channels / groups; }          // input channels of one group
  int64_t group_outputs() const { return out_channels / groups; }        // output channels of one group
  int64_t patch_size() const { return group_inputs() * kernel_area(); }  // Q
  Strides x_strides() const { return tensor_strides(layout, in_channels, input); }
  Strides y_strides() const { return tensor_strides(layout, out_channels, output); }
  int64_t x_size() const { return batch * in_channels * input_pixels(); }
  int64_t y_size() const { return batch * out_channels * output_pixels(); }
  int64_t w_size() const { return out_channels * patch_size(); }
  // 1x1, unit stride, no padding: the patches of x are x itself. As many pixels are not enough: a transposed convolution
  // may add to one axis what it takes from another.
  bool pointwise() const {
    return kernel_area() == 1 && stride == Sizes{1, 1, 1} && output == input && padding_low == Sizes{0, 0, 0};
  }
};

// A frozen, checked pooling. x is (batch, channels, input), y (batch, channels, output).
struct PoolGeometry : Window {
  int64_t batch = 1, channels = 1;
  bool count_include_pad = true;
  double divisor = 0, p = 2;
  Layout layout = Layout::nchw;

  Strides x_strides() const { return tensor_strides(layout, channels, input); }
  Strides y_strides() const { return tensor_strides(layout, channels, output); }
};

// The C structs, checked and made whole; `problem.output` and `pool.output` are filled. Throw Error with a sentence.
Geometry resolve(gemmconv_problem &problem);
PoolGeometry resolve(gemmconv_pool &pool);
// For pooling backward, unpooling and adaptive pooling: batch, channels, input and output are checked, windows ignored.
PoolGeometry planes(const gemmconv_pool &pool);

void set_shapes(gemmconv_problem &problem, const int64_t *x_shape, int32_t x_ndim, const int64_t *w_shape,
                int32_t w_ndim);
void set_padding(gemmconv_problem &problem, int32_t word);
void set_transposed(gemmconv_problem &problem, const int64_t *x_shape, int32_t x_ndim, const int64_t *w_shape,
                    int32_t w_ndim, int32_t word, const int64_t *output_padding, const int64_t *output_shape);
void set_shape(gemmconv_pool &pool, const int64_t *x_shape, int32_t x_ndim);
void set_padding(gemmconv_pool &pool, int32_t word);

}  // namespace gemmconv
