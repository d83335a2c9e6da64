// The settings a call is made under: the Python class, and its C form.
#pragma once

#include "errors.hpp"

namespace gemmconv::binding {

struct Settings {
  int32_t threads = 0;  // 0: None, the process's default
  int32_t math = GEMMCONV_MATH_FAST;
  bool deterministic = false;
  size_t workspace_limit = 0;  // bytes

  // The C form, its limit reduced by the bytes that copies of the arrays already take. Deterministic calls have the
  // whole limit: copies grow with the batch, and what is left for a strategy would choose other bits for an image in a
  // larger one.
  gemmconv_settings without_copies(size_t copied_bytes, const char *strategy = nullptr) const {
    gemmconv_settings settings;
    gemmconv_settings_init(&settings);
    settings.strategy = strategy;
    settings.threads = threads;
    settings.math = math;
    settings.deterministic = deterministic;
    if (deterministic) copied_bytes = 0;
    settings.workspace_limit = copied_bytes < workspace_limit ? workspace_limit - copied_bytes : 0;
    return settings;
  }
};

void bind_settings(py::module_ &module);

}  // namespace gemmconv::binding
