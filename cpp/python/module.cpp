// gemmconv._core: each function checks its arrays, puts odd ones in order, releases the GIL and calls one function of
// libgemmconv. No arithmetic, nothing mutable, nothing shared between interpreters. Its documentation is _core.pyi and
// the Python functions over it.
#include "functions.hpp"
#include "geometry.hpp"
#include "options.hpp"
#include "plan.hpp"
#include "settings.hpp"

namespace py = pybind11;

PYBIND11_MODULE(_core, module, py::mod_gil_not_used(), py::multiple_interpreters::per_interpreter_gil()) {
  using namespace gemmconv::binding;
  if (const char *error = gemmconv_startup_error()) throw py::import_error(error);
  py::options options;
  options.disable_function_signatures();
  bind_errors(module);
  bind_settings(module);
  bind_options(module);
  bind_geometry(module);
  bind_plan(module);
  bind_convolution(module);
  bind_patches(module);
  bind_pooling(module);
  bind_unpooling(module);
  bind_activations(module);
  bind_readers(module);
  bind_facts(module);
}
