# What libgemmconv is made of. The files of kernels/isa/ are compiled with the flags of the instruction set that they are
# named for; everything else stays at the compiler's baseline.
target_sources(gemmconv PRIVATE
  cpp/src/activations.cpp
  cpp/src/c_api/arrays.cpp
  cpp/src/c_api/facts.cpp
  cpp/src/c_api/plan.cpp
  cpp/src/c_api/pooling.cpp
  cpp/src/c_api/problem.cpp
  cpp/src/choose.cpp
  cpp/src/explain.cpp
  cpp/src/geometry.cpp
  cpp/src/plan.cpp
  cpp/src/plan_cache.cpp
  cpp/src/threads.cpp
  cpp/src/tuning_store.cpp
  cpp/src/workspace.cpp
  cpp/src/gemm/blas.cpp
  cpp/src/gemm/gemm.cpp
  cpp/src/kernels/kernels.cpp
  cpp/src/kernels/isa/portable.cpp
  cpp/src/patches/patches.cpp
  cpp/src/patches/patch_panel.cpp
  cpp/src/patches/patches_nhwc.cpp
  cpp/src/pooling/average.cpp
  cpp/src/pooling/average_backward.cpp
  cpp/src/pooling/lp.cpp
  cpp/src/pooling/lp_backward.cpp
  cpp/src/pooling/max.cpp
  cpp/src/pooling/unpool.cpp
  cpp/src/strategies/depthwise/depthwise.cpp
  cpp/src/strategies/depthwise/cost.cpp
  cpp/src/strategies/depthwise/channels.cpp
  cpp/src/strategies/depthwise/plane_windows.cpp
  cpp/src/strategies/depthwise/planes.cpp
  cpp/src/strategies/depthwise/planes_weight.cpp
  cpp/src/strategies/depthwise/padded_group.cpp
  cpp/src/strategies/depthwise/padded.cpp
  cpp/src/strategies/depthwise/padded_weight.cpp
  cpp/src/strategies/direct/direct.cpp
  cpp/src/strategies/direct/loops_nchw.cpp
  cpp/src/strategies/direct/loops_nhwc.cpp
  cpp/src/strategies/im2col/im2col.cpp
  cpp/src/strategies/im2col/cost.cpp
  cpp/src/strategies/im2col/grouped.cpp
  cpp/src/strategies/im2col/lowered.cpp
  cpp/src/strategies/im2col/wide.cpp
  cpp/src/strategies/implicit/band_layout.cpp
  cpp/src/strategies/implicit/bands.cpp
  cpp/src/strategies/implicit/cost.cpp
  cpp/src/strategies/implicit/implicit.cpp
  cpp/src/strategies/implicit/panel_layout.cpp
  cpp/src/strategies/implicit/panels.cpp
  cpp/src/strategies/implicit/pixels.cpp
  cpp/src/strategies/implicit/rows.cpp
  cpp/src/strategies/implicit/weight_bands.cpp
  cpp/src/strategies/implicit/weight_layout.cpp
  cpp/src/strategies/implicit/weight_panels.cpp
  cpp/src/strategies/implicit/weight_rows.cpp
  cpp/src/strategies/implicit/weight_views.cpp
  cpp/src/strategies/strategies.cpp
  cpp/src/strategies/variant.cpp)

set(GEMMCONV_KERNELS_FOUND portable)
set_source_files_properties(cpp/src/kernels/isa/portable.cpp PROPERTIES COMPILE_OPTIONS -ffp-contract=fast)

# add_kernels(name flags...): cpp/src/kernels/isa/<name>.cpp, compiled for one instruction set.
function(add_kernels name)
  target_sources(gemmconv PRIVATE cpp/src/kernels/isa/${name}.cpp)
  set_source_files_properties(cpp/src/kernels/isa/${name}.cpp PROPERTIES COMPILE_OPTIONS "${ARGN};-ffp-contract=fast")
  set(GEMMCONV_KERNELS_FOUND "${GEMMCONV_KERNELS_FOUND} ${name}" PARENT_SCOPE)
endfunction()

set(machine "${CMAKE_SYSTEM_PROCESSOR}")
if(CMAKE_OSX_ARCHITECTURES)
  set(machine "${CMAKE_OSX_ARCHITECTURES}")
endif()
if(machine MATCHES "^(x86_64|AMD64|amd64)$")
  add_kernels(avx2 -mavx2 -mfma)
  add_kernels(avx512 -mavx512f -mavx512vl -mavx512dq -mavx512bw -mfma -mprefer-vector-width=512)
elseif(machine MATCHES "^(aarch64|arm64)$")
  add_kernels(neon)
endif()
