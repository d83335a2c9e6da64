// The options of one call, as Python gave them: ConvOptions and PoolOptions.
//
// The public functions make one at every call, so they are plain C types with a vectorcall constructor: it takes 0.07
// microseconds, a NamedTuple of as many fields 0.26 (EPYC, Python 3.11, 2026-11-25), the smallest convolution 1.8.
#pragma once

#include <cstring>

#include "errors.hpp"
#include "settings.hpp"

namespace gemmconv::binding {

// What every pass of a convolution shares. The fields stand in the order of the constructor's arguments.
struct ConvOptions {
  static constexpr const char *type_name = "gemmconv._core.ConvOptions";
  static constexpr const char *names[] = {"stride", "padding", "dilation", "groups",
                                          "flip",   "layout",  "strategy", "settings"};
  py::handle stride, padding, dilation, groups, flip, layout, strategy, settings;
};

// What every pooling with windows shares; `stride` may be None.
struct PoolOptions {
  static constexpr const char *type_name = "gemmconv._core.PoolOptions";
  static constexpr const char *names[] = {"kernel_size", "stride", "padding", "dilation",
                                          "ceil_mode",   "layout", "settings"};
  py::handle kernel_size, stride, padding, dilation, ceil_mode, layout, settings;
};

// The fields of a Python object of these types, which must outlive them; TypeError for any other object.
ConvOptions read_conv_options(py::handle value);
PoolOptions read_pool_options(py::handle value);

const Settings &read_settings(py::handle value);

void bind_options(py::module_ &module);

}  // namespace gemmconv::binding
