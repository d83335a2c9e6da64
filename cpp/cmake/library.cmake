# How libgemmconv is compiled and linked: flags, threads, sanitizers, and the symbols it shows.
set_target_properties(gemmconv PROPERTIES EXPORT_NAME gemmconv INTERPROCEDURAL_OPTIMIZATION OFF)
if(NOT in_wheel)  # a wheel holds no symbolic links, and has a version of its own
  set_target_properties(gemmconv PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
endif()
target_include_directories(gemmconv
  PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/cpp/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
  PRIVATE ${PROJECT_SOURCE_DIR}/cpp/src)
target_compile_features(gemmconv PRIVATE cxx_std_17)
target_compile_definitions(gemmconv PRIVATE GEMMCONV_BUILDING)
# errno and floating-point traps are not part of the interface, and keep loops from being vectorised. Never -ffast-math:
# NaN, infinities and the order of additions are part of it.
target_compile_options(gemmconv PRIVATE -Wall -Wextra -fno-math-errno -fno-trapping-math)

# Only the C interface is exported.
if(APPLE)
  target_link_options(gemmconv PRIVATE "LINKER:-exported_symbol,_gemmconv_*")
else()
  set(export_map ${PROJECT_SOURCE_DIR}/cpp/cmake/exports.map)
  target_link_options(gemmconv PRIVATE "LINKER:--version-script=${export_map}")
  if(NOT GEMMCONV_SANITIZE)  # whose run time is found when the program starts
    target_link_options(gemmconv PRIVATE "LINKER:-z,defs")
  endif()
  set_target_properties(gemmconv PROPERTIES LINK_DEPENDS ${export_map})
endif()

find_package(Threads REQUIRED)
target_link_libraries(gemmconv PRIVATE Threads::Threads)
set(GEMMCONV_THREADS_FOUND "std::thread")
if(GEMMCONV_OPENMP AND NOT GEMMCONV_SANITIZE MATCHES "thread")  # ThreadSanitizer does not know libgomp
  find_package(OpenMP COMPONENTS CXX)
  if(OpenMP_CXX_FOUND)
    target_link_libraries(gemmconv PRIVATE OpenMP::OpenMP_CXX)
    set(GEMMCONV_THREADS_FOUND "OpenMP")
  endif()
endif()
if(GEMMCONV_THREADS_FOUND STREQUAL "std::thread")
  target_compile_definitions(gemmconv PRIVATE GEMMCONV_STD_THREADS)
endif()

instrument(gemmconv)
