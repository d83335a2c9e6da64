// gemmconv for C++17: inline wrappers over the C interface, which stays the ABI. Nothing here is compiled into the library.
//
//   gemmconv::Plan plan(gemmconv::Problem::forward({1, 64, 56, 56}, {64, 64, 3, 3}).padding(1));
//   plan.run(x, w, bias, y);
//
// Functions throw gemmconv::Error, with the C status and a sentence. T is float or double. Arrays are as gemmconv.h says:
// contiguous in C order, and an output must not overlap an input.
#ifndef GEMMCONV_GEMMCONV_HPP
#define GEMMCONV_GEMMCONV_HPP

#include "convolution.hpp"
#include "pooling.hpp"
#include "settings.hpp"

namespace gemmconv {

// a = sigma(z), for `count` elements.
template <class T>
void activate(Activation activation, size_t count, const T *z, T *a, const Settings &settings = {}) {
  const gemmconv_settings c_settings = settings.c();
  check(gemmconv_activate(static_cast<int32_t>(activation), static_cast<int32_t>(dtype_of<T>()), &c_settings,
                          static_cast<int64_t>(count), z, a));
}
// dz = da * sigma'(z), for `count` elements.
template <class T>
void activate_backward(Activation activation, size_t count, const T *da, const T *z, T *dz,
                       const Settings &settings = {}) {
  const gemmconv_settings c_settings = settings.c();
  check(gemmconv_activate_backward(static_cast<int32_t>(activation), static_cast<int32_t>(dtype_of<T>()), &c_settings,
                                   static_cast<int64_t>(count), da, z, dz));
}

// The library's version, "major.minor.patch".
inline std::string version() { return gemmconv_version(); }
// Version, compiler, instruction sets, BLAS, threads and strategies as a JSON object.
inline std::string config_json() { return gemmconv_config_json(); }
// The names of all strategies, in the order of the table.
inline std::vector<std::string> strategies() {
  std::vector<std::string> names;
  for (int32_t i = 0; const char *name = gemmconv_strategy_name(i); ++i) names.emplace_back(name);
  return names;
}

}  // namespace gemmconv

#endif
