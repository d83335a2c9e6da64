// The border between C++ and C: structs are copied in by their own size, exceptions become statuses.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>

#include "../check.hpp"
#include "../plan.hpp"
#include "gemmconv/gemmconv.h"

namespace gemmconv {

// Remembers this thread's last error and returns the status.
int fail(int status, const char *message) noexcept;

// Runs a body that may throw and turns what it throws into a status.
template <class Body>
int guarded(const Body &body) noexcept {
  try {
    body();
    return GEMMCONV_OK;
  } catch (const Error &error) {
    return fail(static_cast<int>(error.status), error.what());
  } catch (const std::bad_alloc &) {
    return fail(GEMMCONV_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception &error) {
    return fail(GEMMCONV_INTERNAL, error.what());
  } catch (...) {
    return fail(GEMMCONV_INTERNAL, "unknown error");
  }
}

// A struct of today's size from one that an older program may have made smaller; and back.
template <class Struct>
Struct whole(const Struct *given, size_t least_bytes, void (*init)(Struct *), const char *name) {
  require(given != nullptr, name, " is NULL");
  require(given->struct_size >= least_bytes, name, "->struct_size is ", given->struct_size, "; expected at least ",
          least_bytes, " (was it filled by the init function?)");
  Struct result;
  init(&result);
  std::memcpy(&result, given, std::min(given->struct_size, sizeof(Struct)));
  result.struct_size = sizeof(Struct);
  return result;
}

template <class Struct>
void give_back(Struct *given, const Struct &result) {
  const size_t size = given->struct_size;
  std::memcpy(given, &result, std::min(size, sizeof(Struct)));
  given->struct_size = size;
}

inline gemmconv_problem read(const gemmconv_problem *problem) {
  return whole(problem, offsetof(gemmconv_problem, activation), gemmconv_problem_init, "problem");
}
inline gemmconv_pool read(const gemmconv_pool *pool) {
  return whole(pool, sizeof(gemmconv_pool), gemmconv_pool_init, "pool");
}
inline gemmconv_settings read(const gemmconv_settings *settings) {
  if (settings) return whole(settings, sizeof(gemmconv_settings), gemmconv_settings_init, "settings");
  gemmconv_settings defaults;
  gemmconv_settings_init(&defaults);
  return defaults;
}

inline int threads_of(const gemmconv_settings *settings) { return resolve(read(settings)).threads; }

inline void check_pointer(const void *pointer, int64_t elements, const char *name) {
  require(pointer != nullptr || elements == 0, name, " is NULL");
}

// Calls body(T()) with the type of the dtype.
template <class Body>
void with_type(int32_t dtype, const Body &body) {
  if (dtype == GEMMCONV_FLOAT32) {
    body(float());
  } else {
    body(double());
  }
}

template <class T>
const T *input(const void *data) {
  return static_cast<const T *>(data);
}
template <class T>
T *output(void *data) {
  return static_cast<T *>(data);
}

}  // namespace gemmconv
