// What every C function shares: exceptions become statuses, and structs are copied by their own size, so that a program
// built against an older header, whose structs are shorter, keeps working.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>
#include <new>

#include "../check.hpp"
#include "../plan.hpp"
#include "gemmconv/gemmconv.h"

namespace gemmconv {

// Stores the message as this thread's last error and returns the status.
int fail(int status, const char *message) noexcept;

// Runs body(), which may throw, and returns the status of what it throws.
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

// A copy of `given` at today's size. Members that an older caller's struct lacks have the value that `init` gives.
template <class Struct>
Struct read(const Struct *given, size_t least_bytes, void (*init)(Struct *), const char *name) {
  require(given != nullptr, name, " is NULL");
  require(given->struct_size >= least_bytes, name, "->struct_size is ", given->struct_size, "; expected at least ",
          least_bytes, " (was it filled by the init function?)");
  Struct result;
  init(&result);
  std::memcpy(&result, given, std::min(given->struct_size, sizeof(Struct)));
  result.struct_size = sizeof(Struct);
  return result;
}

// `activation` and what follows it are younger than the first version of the struct.
inline gemmconv_problem read(const gemmconv_problem *problem) {
  return read(problem, offsetof(gemmconv_problem, activation), gemmconv_problem_init, "problem");
}
inline gemmconv_pool read(const gemmconv_pool *pool) {
  return read(pool, sizeof(gemmconv_pool), gemmconv_pool_init, "pool");
}
// NULL stands for the defaults.
inline gemmconv_settings read(const gemmconv_settings *settings) {
  if (settings) return read(settings, sizeof(gemmconv_settings), gemmconv_settings_init, "settings");
  gemmconv_settings defaults;
  gemmconv_settings_init(&defaults);
  return defaults;
}

// Applies change(full) to a full-size copy of the caller's struct and writes back as many bytes as the caller has. The
// struct stays as it was if `change` throws.
template <class Struct, class Change>
int update(Struct *given, const Change &change) {
  return guarded([&] {
    Struct full = read(given);
    change(full);
    const size_t size = given->struct_size;
    std::memcpy(given, &full, std::min(size, sizeof(Struct)));
    given->struct_size = size;
  });
}

// NULL is an error, except for an array without elements.
inline void check_pointer(const void *pointer, int64_t elements, const char *name) {
  require(pointer != nullptr || elements == 0, name, " is NULL");
}

}  // namespace gemmconv
