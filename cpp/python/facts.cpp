// What the library says about itself.
#include "arguments.hpp"
#include "functions.hpp"

namespace gemmconv::binding {
namespace {

py::tuple strategy_names() {
  py::list names;
  for (int32_t i = 0; const char *name = gemmconv_strategy_name(i); ++i) names.append(name);
  return py::tuple(names);
}

// {"implicit": ("bands", ...), ...}, both in the order of the table.
py::dict strategies() {
  py::dict table;
  for (int32_t row = 0; const char *strategy = gemmconv_strategy_name(row); ++row) {
    py::list variants;
    for (int32_t i = 0; const char *variant = gemmconv_variant_name(row, i); ++i) variants.append(variant);
    table[strategy] = py::tuple(variants);
  }
  return table;
}

int64_t multiply_add(const std::string &dtype, int64_t steps) {
  const py::gil_scoped_release released;
  return gemmconv_multiply_add(dtype == "float64" ? GEMMCONV_FLOAT64 : GEMMCONV_FLOAT32, steps);
}

}  // namespace

void bind_facts(py::module_ &module) {
  module.def("config_json", &gemmconv_config_json);
  module.def("version", &gemmconv_version);
  module.def("strategy_names", &strategy_names);
  module.def("strategies", &strategies);
  module.def("activation_names", &activation_names);
  module.def("default_threads", &gemmconv_default_threads);
  module.def("multiply_add", &multiply_add);
  module.def("cached_plans", &gemmconv_cached_plans);
  module.def("retained_workspace_bytes", &gemmconv_retained_workspace_bytes);
  module.def("clear_caches", &gemmconv_clear_caches);
}

}  // namespace gemmconv::binding
