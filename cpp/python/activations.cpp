// Activations over arrays of any shape, and their derivatives.
#include "arrays.hpp"
#include "functions.hpp"
#include "settings.hpp"

namespace gemmconv::binding {
namespace {

py::object activate(py::handle z, py::handle name, const Settings &settings, py::handle out) {
  const Array array(z, "z");
  const int32_t activation = read_activation(name);
  Output a(out, array.dtype, array.shape(), {&array});
  const gemmconv_settings reduced = settings.without_copies(array.copy_bytes() + a.copy_bytes());
  const Ordered data(array);
  without_gil(
      [&] { return gemmconv_activate(activation, array.dtype, &reduced, array.count(), data.data(), a.data()); });
  return a.finish();
}

py::object activate_backward(py::handle da, py::handle z, py::handle name, const Settings &settings, py::handle out) {
  const Array gradient(da, "da"), array(z, "z", gradient);
  const int32_t activation = read_activation(name);
  check_shape(gradient, array.shape(), [] { return "that of z"; });
  Output dz(out, array.dtype, array.shape(), {&gradient, &array});
  const gemmconv_settings reduced =
      settings.without_copies(gradient.copy_bytes() + array.copy_bytes() + dz.copy_bytes());
  const Ordered da_data(gradient), z_data(array);
  without_gil([&] {
    return gemmconv_activate_backward(activation, array.dtype, &reduced, array.count(), da_data.data(), z_data.data(),
                                      dz.data());
  });
  return dz.finish();
}

}  // namespace

void bind_activations(py::module_ &module) {
  module.def("activate", &activate);
  module.def("activate_backward", &activate_backward);
}

}  // namespace gemmconv::binding
