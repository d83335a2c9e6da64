# Programs that test what the shared library hides; they are linked from the library's own objects. Run by the Python tests.
add_executable(kernels_test cpp/tests/kernels_test.cpp $<TARGET_OBJECTS:gemmconv>)
target_include_directories(kernels_test PRIVATE cpp/src cpp/include)
get_target_property(libraries gemmconv LINK_LIBRARIES)
target_link_libraries(kernels_test PRIVATE ${libraries})
target_compile_options(kernels_test PRIVATE $<TARGET_PROPERTY:gemmconv,COMPILE_OPTIONS>)
target_compile_definitions(kernels_test PRIVATE $<TARGET_PROPERTY:gemmconv,COMPILE_DEFINITIONS>)
target_link_options(kernels_test PRIVATE $<$<BOOL:${GEMMCONV_SANITIZE}>:-fsanitize=${GEMMCONV_SANITIZE}> $<$<BOOL:${GEMMCONV_COVERAGE}>:--coverage>)
