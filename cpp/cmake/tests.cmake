# Programs that test the library from C++, run by the Python tests and by cpp/instrumented.sh. kernels_test looks at what the
# library hides, so it is linked from its objects.
add_executable(kernels_test cpp/tests/kernels_test.cpp cpp/tests/depthwise_kernels_test.cpp
               $<TARGET_OBJECTS:gemmconv>)
target_include_directories(kernels_test PRIVATE cpp/src)
get_target_property(libraries gemmconv LINK_LIBRARIES)
target_link_libraries(kernels_test PRIVATE ${libraries})
target_compile_definitions(kernels_test PRIVATE $<TARGET_PROPERTY:gemmconv,COMPILE_DEFINITIONS>)

add_executable(threads_test cpp/tests/threads_test.cpp)
target_link_libraries(threads_test PRIVATE gemmconv Threads::Threads)

foreach(program kernels_test threads_test)
  target_include_directories(${program} PRIVATE cpp/include)
  target_compile_options(${program} PRIVATE -Wall -Wextra)
  instrument(${program})
endforeach()
