// How far a loop over memory is worth splitting: below some tens of thousands of elements a thread more costs its start.
#pragma once

#include <algorithm>
#include <cstdint>

namespace gemmconv {

// At most `threads`, one more per 16384 elements touched: waking a thread takes some microseconds, in which one core
// moves about that many.
inline int threads_for(int threads, int64_t elements) {
  return static_cast<int>(std::min<int64_t>(threads, 1 + elements / 16384));
}

}  // namespace gemmconv
