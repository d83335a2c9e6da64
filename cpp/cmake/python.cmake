# gemmconv._core: thin bindings that link libgemmconv, found beside the module at run time.
find_package(Python 3.11 REQUIRED COMPONENTS Interpreter Development.Module)
find_package(pybind11 CONFIG REQUIRED)
pybind11_add_module(_core MODULE NO_EXTRAS
  cpp/python/activations.cpp
  cpp/python/arguments.cpp
  cpp/python/arrays.cpp
  cpp/python/convolution.cpp
  cpp/python/errors.cpp
  cpp/python/facts.cpp
  cpp/python/geometry.cpp
  cpp/python/module.cpp
  cpp/python/options.cpp
  cpp/python/patches.cpp
  cpp/python/plan.cpp
  cpp/python/pooling.cpp
  cpp/python/readers.cpp
  cpp/python/settings.cpp
  cpp/python/unpooling.cpp)
target_link_libraries(_core PRIVATE gemmconv)
target_compile_options(_core PRIVATE -Wall -Wextra)
instrument(_core)
if(APPLE)
  set_target_properties(_core PROPERTIES INSTALL_RPATH "@loader_path/lib")
else()
  set_target_properties(_core PROPERTIES INSTALL_RPATH "$ORIGIN/lib")
endif()
install(TARGETS _core LIBRARY DESTINATION .)
