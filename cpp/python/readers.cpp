// The readers of arguments for Python: backends written there accept and refuse what the compiled one does.
#include "arrays.hpp"
#include "functions.hpp"

namespace gemmconv::binding {
namespace {

py::tuple axes(py::handle value, const char *name, int rank) {
  int64_t sizes[3];
  if (rank < 1 || rank > 3) wrong_value("rank is ", rank, "; expected 1, 2 or 3 spatial axes");
  read_axes(value, name, rank, sizes);
  return tuple_of(sizes, rank);
}

py::tuple shape(py::handle value, const char *name, const char *meaning) {
  const Shape read = read_shape(value, name, meaning);
  return tuple_of(read.sizes.data(), read.ndim);
}

}  // namespace

void bind_readers(py::module_ &module) {
  module.def("read_axes", &axes);
  module.def("read_shape", &shape);
  module.def("read_bool", &read_bool);
  module.def("read_number", &read_number);
  module.def("read_pass", [](py::handle value) { return pass_name(read_pass(value)); });
  module.def("read_activation", [](py::handle value) { return activation_name(read_activation(value)); });
  module.def("read_dtype", [](py::handle value) { return dtype_name(read_dtype(value)); });
}

}  // namespace gemmconv::binding
