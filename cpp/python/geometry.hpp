// Convolutions and poolings as the C interface describes them, from the arguments that the functions share.
#pragma once

#include "arguments.hpp"
#include "options.hpp"

namespace gemmconv::binding {

// A convolution of whole shapes, checked, with its output filled. The options' strategy and settings are not read.
gemmconv_problem convolution(const Shape &x, const Shape &w, const ConvOptions &options, int32_t dtype);
// The convolution whose input gradient takes `x` to the answer; its y has the shape of `x`.
gemmconv_problem transposed_convolution(const Shape &x, const Shape &w, const ConvOptions &options,
                                        py::handle output_padding, py::handle output_shape, int32_t dtype);

Shape x_shape(const gemmconv_problem &problem);
Shape w_shape(const gemmconv_problem &problem);
Shape y_shape(const gemmconv_problem &problem);

// A pooling of a whole shape, checked, with its output filled. The options' settings are not read.
gemmconv_pool pooling(const Shape &x, const PoolOptions &options, int32_t dtype);
// Planes of a whole shape without a window: for indices and adaptive pooling. The output is the input until it is set.
gemmconv_pool planes(const char *name, const Shape &x, py::handle layout, int32_t dtype);

Shape x_shape(const gemmconv_pool &pool);
Shape y_shape(const gemmconv_pool &pool);

void bind_geometry(py::module_ &module);

// What Python holds; `Plan` takes one.
struct Geometry {
  gemmconv_problem problem;
};

}  // namespace gemmconv::binding
