// Turns statuses of the C interface into Python exceptions, and describes values in messages.
#include "errors.hpp"

namespace gemmconv::binding {

std::string describe(py::handle value) {
  constexpr size_t longest = 80;
  const std::string type = Py_TYPE(value.ptr())->tp_name;
  const py::object text = py::reinterpret_steal<py::object>(PyObject_Repr(value.ptr()));
  const char *characters = text ? PyUnicode_AsUTF8(text.ptr()) : nullptr;
  if (!characters) {
    PyErr_Clear();
    return "a " + type;
  }
  const std::string shown = characters;
  if (shown.size() > longest || shown.find('\n') != std::string::npos) return "a " + type;
  return value.is_none() ? shown : shown + " (" + type + ")";
}

void raise_last_error(int status) {
  const std::string message = gemmconv_last_error();
  switch (status) {
    case GEMMCONV_INVALID_ARGUMENT: throw py::value_error(message);
    case GEMMCONV_UNSUPPORTED: {
      // Looked up at each call: every interpreter has its own.
      const py::object exception = py::module_::import("gemmconv._core").attr("UnsupportedError");
      PyErr_SetString(exception.ptr(), message.c_str());
      break;
    }
    case GEMMCONV_OUT_OF_MEMORY: PyErr_SetString(PyExc_MemoryError, message.c_str()); break;
    default: PyErr_SetString(PyExc_RuntimeError, message.c_str());
  }
  throw py::error_already_set();
}

void bind_errors(py::module_ &module) {
  const char *meaning = "A strategy asked for by name cannot do this problem; the message says why.";
  PyObject *exception = PyErr_NewExceptionWithDoc("gemmconv.UnsupportedError", meaning, PyExc_ValueError, nullptr);
  if (!exception) throw py::error_already_set();
  module.add_object("UnsupportedError", py::reinterpret_steal<py::object>(exception));
}

}  // namespace gemmconv::binding
