// The default number of threads, and what happens to it in a forked child.
#include "threads.hpp"

#include <cstdlib>
#include <string>

#include "check.hpp"
#include "environment.hpp"

#if !defined(_WIN32)
#include <pthread.h>
#endif
#if !defined(GEMMCONV_STD_THREADS)
#include <omp.h>
#endif

namespace gemmconv {
namespace {

bool in_forked_child = false;  // written once, in a child that has a single thread

struct ForkWatch {
  ForkWatch() {
#if !defined(_WIN32)
    pthread_atfork(nullptr, nullptr, [] { in_forked_child = true; });
#endif
  }
};
const ForkWatch fork_watch;

// GEMMCONV_NUM_THREADS, read once: 0 when unset or not understood.
struct ThreadsVariable {
  int threads = 0;
  std::string error;
  ThreadsVariable() {
    const char *text = std::getenv("GEMMCONV_NUM_THREADS");
    if (!text || !*text) return;
    char *end = nullptr;
    const long value = std::strtol(text, &end, 10);
    if (*end == 0 && value >= 1 && value <= max_threads) {
      threads = static_cast<int>(value);
    } else {
      error = say("GEMMCONV_NUM_THREADS is \"", text, "\"; it must be a whole number from 1 to ", max_threads);
    }
  }
};
const ThreadsVariable &threads_variable() {
  static const ThreadsVariable variable;
  return variable;
}

}  // namespace

ForkSafe::ForkSafe(void (*lock)(), void (*unlock)()) {
#if !defined(_WIN32)
  pthread_atfork(lock, unlock, unlock);
#else
  (void)lock, (void)unlock;
#endif
}

bool forked() { return in_forked_child; }

const char *threads_error() {
  const std::string &error = threads_variable().error;
  return error.empty() ? nullptr : error.c_str();
}

int default_threads() {
  if (in_forked_child) return 1;
#if defined(GEMMCONV_STD_THREADS)
  if (threads_variable().threads) return threads_variable().threads;
  const unsigned count = std::thread::hardware_concurrency();
  return count ? static_cast<int>(count) : 1;
#else
  if (omp_in_parallel()) return 1;
  return threads_variable().threads ? threads_variable().threads : omp_get_max_threads();
#endif
}

const char *thread_executor() {
#if defined(GEMMCONV_STD_THREADS)
  return "std::thread";
#else
  return "openmp";
#endif
}

}  // namespace gemmconv
