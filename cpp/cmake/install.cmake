# The prefix, the same inside the Python package and anywhere else: include/gemmconv, lib/libgemmconv, lib/cmake, lib/pkgconfig.
# Nothing in it names an absolute path.
include(CMakePackageConfigHelpers)
set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/gemmconv)

install(TARGETS gemmconv EXPORT gemmconv
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY cpp/include/gemmconv DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
# No dependency of the library shows in its interface, so the exported target is the whole configuration.
install(EXPORT gemmconv NAMESPACE gemmconv:: FILE gemmconvConfig.cmake DESTINATION ${config_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/gemmconvConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/gemmconvConfigVersion.cmake DESTINATION ${config_dir})

string(REGEX REPLACE "[^/]+" ".." pc_to_prefix "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
configure_file(cpp/cmake/gemmconv.pc.in gemmconv.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/gemmconv.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
