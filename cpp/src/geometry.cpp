// Size arithmetic of convolution and pooling, overflow-checked, and the sentence of each shape error.
#include "geometry.hpp"

#include <algorithm>
#include <initializer_list>
#include <limits>

#include "check.hpp"

namespace gemmconv {
namespace {

constexpr int64_t max_size = std::numeric_limits<int32_t>::max();          // per axis
constexpr int64_t max_elements = std::numeric_limits<int64_t>::max() / 8;  // bytes of any tensor fit int64

// A shape as Python writes it. Written only when a message is: checks run at every call.
struct ShapeText {
  const int64_t *shape;
  int32_t count;
};

ShapeText shape_text(const int64_t *shape, int32_t count) { return {shape, count}; }

std::ostream &operator<<(std::ostream &stream, const ShapeText &text) {
  stream << '(';
  for (int32_t i = 0; i < text.count; ++i) stream << (i ? ", " : "") << text.shape[i];
  return stream << (text.count == 1 ? ",)" : ")");
}

// a * b, or an error that names what overflows.
int64_t checked_product(std::initializer_list<int64_t> factors, const char *what) {
  int64_t result = 1;
  for (const int64_t factor : factors) {
    if (factor == 0) return 0;
    require(result <= max_elements / factor, what, " would have more than ", max_elements,
            " elements; use smaller sizes");
    result *= factor;
  }
  return result;
}

void check_size(int64_t size, int64_t least, const char *what, int axis) {
  if (size >= least && size <= max_size) return;  // before any text is made: this runs at every call
  const std::string place = axis < 0 ? std::string() : say(" along spatial axis ", axis);
  require(size >= least, what, place, " is ", size, "; it must be at least ", least);
  require(size <= max_size, what, place, " is ", size, "; it must be at most ", max_size);
}

// Cells from the first to the last tap.
int64_t extent(int64_t kernel, int64_t dilation) { return dilation * (kernel - 1) + 1; }

const char *layout_axes(int32_t layout) { return layout == GEMMCONV_NHWC ? "(N, *spatial, C)" : "(N, C, *spatial)"; }

// Where the channels and the first spatial axis of a whole shape stand.
int channel_axis(int32_t layout, int32_t ndim) { return layout == GEMMCONV_NHWC ? ndim - 1 : 1; }
int first_spatial_axis(int32_t layout) { return layout == GEMMCONV_NHWC ? 1 : 2; }

void check_words(int32_t rank, int32_t layout, int32_t dtype) {
  require(rank >= 1 && rank <= 3, "there are ", rank, " spatial axes; 1, 2 or 3 are supported");
  require(layout == GEMMCONV_NCHW || layout == GEMMCONV_NHWC, "layout is ", layout,
          "; it must be 0 (NCHW) or 1 (NHWC)");
  require(dtype == GEMMCONV_FLOAT32 || dtype == GEMMCONV_FLOAT64, "dtype is ", dtype,
          "; it must be 0 (float32) or 1 (float64)");
}

void check_ndim(const char *name, const int64_t *shape, int32_t ndim, int32_t layout) {
  require(ndim >= 3 && ndim <= 5, name, " has shape ", shape_text(shape, ndim), " with ", ndim,
          " axes; expected 3 to 5: ", layout_axes(layout), " with 1, 2 or 3 spatial axes");
}

// Fills low and high along each axis from a padding word.
void pad_by_word(int32_t word, int rank, const int64_t *input, const int64_t *kernel, const int64_t *stride,
                 const int64_t *dilation, int64_t *low, int64_t *high) {
  require(word >= GEMMCONV_VALID && word <= GEMMCONV_FULL, "padding word is ", word,
          "; it must be 0 (valid), 1 (same), 2 (same_lower) or 3 (full)");
  for (int i = 0; i < rank; ++i) {
    check_size(input[i], 1, "the input's size", i);
    check_size(kernel[i], 1, "the kernel's size", i);
    check_size(stride[i], 1, "stride", i);
    check_size(dilation[i], 1, "dilation", i);
    const int64_t reach = extent(kernel[i], dilation[i]);
    int64_t total = 0;
    if (word == GEMMCONV_FULL) total = 2 * (reach - 1);
    if (word == GEMMCONV_SAME || word == GEMMCONV_SAME_LOWER) {
      const int64_t outputs = ceil_div(input[i], stride[i]);
      total = std::max<int64_t>((outputs - 1) * stride[i] + reach - input[i], 0);
    }
    low[i] = word == GEMMCONV_SAME_LOWER ? total - total / 2 : total / 2;
    high[i] = total - low[i];
  }
}

// The windows of `from` (a problem or a pool) on three axes, sizes checked; output left at what `from` says.
template <class From>
Window checked_window(const From &from) {
  Window window;
  window.rank = from.rank;
  for (int i = 0; i < from.rank; ++i) {
    const int axis = 3 - from.rank + i;
    check_size(window.input[axis] = from.input[i], 1, "the input's size", i);
    check_size(window.kernel[axis] = from.kernel[i], 1, "the kernel's size", i);
    check_size(window.stride[axis] = from.stride[i], 1, "stride", i);
    check_size(window.dilation[axis] = from.dilation[i], 1, "dilation", i);
    check_size(window.padding_low[axis] = from.padding_low[i], 0, "low padding", i);
    check_size(window.padding_high[axis] = from.padding_high[i], 0, "high padding", i);
    check_size(extent(from.kernel[i], from.dilation[i]), 1, "the dilated kernel's extent", i);
    window.output[axis] = from.output[i];
  }
  return window;
}

// floor((W - D (F-1) - 1 + P) / S) + 1; ceil_mode rounds up, unless that window would start in the high padding.
int64_t output_size(const Axis &axis, int64_t padding_high, bool ceil_mode, int number) {
  const int64_t padded = axis.input + axis.padding_low + padding_high;
  const int64_t reach = extent(axis.kernel, axis.dilation);
  const int64_t slack = padded - reach;
  int64_t size = (slack >= 0 ? slack / axis.stride : -ceil_div(-slack, axis.stride)) + 1;
  if (ceil_mode) {
    const int64_t more = ceil_div(slack, axis.stride) + 1;
    if (more > size && (more - 1) * axis.stride < axis.input + axis.padding_low) size = more;
  }
  require(size >= 1, "the output's size along spatial axis ", number, " would be ", size, ": an input of ", axis.input,
          " with padding (", axis.padding_low, ", ", padding_high, ") has ", padded, " cells, fewer than the ", reach,
          " that a kernel of ", axis.kernel, " with dilation ", axis.dilation,
          " spans; use more padding, a smaller kernel or a smaller dilation");
  check_size(size, 1, "the output's size", number);
  return size;
}

}  // namespace

Strides tensor_strides(Layout layout, int64_t channels, const Sizes &spatial) {
  const int64_t pixel = layout == Layout::nhwc ? channels : 1;
  Strides strides;
  strides.axis = {spatial[1] * spatial[2] * pixel, spatial[2] * pixel, pixel};
  strides.channel = layout == Layout::nhwc ? 1 : product(spatial);
  strides.image = channels * product(spatial);
  return strides;
}

Geometry resolve(gemmconv_problem &problem) {
  check_words(problem.rank, problem.layout, problem.dtype);
  Geometry geometry;
  static_cast<Window &>(geometry) = checked_window(problem);
  geometry.flip = problem.flip != 0;
  geometry.layout = static_cast<Layout>(problem.layout);
  check_size(geometry.batch = problem.batch, 0, "the batch size", -1);
  check_size(geometry.groups = problem.groups, 1, "groups", -1);
  check_size(geometry.in_channels = problem.in_channels, 1, "the number of input channels", -1);
  check_size(geometry.out_channels = problem.out_channels, 1, "the number of output channels", -1);
  require(problem.in_channels % problem.groups == 0, "groups is ", problem.groups, ", which does not divide the ",
          problem.in_channels, " input channels");
  require(problem.out_channels % problem.groups == 0, "groups is ", problem.groups, ", which does not divide the ",
          problem.out_channels, " output channels");
  for (int i = 0; i < problem.rank; ++i) {
    const int axis = 3 - problem.rank + i;
    const int64_t natural = output_size(geometry.axis(axis), problem.padding_high[i], false, i);
    const int64_t wanted = problem.output[i];
    require(wanted >= 0 && wanted <= natural, "output along spatial axis ", i, " is ", wanted,
            "; it must be at most the ", natural, " that follow from the other sizes (0 means all)");
    geometry.output[axis] = problem.output[i] = wanted == 0 ? natural : wanted;
  }
  const Sizes &in = geometry.input, &out = geometry.output, &kernel = geometry.kernel;
  checked_product({problem.batch, problem.in_channels, in[0], in[1], in[2]}, "x");
  checked_product({problem.batch, problem.out_channels, out[0], out[1], out[2]}, "y");
  checked_product({problem.out_channels, geometry.group_inputs(), kernel[0], kernel[1], kernel[2]}, "w");
  checked_product({geometry.in_channels, kernel[0], kernel[1], kernel[2], out[0], out[1], out[2]},
                  "the im2col matrix of one image");
  return geometry;
}

PoolGeometry planes(const gemmconv_pool &pool) {
  check_words(pool.rank, pool.layout, pool.dtype);
  PoolGeometry geometry;
  geometry.rank = pool.rank;
  geometry.layout = static_cast<Layout>(pool.layout);
  check_size(geometry.batch = pool.batch, 0, "the batch size", -1);
  check_size(geometry.channels = pool.channels, 1, "the number of channels", -1);
  for (int i = 0; i < pool.rank; ++i) {
    check_size(geometry.input[3 - pool.rank + i] = pool.input[i], 1, "the input's size", i);
    check_size(geometry.output[3 - pool.rank + i] = pool.output[i], 1, "the output's size", i);
  }
  const Sizes &in = geometry.input, &out = geometry.output;
  checked_product({pool.batch, pool.channels, in[0], in[1], in[2]}, "x");
  checked_product({pool.batch, pool.channels, out[0], out[1], out[2]}, "y");
  return geometry;
}

PoolGeometry resolve(gemmconv_pool &pool) {
  check_words(pool.rank, pool.layout, pool.dtype);
  const Window window = checked_window(pool);
  for (int i = 0; i < pool.rank; ++i) {
    const int axis = 3 - pool.rank + i;
    pool.output[i] = output_size(window.axis(axis), pool.padding_high[i], pool.ceil_mode != 0, i);
  }
  PoolGeometry geometry = planes(pool);
  const Sizes output = geometry.output;
  static_cast<Window &>(geometry) = window;
  geometry.output = output;
  geometry.count_include_pad = pool.count_include_pad != 0;
  geometry.divisor = pool.divisor;
  geometry.p = pool.p;
  checked_product({window.kernel[0], window.kernel[1], window.kernel[2]}, "the kernel");
  require(pool.divisor == pool.divisor, "divisor is NaN; it must be a number other than 0");
  require(pool.p > 0 && pool.p <= std::numeric_limits<double>::max(), "p is ", pool.p,
          "; it must be a finite number above 0");
  return geometry;
}

void set_shapes(gemmconv_problem &problem, const int64_t *x_shape, int32_t x_ndim, const int64_t *w_shape,
                int32_t w_ndim) {
  check_ndim("x", x_shape, x_ndim, problem.layout);
  require(w_ndim == x_ndim, "w has shape ", shape_text(w_shape, w_ndim), " with ", w_ndim, " axes; expected ", x_ndim,
          ", as many as x of shape ", shape_text(x_shape, x_ndim), ": (K, C/groups, *kernel)");
  check_words(x_ndim - 2, problem.layout, problem.dtype);
  const int64_t channels = x_shape[channel_axis(problem.layout, x_ndim)];
  check_size(problem.groups, 1, "groups", -1);
  check_size(channels, 1, "the number of input channels", -1);
  check_size(w_shape[0], 1, "the number of output channels", -1);
  require(channels % problem.groups == 0, "groups is ", problem.groups, ", which does not divide the ", channels,
          " channels of x of shape ", shape_text(x_shape, x_ndim));
  require(w_shape[1] == channels / problem.groups, "w of shape ", shape_text(w_shape, w_ndim), " takes ", w_shape[1],
          " channels per group, but x of shape ", shape_text(x_shape, x_ndim), " has ", channels, " channels in ",
          problem.groups, problem.groups == 1 ? " group" : " groups", "; expected w of (K, ", channels / problem.groups,
          ", *kernel)");
  require(w_shape[0] % problem.groups == 0, "groups is ", problem.groups, ", which does not divide the ", w_shape[0],
          " output channels of w of shape ", shape_text(w_shape, w_ndim));
  problem.rank = x_ndim - 2;
  problem.batch = x_shape[0];
  problem.in_channels = channels;
  problem.out_channels = w_shape[0];
  for (int i = 0; i < problem.rank; ++i) {
    problem.input[i] = x_shape[first_spatial_axis(problem.layout) + i];
    problem.kernel[i] = w_shape[2 + i];
    problem.output[i] = 0;
  }
}

void set_padding(gemmconv_problem &problem, int32_t word) {
  pad_by_word(word, problem.rank, problem.input, problem.kernel, problem.stride, problem.dilation, problem.padding_low,
              problem.padding_high);
}

void set_transposed(gemmconv_problem &problem, const int64_t *x_shape, int32_t x_ndim, const int64_t *w_shape,
                    int32_t w_ndim, int32_t word, const int64_t *output_padding, const int64_t *output_shape) {
  check_ndim("x", x_shape, x_ndim, problem.layout);
  require(w_ndim == x_ndim, "w has shape ", shape_text(w_shape, w_ndim), " with ", w_ndim, " axes; expected ", x_ndim,
          ", as many as x of shape ", shape_text(x_shape, x_ndim), ": (C, K/groups, *kernel)");
  check_words(x_ndim - 2, problem.layout, problem.dtype);
  const int64_t channels = x_shape[channel_axis(problem.layout, x_ndim)];
  check_size(problem.groups, 1, "groups", -1);
  require(w_shape[0] == channels, "w of shape ", shape_text(w_shape, w_ndim), " takes ", w_shape[0],
          " channels, but x of shape ", shape_text(x_shape, x_ndim), " has ", channels,
          "; expected w of (C, K/groups, *kernel) for a transposed convolution");
  require(channels % problem.groups == 0, "groups is ", problem.groups, ", which does not divide the ", channels,
          " channels of x of shape ", shape_text(x_shape, x_ndim));
  check_size(w_shape[1], 1, "the number of output channels per group", -1);
  problem.pass = GEMMCONV_BACKWARD_INPUT;
  problem.rank = x_ndim - 2;
  problem.batch = x_shape[0];
  problem.out_channels = channels;
  problem.in_channels = checked_product({w_shape[1], problem.groups}, "the output's channels");
  for (int i = 0; i < problem.rank; ++i) {
    const int64_t in = x_shape[first_spatial_axis(problem.layout) + i], kernel = w_shape[2 + i];
    const int64_t stride = problem.stride[i], dilation = problem.dilation[i];
    const int64_t extra = output_padding ? output_padding[i] : 0;
    check_size(in, 1, "the input's size", i);
    check_size(kernel, 1, "the kernel's size", i);
    check_size(stride, 1, "stride", i);
    check_size(dilation, 1, "dilation", i);
    check_size(extra, 0, "output_padding", i);
    require(extra == 0 || extra < std::max(stride, dilation), "output_padding along spatial axis ", i, " is ", extra,
            "; it must be smaller than the stride ", stride, " or the dilation ", dilation);
    const int64_t reach = extent(kernel, dilation);
    check_size(reach, 1, "the dilated kernel's extent", i);
    int64_t &low = problem.padding_low[i], &high = problem.padding_high[i];
    const int64_t natural = (in - 1) * stride + reach + extra;
    int64_t size;
    if (output_shape) {
      require(word == -1 || word == GEMMCONV_VALID, "output_shape makes the padding; padding must then be 0");
      require(word == GEMMCONV_VALID || (low == 0 && high == 0),
              "output_shape makes the padding; padding must then be 0, but along spatial axis ", i, " it is (", low,
              ", ", high, ")");
      size = output_shape[i];
      check_size(size, 1, "output_shape", i);
      const int64_t total = std::max<int64_t>(natural - size, 0);
      low = total - total / 2;
      high = total / 2;
    } else if (word == GEMMCONV_SAME || word == GEMMCONV_SAME_LOWER) {
      require(extra == 0, "padding \"same\" fixes the output at input * stride = ", in * stride, " along spatial axis ",
              i, "; output_padding must then be 0, not ", extra);
      size = in * stride;
      const int64_t total = std::max<int64_t>(reach - stride, 0);
      low = word == GEMMCONV_SAME ? total / 2 : total - total / 2;
      high = total - low;
    } else {
      require(word >= -1 && word <= GEMMCONV_FULL, "padding word is ", word, "; it must be -1 (none) to 3 (full)");
      if (word == GEMMCONV_VALID) low = high = 0;
      if (word == GEMMCONV_FULL) low = high = reach - 1;
      check_size(low, 0, "low padding", i);
      check_size(high, 0, "high padding", i);
      size = natural - low - high;
      require(size >= 1, "the output's size along spatial axis ", i, " would be ", size, ": ", natural,
              " cells less padding (", low, ", ", high, "); use less padding");
    }
    problem.input[i] = size;
    problem.kernel[i] = kernel;
    problem.output[i] = in;
  }
}

void set_shape(gemmconv_pool &pool, const int64_t *x_shape, int32_t x_ndim) {
  check_ndim("x", x_shape, x_ndim, pool.layout);
  check_words(x_ndim - 2, pool.layout, pool.dtype);
  pool.rank = x_ndim - 2;
  pool.batch = x_shape[0];
  pool.channels = x_shape[channel_axis(pool.layout, x_ndim)];
  for (int i = 0; i < pool.rank; ++i) pool.input[i] = x_shape[first_spatial_axis(pool.layout) + i];
}

void set_padding(gemmconv_pool &pool, int32_t word) {
  pad_by_word(word, pool.rank, pool.input, pool.kernel, pool.stride, pool.dilation, pool.padding_low,
              pool.padding_high);
}

}  // namespace gemmconv
