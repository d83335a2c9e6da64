# Programs that test the library from C++, run by the Python tests and by cpp/instrumented.sh, and kernels_bench, run by
# bench/kernels.py. The two of the kernels look at what the library hides, so they are linked from its objects.
set(GEMMCONV_TEST_PROGRAMS "kernels_test;kernels_bench;threads_test" CACHE STRING "Which of them a plain build makes")
get_target_property(libraries gemmconv LINK_LIBRARIES)
foreach(program kernels_test kernels_bench)
  add_executable(${program} cpp/tests/${program}.cpp $<TARGET_OBJECTS:gemmconv>)
  target_include_directories(${program} PRIVATE cpp/src)
  target_link_libraries(${program} PRIVATE ${libraries})
  target_compile_definitions(${program} PRIVATE $<TARGET_PROPERTY:gemmconv,COMPILE_DEFINITIONS>)
endforeach()
target_sources(kernels_test PRIVATE cpp/tests/depthwise_kernels_test.cpp cpp/tests/pool_kernels_test.cpp
                                    cpp/tests/pool_variants_test.cpp cpp/tests/panel_kernels_test.cpp cpp/tests/lanes_kernels_test.cpp)

add_executable(threads_test cpp/tests/threads_test.cpp)
target_link_libraries(threads_test PRIVATE gemmconv Threads::Threads)

foreach(program kernels_test kernels_bench threads_test)
  target_include_directories(${program} PRIVATE cpp/include)
  target_compile_options(${program} PRIVATE -Wall -Wextra)
  instrument(${program})
  if(NOT program IN_LIST GEMMCONV_TEST_PROGRAMS)
    set_target_properties(${program} PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
endforeach()
