// Pooling with windows: maximum, average and Lp, and the gradients of the last two.
#include "arrays.hpp"
#include "functions.hpp"
#include "geometry.hpp"
#include "settings.hpp"

namespace gemmconv::binding {
namespace {

std::string pooled(const gemmconv_pool &pool) {
  return say("the output of pooling x ", text(x_shape(pool)), " with windows ",
             text(Shape{pool.rank, {pool.kernel[0], pool.kernel[1], pool.kernel[2]}}));
}

double read_divisor(py::handle divisor) {
  if (divisor.is_none()) return 0;  // the window's own count
  const double number = read_number(divisor, "divisor");
  if (number == 0) wrong_value("divisor is 0; it must be any other number, or None for the window's own count");
  return number;
}

py::object max_pool(py::handle x, py::handle options, py::handle return_indices, py::handle out) {
  const Array array(x, "x");
  const PoolOptions given = read_pool_options(options);
  const gemmconv_pool pool = pooling(array.shape(), given, array.dtype);
  const bool with_indices = read_bool(return_indices, "return_indices");
  Output y(out, array.dtype, y_shape(pool), {&array});
  const py::object indices = with_indices ? new_array(int64_dtype, y_shape(pool)) : py::none();
  int64_t *positions =
      with_indices ? static_cast<int64_t *>(py::reinterpret_borrow<py::array>(indices).mutable_data()) : nullptr;
  const gemmconv_settings reduced = read_settings(given.settings).without_copies(array.copy_bytes() + y.copy_bytes());
  const Ordered data(array);
  without_gil([&] { return gemmconv_max_pool(&pool, &reduced, data.data(), y.data(), positions); });
  return with_indices ? py::make_tuple(y.finish(), indices) : y.finish();
}

py::object avg_pool(py::handle x, py::handle options, py::handle count_include_pad, py::handle divisor,
                    py::handle out) {
  const Array array(x, "x");
  const PoolOptions given = read_pool_options(options);
  gemmconv_pool pool = pooling(array.shape(), given, array.dtype);
  pool.count_include_pad = read_bool(count_include_pad, "count_include_pad");
  pool.divisor = read_divisor(divisor);
  Output y(out, array.dtype, y_shape(pool), {&array});
  const gemmconv_settings reduced = read_settings(given.settings).without_copies(array.copy_bytes() + y.copy_bytes());
  const Ordered data(array);
  without_gil([&] { return gemmconv_avg_pool(&pool, &reduced, data.data(), y.data()); });
  return y.finish();
}

py::object avg_pool_backward(py::handle dy, py::handle input_shape, py::handle options, py::handle count_include_pad,
                             py::handle divisor, py::handle out) {
  const Array array(dy, "dy");
  const PoolOptions given = read_pool_options(options);
  const Shape x = read_shape(input_shape, "input_shape", "the whole shape of x, in the layout");
  gemmconv_pool pool = pooling(x, given, array.dtype);
  pool.count_include_pad = read_bool(count_include_pad, "count_include_pad");
  pool.divisor = read_divisor(divisor);
  check_shape(array, y_shape(pool), [&] { return pooled(pool); });
  Output dx(out, array.dtype, x_shape(pool), {&array});
  const gemmconv_settings reduced = read_settings(given.settings).without_copies(array.copy_bytes() + dx.copy_bytes());
  const Ordered data(array);
  without_gil([&] { return gemmconv_avg_pool_backward(&pool, &reduced, data.data(), dx.data()); });
  return dx.finish();
}

py::object lp_pool(py::handle x, py::handle options, py::handle p, py::handle out) {
  const Array array(x, "x");
  const PoolOptions given = read_pool_options(options);
  gemmconv_pool pool = pooling(array.shape(), given, array.dtype);
  pool.p = read_number(p, "p");
  check(gemmconv_pool_resolve(&pool));
  Output y(out, array.dtype, y_shape(pool), {&array});
  const gemmconv_settings reduced = read_settings(given.settings).without_copies(array.copy_bytes() + y.copy_bytes());
  const Ordered data(array);
  without_gil([&] { return gemmconv_lp_pool(&pool, &reduced, data.data(), y.data()); });
  return y.finish();
}

py::object lp_pool_backward(py::handle dy, py::handle x, py::handle y, py::handle options, py::handle p,
                            py::handle out) {
  const Array gradient(dy, "dy"), input(x, "x", gradient), output(y, "y", gradient);
  const PoolOptions given = read_pool_options(options);
  gemmconv_pool pool = pooling(input.shape(), given, input.dtype);
  pool.p = read_number(p, "p");
  check(gemmconv_pool_resolve(&pool));
  check_shape(gradient, y_shape(pool), [&] { return pooled(pool); });
  check_shape(output, y_shape(pool), [&] { return pooled(pool); });
  Output dx(out, input.dtype, x_shape(pool), {&gradient, &input, &output});
  const gemmconv_settings reduced =
      read_settings(given.settings)
          .without_copies(gradient.copy_bytes() + input.copy_bytes() + output.copy_bytes() + dx.copy_bytes());
  const Ordered dy_data(gradient), x_data(input), y_data(output);
  without_gil([&] {
    return gemmconv_lp_pool_backward(&pool, &reduced, dy_data.data(), x_data.data(), y_data.data(), dx.data());
  });
  return dx.finish();
}

}  // namespace

void bind_pooling(py::module_ &module) {
  module.def("max_pool", &max_pool);
  module.def("avg_pool", &avg_pool);
  module.def("avg_pool_backward", &avg_pool_backward);
  module.def("lp_pool", &lp_pool);
  module.def("lp_pool_backward", &lp_pool_backward);
}

}  // namespace gemmconv::binding
