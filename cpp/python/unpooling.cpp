// What pooling does along indices (the gradient of a maximum, unpooling) and adaptive pooling: planes without a window.
#include "arrays.hpp"
#include "functions.hpp"
#include "geometry.hpp"
#include "settings.hpp"

namespace gemmconv::binding {
namespace {

int64_t *positions_of(const py::object &indices) {
  return static_cast<int64_t *>(py::reinterpret_borrow<py::array>(indices).mutable_data());
}

// The planes of the whole shape `input`, pooled to those of the whole shape `output`, whose argument is `name`.
gemmconv_pool between(const char *input_name, const Shape &input, const char *name, const Shape &output,
                      py::handle layout, int32_t dtype) {
  gemmconv_pool pool = planes(input_name, input, layout, dtype);
  const gemmconv_pool small = planes(name, output, layout, dtype);
  if (small.rank != pool.rank || small.batch != pool.batch || small.channels != pool.channels) {
    wrong_value(name, " has shape ", text(output), "; expected the batch, channels and number of axes of ", input_name,
                " ", text(input));
  }
  for (int i = 0; i < pool.rank; ++i) pool.output[i] = small.input[i];
  return pool;
}

void check_indices(const Array &indices, const Array &array) {
  check_shape(indices, array.shape(), [&] { return std::string("that of ") + array.name; });
}

constexpr const char *whole_meaning = "the whole shape of x, in the layout";

py::object max_pool_backward(py::handle dy, py::handle indices, py::handle input_shape, py::handle layout,
                             const Settings &settings, py::handle out) {
  const Array array(dy, "dy"), positions = Array::of_indices(indices, "indices");
  const Shape input = read_shape(input_shape, "input_shape", whole_meaning);
  const gemmconv_pool pool = between("input_shape", input, "dy", array.shape(), layout, array.dtype);
  check_indices(positions, array);
  Output dx(out, array.dtype, input, {&array, &positions});
  const gemmconv_settings reduced =
      settings.without_copies(array.copy_bytes() + positions.copy_bytes() + dx.copy_bytes());
  const Ordered dy_data(array), index_data(positions);
  without_gil([&] {
    return gemmconv_max_pool_backward(&pool, &reduced, dy_data.data(), static_cast<const int64_t *>(index_data.data()),
                                      dx.data());
  });
  return dx.finish();
}

py::object max_unpool(py::handle y, py::handle indices, py::handle output_shape, py::handle layout,
                      const Settings &settings, py::handle out) {
  const Array array(y, "y"), positions = Array::of_indices(indices, "indices");
  const Shape output = read_shape(output_shape, "output_shape", whole_meaning);
  const gemmconv_pool pool = between("output_shape", output, "y", array.shape(), layout, array.dtype);
  check_indices(positions, array);
  Output x(out, array.dtype, output, {&array, &positions});
  const gemmconv_settings reduced =
      settings.without_copies(array.copy_bytes() + positions.copy_bytes() + x.copy_bytes());
  const Ordered y_data(array), index_data(positions);
  without_gil([&] {
    return gemmconv_max_unpool(&pool, &reduced, y_data.data(), static_cast<const int64_t *>(index_data.data()),
                               x.data());
  });
  return x.finish();
}

py::object max_unpool_backward(py::handle dx, py::handle indices, py::handle layout, const Settings &settings,
                               py::handle out) {
  const Array array(dx, "dx"), positions = Array::of_indices(indices, "indices");
  const Shape output = positions.shape();
  const gemmconv_pool pool = between("dx", array.shape(), "indices", output, layout, array.dtype);
  Output dy(out, array.dtype, output, {&array, &positions});
  const gemmconv_settings reduced =
      settings.without_copies(array.copy_bytes() + positions.copy_bytes() + dy.copy_bytes());
  const Ordered dx_data(array), index_data(positions);
  without_gil([&] {
    return gemmconv_max_unpool_backward(&pool, &reduced, dx_data.data(),
                                        static_cast<const int64_t *>(index_data.data()), dy.data());
  });
  return dy.finish();
}

// The planes of x with as many adaptive windows as were asked for.
gemmconv_pool adaptive(const Array &x, py::handle output_size, py::handle layout) {
  gemmconv_pool pool = planes("x", x.shape(), layout, x.dtype);
  read_axes(output_size, "output_size", pool.rank, pool.output);
  for (int i = 0; i < pool.rank; ++i) {
    if (pool.output[i] < 1) wrong_value("output_size is ", describe(output_size), "; every size must be at least 1");
  }
  return pool;
}

py::object adaptive_avg_pool(py::handle x, py::handle output_size, py::handle layout, const Settings &settings,
                             py::handle out) {
  const Array array(x, "x");
  const gemmconv_pool pool = adaptive(array, output_size, layout);
  Output y(out, array.dtype, y_shape(pool), {&array});
  const gemmconv_settings reduced = settings.without_copies(array.copy_bytes() + y.copy_bytes());
  const Ordered data(array);
  without_gil([&] { return gemmconv_adaptive_avg_pool(&pool, &reduced, data.data(), y.data()); });
  return y.finish();
}

py::object adaptive_avg_pool_backward(py::handle dy, py::handle input_shape, py::handle layout,
                                      const Settings &settings, py::handle out) {
  const Array array(dy, "dy");
  const Shape input = read_shape(input_shape, "input_shape", whole_meaning);
  const gemmconv_pool pool = between("input_shape", input, "dy", array.shape(), layout, array.dtype);
  Output dx(out, array.dtype, input, {&array});
  const gemmconv_settings reduced = settings.without_copies(array.copy_bytes() + dx.copy_bytes());
  const Ordered data(array);
  without_gil([&] { return gemmconv_adaptive_avg_pool_backward(&pool, &reduced, data.data(), dx.data()); });
  return dx.finish();
}

py::object adaptive_max_pool(py::handle x, py::handle output_size, py::handle return_indices, py::handle layout,
                             const Settings &settings, py::handle out) {
  const Array array(x, "x");
  const gemmconv_pool pool = adaptive(array, output_size, layout);
  const bool with_indices = read_bool(return_indices, "return_indices");
  Output y(out, array.dtype, y_shape(pool), {&array});
  const py::object indices = with_indices ? new_array(int64_dtype, y_shape(pool)) : py::none();
  int64_t *positions = with_indices ? positions_of(indices) : nullptr;
  const gemmconv_settings reduced = settings.without_copies(array.copy_bytes() + y.copy_bytes());
  const Ordered data(array);
  without_gil([&] { return gemmconv_adaptive_max_pool(&pool, &reduced, data.data(), y.data(), positions); });
  return with_indices ? py::make_tuple(y.finish(), indices) : y.finish();
}

}  // namespace

void bind_unpooling(py::module_ &module) {
  module.def("max_pool_backward", &max_pool_backward);
  module.def("max_unpool", &max_unpool);
  module.def("max_unpool_backward", &max_unpool_backward);
  module.def("adaptive_avg_pool", &adaptive_avg_pool);
  module.def("adaptive_avg_pool_backward", &adaptive_avg_pool_backward);
  module.def("adaptive_max_pool", &adaptive_max_pool);
}

}  // namespace gemmconv::binding
