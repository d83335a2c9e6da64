// Running parts of a call on several threads: the only OpenMP pragmas of the library. Built with GEMMCONV_STD_THREADS
// (for ThreadSanitizer, which does not know libgomp, and for compilers without OpenMP) std::thread does the same.
#pragma once

#include <cstdint>

#if defined(GEMMCONV_STD_THREADS)
#include <thread>
#include <vector>
#endif

namespace gemmconv {

// Threads a call uses when it asks for none: GEMMCONV_NUM_THREADS, else OpenMP's own setting (OMP_NUM_THREADS,
// omp_set_num_threads, threadpoolctl). 1 in a child after fork, where libgomp cannot restart its team, and inside
// somebody's parallel region.
int default_threads();
// True in a process forked from one that had this library loaded.
bool forked();
// "openmp" or "std::thread"
const char *thread_executor();

// A global of this type keeps a lock out of a fork: `lock` runs before it, `unlock` after it in parent and child.
struct ForkSafe {
  ForkSafe(void (*lock)(), void (*unlock)());
};

// Runs body(part) for part = 0 .. parts-1, each once, at most `parts` at a time. Whatever the body computes must not
// depend on which thread runs a part.
template <class Body>
void parallel(int parts, const Body &body) {
  if (parts <= 1 || forked()) {
    for (int part = 0; part < parts; ++part) body(part);
    return;
  }
#if defined(GEMMCONV_STD_THREADS)
  std::vector<std::thread> team;
  team.reserve(parts - 1);
  for (int part = 1; part < parts; ++part) team.emplace_back([&body, part] { body(part); });
  body(0);
  for (std::thread &thread : team) thread.join();
#else
#pragma omp parallel for schedule(static, 1) num_threads(parts)
  for (int part = 0; part < parts; ++part) body(part);
#endif
}

// Splits [0, count) into at most `threads` even runs and calls body(begin, end) for each.
template <class Body>
void parallel_ranges(int threads, int64_t count, const Body &body) {
  const int parts = static_cast<int>(count < threads ? (count > 0 ? count : 0) : threads);
  parallel(parts, [&](int part) { body(count * part / parts, count * (part + 1) / parts); });
}

}  // namespace gemmconv
