# Which BLAS gemm/blas.cpp calls, if any:
#   openblas32  the scipy-openblas32 wheel, found through Python; at run time by a path relative to this library
#   system      whatever find_package(BLAS) finds with a CBLAS interface; a vendor's name (OpenBLAS, Intel10_64lp, FLAME,
#               Apple ...) asks for that one
#   none        the library's own blocked GEMM does everything
#   auto        the first of these that is there; outside a Python build never the wheel
set(GEMMCONV_BLAS_FOUND none)

# use_blas(name prefix libraries [kind]): kind is OPENBLAS or MKL where the library can be asked for its threads.
# blas.cpp declares the functions it calls, so that no vendor's header is needed.
macro(use_blas name prefix libraries)
  set(GEMMCONV_BLAS_FOUND "${name}")
  target_link_libraries(gemmconv PRIVATE ${libraries})
  set_property(SOURCE cpp/src/gemm/blas.cpp APPEND PROPERTY COMPILE_DEFINITIONS
    GEMMCONV_HAVE_BLAS "GEMMCONV_BLAS_NAME=\"${name}\"" GEMMCONV_BLAS_PREFIX=${prefix} GEMMCONV_BLAS_SUFFIX=)
  if(NOT "${ARGN}" STREQUAL "")
    set_property(SOURCE cpp/src/gemm/blas.cpp APPEND PROPERTY COMPILE_DEFINITIONS GEMMCONV_BLAS_KIND_${ARGN})
  endif()
endmacro()

function(find_openblas32)
  find_package(Python 3.11 COMPONENTS Interpreter)
  if(NOT Python_FOUND)
    return()
  endif()
  execute_process(
    COMMAND ${Python_EXECUTABLE} -c
      "import importlib.util as u; print(u.find_spec('scipy_openblas32').submodule_search_locations[0])"
    OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(failed)
    return()
  endif()
  find_library(openblas32_library scipy_openblas PATHS ${folder}/lib NO_DEFAULT_PATH NO_CACHE)
  if(openblas32_library)
    set(openblas32_library ${openblas32_library} PARENT_SCOPE)
  endif()
endfunction()

if(GEMMCONV_BLAS STREQUAL "openblas32" AND NOT in_wheel)
  message(FATAL_ERROR "GEMMCONV_BLAS=openblas32 is for Python builds (pip install): an installed prefix must not depend on "
                      "somebody's Python environment. Use system, a vendor's name or none.")
endif()
if(in_wheel AND GEMMCONV_BLAS MATCHES "^(auto|openblas32)$")
  find_openblas32()
  if(openblas32_library)
    use_blas("OpenBLAS (scipy-openblas32)" scipy_ "${openblas32_library}" OPENBLAS)
    if(APPLE)
      set(origin "@loader_path")
    else()
      set(origin "$ORIGIN")
    endif()
    # site-packages/gemmconv/lib -> site-packages/scipy_openblas32/lib
    set_target_properties(gemmconv PROPERTIES INSTALL_RPATH "${origin}/../../scipy_openblas32/lib")
  elseif(GEMMCONV_BLAS STREQUAL "openblas32")
    message(FATAL_ERROR "GEMMCONV_BLAS=openblas32: the Python package scipy-openblas32 is not installed beside ${Python_EXECUTABLE}.")
  endif()
endif()

if(GEMMCONV_BLAS_FOUND STREQUAL "none" AND NOT GEMMCONV_BLAS MATCHES "^(none|openblas32)$")
  if(NOT GEMMCONV_BLAS MATCHES "^(auto|system)$")
    set(BLA_VENDOR ${GEMMCONV_BLAS})
  endif()
  set(BLA_SIZEOF_INTEGER 4)
  find_package(BLAS)
  if(BLAS_FOUND)
    include(CheckFunctionExists)
    set(blas_libraries BLAS::BLAS)
    set(CMAKE_REQUIRED_LIBRARIES ${blas_libraries})
    check_function_exists(cblas_sgemm GEMMCONV_CBLAS_INSIDE)
    if(NOT GEMMCONV_CBLAS_INSIDE)  # Netlib's build keeps the C interface in a library of its own
      find_library(GEMMCONV_CBLAS_LIBRARY cblas)
      if(GEMMCONV_CBLAS_LIBRARY)
        list(PREPEND blas_libraries ${GEMMCONV_CBLAS_LIBRARY})
      endif()
    endif()
    if(GEMMCONV_CBLAS_INSIDE OR GEMMCONV_CBLAS_LIBRARY)
      check_function_exists(openblas_get_num_threads GEMMCONV_BLAS_IS_OPENBLAS)
      check_function_exists(MKL_Get_Max_Threads GEMMCONV_BLAS_IS_MKL)
      set(blas_kind "")
      if(GEMMCONV_BLAS_IS_OPENBLAS)
        set(blas_kind OPENBLAS)
      elseif(GEMMCONV_BLAS_IS_MKL)
        set(blas_kind MKL)
      endif()
      list(GET BLAS_LIBRARIES 0 blas_file)
      get_filename_component(blas_name "${blas_file}" NAME)
      use_blas("${blas_name}" "" "${blas_libraries}" ${blas_kind})
    endif()
    unset(CMAKE_REQUIRED_LIBRARIES)
  endif()
  if(GEMMCONV_BLAS_FOUND STREQUAL "none" AND NOT GEMMCONV_BLAS STREQUAL "auto")
    message(FATAL_ERROR "GEMMCONV_BLAS=${GEMMCONV_BLAS}: find_package(BLAS) found no such library with a C interface (CBLAS, "
                        "32-bit integers). Name its folder in CMAKE_PREFIX_PATH, or build with GEMMCONV_BLAS=none.")
  endif()
endif()
