# instrument(target): sanitizers and line counting, where they are asked for.
function(instrument target)
  if(GEMMCONV_SANITIZE)
    # Line numbers are all that a report needs; -g instead of -g1 makes a table of kernels a third slower to compile.
    target_compile_options(${target} PRIVATE
      -fsanitize=${GEMMCONV_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
    target_link_options(${target} PRIVATE -fsanitize=${GEMMCONV_SANITIZE})
  endif()
  if(GEMMCONV_COVERAGE)
    target_compile_options(${target} PRIVATE --coverage)
    target_link_options(${target} PRIVATE --coverage)
  endif()
endfunction()
