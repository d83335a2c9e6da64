// The Python class Settings: threads, workspace limit, math and determinism, checked when they are made.
#include "settings.hpp"

#include "arguments.hpp"

namespace gemmconv::binding {
namespace {

Settings make(py::object threads, py::object math, py::object deterministic, py::object workspace_limit) {
  Settings settings;
  if (!threads.is_none()) {
    const int64_t count = read_int(threads, "threads");
    if (count < 1) wrong_value("threads is ", count, "; it must be at least 1, or None for the process's default");
    if (count > GEMMCONV_MAX_THREADS) {
      wrong_value("threads is ", count, "; it must be at most ", GEMMCONV_MAX_THREADS);
    }
    settings.threads = static_cast<int32_t>(count);
  }
  settings.math = read_math(math);
  settings.deterministic = read_bool(deterministic, "deterministic");
  const int64_t limit = read_int(workspace_limit, "workspace_limit");
  if (limit < 0) wrong_value("workspace_limit is ", limit, "; it must be a number of bytes, at least 0");
  settings.workspace_limit = static_cast<size_t>(limit);
  return settings;
}

py::object threads(const Settings &settings) {
  return settings.threads == 0 ? py::object(py::none()) : py::object(py::int_(settings.threads));
}

py::tuple state(const Settings &settings) {
  return py::make_tuple(threads(settings), math_name(settings.math), settings.deterministic, settings.workspace_limit);
}

bool equal(const Settings &a, const Settings &b) {
  return a.threads == b.threads && a.math == b.math && a.deterministic == b.deterministic &&
         a.workspace_limit == b.workspace_limit;
}

}  // namespace

void bind_settings(py::module_ &module) {
  py::class_<Settings>(module, "Settings", py::is_final())
      .def(py::init(&make), py::kw_only(), py::arg("threads") = py::none(), py::arg("math") = "fast",
           py::arg("deterministic") = false, py::arg("workspace_limit") = 64 << 20)
      .def_property_readonly("threads", &threads)
      .def_property_readonly("math", [](const Settings &settings) { return math_name(settings.math); })
      .def_readonly("deterministic", &Settings::deterministic)
      .def_readonly("workspace_limit", &Settings::workspace_limit)
      .def("__eq__",
           [](const Settings &settings, py::handle other) {
             return py::isinstance<Settings>(other) && equal(settings, py::cast<const Settings &>(other));
           })
      .def("__hash__", [](const Settings &settings) { return py::hash(state(settings)); })
      .def("__repr__",
           [](const Settings &settings) {
             return py::str("Settings(threads={}, math={!r}, deterministic={}, workspace_limit={})")
                 .format(*state(settings));
           })
      .def(py::pickle(&state, [](const py::tuple &kept) { return make(kept[0], kept[1], kept[2], kept[3]); }));
}

}  // namespace gemmconv::binding
