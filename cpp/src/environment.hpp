// What the environment variables said when the library was loaded.
#pragma once

#include "gemmconv/gemmconv.h"

namespace gemmconv {

inline constexpr int max_threads = GEMMCONV_MAX_THREADS;

// A sentence about a GEMMCONV_NUM_THREADS that was not understood, or nullptr.
const char *threads_error();

}  // namespace gemmconv
