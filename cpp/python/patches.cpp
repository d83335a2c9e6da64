// im2col and col2im.
#include "arrays.hpp"
#include "functions.hpp"
#include "geometry.hpp"
#include "settings.hpp"

namespace gemmconv::binding {
namespace {

// The windows that slide over x (N, C, *spatial): a convolution with one output channel.
gemmconv_problem windows(const Shape &x, py::handle kernel_size, py::handle stride, py::handle padding,
                         py::handle dilation, int32_t dtype) {
  const py::str layout("NCHW");
  const py::int_ one(1);
  const gemmconv_pool shape = planes("x", x, layout, dtype);
  Shape w;
  w.append(1);
  w.append(shape.channels);
  int64_t kernel[3];
  read_axes(kernel_size, "kernel_size", shape.rank, kernel);
  for (int i = 0; i < shape.rank; ++i) w.append(kernel[i]);
  return convolution(x, w, {stride, padding, dilation, one, Py_False, layout, {}, {}}, dtype);
}

int64_t product(const int64_t *sizes, int count) {
  int64_t result = 1;
  for (int i = 0; i < count; ++i) result *= sizes[i];
  return result;
}

Shape columns(const gemmconv_problem &problem) {
  Shape shape;
  shape.append(problem.batch);
  shape.append(problem.in_channels * product(problem.kernel, problem.rank));
  shape.append(product(problem.output, problem.rank));
  return shape;
}

py::object im2col(py::handle x, py::handle kernel_size, py::handle stride, py::handle padding, py::handle dilation,
                  const Settings &settings) {
  const Array array(x, "x");
  const gemmconv_problem problem = windows(array.shape(), kernel_size, stride, padding, dilation, array.dtype);
  Output cols(py::none(), array.dtype, columns(problem), {&array});
  const gemmconv_settings reduced = settings.without_copies(array.copy_bytes());
  const Ordered data(array);
  without_gil([&] { return gemmconv_im2col(&problem, &reduced, data.data(), cols.data()); });
  return cols.finish();
}

py::object col2im(py::handle cols, py::handle output_shape, py::handle kernel_size, py::handle stride,
                  py::handle padding, py::handle dilation, const Settings &settings) {
  const Array array(cols, "cols");
  const Shape spatial = read_shape(output_shape, "output_shape", "the spatial sizes of the answer");
  const int rank = spatial.ndim;
  if (rank < 1 || rank > 3) wrong_value("output_shape is ", text(spatial), "; expected 1, 2 or 3 spatial sizes");
  if (array.ndim() != 3) {
    wrong_value("cols has shape ", text(array.shape()), "; expected 3 axes: (N, C * prod(kernel_size), L)");
  }
  int64_t kernel[3];
  read_axes(kernel_size, "kernel_size", rank, kernel);
  Shape one_channel;  // its geometry checks the kernel before anything is divided by its area
  one_channel.append(array.size(0));
  one_channel.append(1);
  for (int i = 0; i < rank; ++i) one_channel.append(spatial.sizes[i]);
  gemmconv_problem problem = windows(one_channel, kernel_size, stride, padding, dilation, array.dtype);
  const int64_t area = product(kernel, rank);
  if (array.size(1) == 0 || array.size(1) % area != 0) {
    wrong_value("cols has shape ", text(array.shape()), ", and ", array.size(1),
                " is no multiple of the kernel's area ", area, "; expected (N, C * ", area, ", L)");
  }
  problem.in_channels = array.size(1) / area;
  check(gemmconv_problem_resolve(&problem));
  check_shape(array, columns(problem), [&] { return "the patches of x " + text(x_shape(problem)); });
  Output x(py::none(), array.dtype, x_shape(problem), {&array});
  const gemmconv_settings reduced = settings.without_copies(array.copy_bytes());
  const Ordered data(array);
  without_gil([&] { return gemmconv_col2im(&problem, &reduced, data.data(), x.data()); });
  return x.finish();
}

}  // namespace

void bind_patches(py::module_ &module) {
  module.def("im2col", &im2col);
  module.def("col2im", &col2im);
}

}  // namespace gemmconv::binding
