// The one template by which C functions reach the core's functions on arrays. For gemmconv_avg_pool it reads the pool,
// checks its geometry, checks x and y, resolves the settings' threads, and calls avg_pool of the pool's type:
//
//   return call(pool, settings, windows, avg_pool<float>, avg_pool<double>, array("x", x), array("y", y));
#pragma once

#include <type_traits>

#include "boundary.hpp"

namespace gemmconv {

// An argument of a C function that is handed on to the core.
template <class Value>
struct Argument {
  Value value;
  const char *name;  // for the error message; nullptr: not a pointer that is checked
  bool always;       // must not be NULL even where the batch is empty
};

// An array whose size is a multiple of the batch: may be NULL where the batch is empty.
template <class T>
Argument<T *> array(const char *name, T *pointer) {
  return {pointer, name, false};
}
// An array that has elements whatever the batch.
template <class T>
Argument<T *> array_of_any_batch(const char *name, T *pointer) {
  return {pointer, name, true};
}
// A number, or an array that may be NULL.
template <class Value>
Argument<Value> unchecked(Value value) {
  return {value, nullptr, false};
}

template <class Value>
void check(const Argument<Value> &argument, int64_t elements) {
  if constexpr (std::is_pointer_v<Value>) {
    if (argument.name) check_pointer(argument.value, argument.always ? 1 : elements, argument.name);
  }
}

// Checks the arguments in order, then calls the function of `dtype`, which takes `subject` (a geometry or an activation),
// the number of threads and the arguments, whose void pointers become pointers to its own element type.
template <class First, class... Float, class... Double, class Subject, class... Values>
void call_typed(DType dtype, const gemmconv_settings *settings, const Subject &subject, int64_t elements,
                void (*float32)(First, int, Float...), void (*float64)(First, int, Double...),
                const Argument<Values> &...arguments) {
  (check(arguments, elements), ...);
  const int threads = resolve(read(settings)).threads;
  switch (dtype) {
    case DType::float32: return float32(subject, threads, static_cast<Float>(arguments.value)...);
    case DType::float64: return float64(subject, threads, static_cast<Double>(arguments.value)...);
  }
}

// The template above for `given`, a gemmconv_problem or gemmconv_pool. geometry_of(full) returns its geometry, or throws.
template <class Struct, class GeometryOf, class First, class... Float, class... Double, class... Values>
int call(const Struct *given, const gemmconv_settings *settings, const GeometryOf &geometry_of,
         void (*float32)(First, int, Float...), void (*float64)(First, int, Double...),
         const Argument<Values> &...arguments) {
  return guarded([&] {
    Struct full = read(given);
    const auto geometry = geometry_of(full);
    call_typed(static_cast<DType>(full.dtype), settings, geometry, geometry.batch, float32, float64, arguments...);
  });
}

}  // namespace gemmconv
