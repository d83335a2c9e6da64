// Statuses and sentences become Python exceptions.
#pragma once

#include <pybind11/pybind11.h>

#include <sstream>
#include <string>

#include "gemmconv/gemmconv.h"

namespace gemmconv::binding {

namespace py = pybind11;

// say(1, " of ", 2) == "1 of 2"
template <class... Parts>
std::string say(const Parts &...parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

template <class... Parts>
[[noreturn]] void wrong_value(const Parts &...parts) {
  throw py::value_error(say(parts...));
}

template <class... Parts>
[[noreturn]] void wrong_type(const Parts &...parts) {
  throw py::type_error(say(parts...));
}

// "1.5 (float)": a value and its type, for a message. Never fails, and never longer than a line.
std::string describe(py::handle value);

// Raises the exception of `status` with this thread's gemmconv_last_error().
[[noreturn]] void raise_last_error(int status);

inline void check(int status) {
  if (status != GEMMCONV_OK) raise_last_error(status);
}

// Calls a function of the C interface while other Python threads run; `call` returns its status.
template <class Call>
void without_gil(const Call &call) {
  int status;
  {
    const py::gil_scoped_release released;
    status = call();
  }
  check(status);
}

void bind_errors(py::module_ &module);

}  // namespace gemmconv::binding
