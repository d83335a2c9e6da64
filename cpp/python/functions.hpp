// The functions of the module, a file each.
#pragma once

#include "errors.hpp"

namespace gemmconv::binding {

void bind_convolution(py::module_ &module);
void bind_patches(py::module_ &module);
void bind_pooling(py::module_ &module);
void bind_unpooling(py::module_ &module);
void bind_activations(py::module_ &module);
void bind_readers(py::module_ &module);
void bind_facts(py::module_ &module);

}  // namespace gemmconv::binding
