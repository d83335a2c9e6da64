// What convolution and pooling share: enumerations, errors, numbers per axis, settings. gemmconv.h says what each
// enumerator means.
#ifndef GEMMCONV_SETTINGS_HPP
#define GEMMCONV_SETTINGS_HPP

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "gemmconv.h"

namespace gemmconv {

// Sizes along every axis of an array, in the layout of the call.
using Shape = std::vector<int64_t>;

enum class Pass : int32_t {
  forward = GEMMCONV_FORWARD,
  backward_input = GEMMCONV_BACKWARD_INPUT,
  backward_weight = GEMMCONV_BACKWARD_WEIGHT
};
enum class DType : int32_t { float32 = GEMMCONV_FLOAT32, float64 = GEMMCONV_FLOAT64 };
enum class Layout : int32_t { nchw = GEMMCONV_NCHW, nhwc = GEMMCONV_NHWC };
enum class Math : int32_t { fast = GEMMCONV_MATH_FAST, strict = GEMMCONV_MATH_STRICT };
enum class Padding : int32_t {
  valid = GEMMCONV_VALID,
  same = GEMMCONV_SAME,
  same_lower = GEMMCONV_SAME_LOWER,
  full = GEMMCONV_FULL
};
enum class Activation : int32_t {
  identity = GEMMCONV_IDENTITY,
  relu = GEMMCONV_RELU,
  leaky_relu = GEMMCONV_LEAKY_RELU,
  sigmoid = GEMMCONV_SIGMOID,
  tanh = GEMMCONV_TANH,
  softplus = GEMMCONV_SOFTPLUS,
  gelu = GEMMCONV_GELU
};

// What every function here throws: the C status, and in what() the sentence of gemmconv_last_error().
class Error : public std::runtime_error {
 public:
  Error(int status, const std::string &message) : std::runtime_error(message), status_(status) {}
  // GEMMCONV_INVALID_ARGUMENT, GEMMCONV_UNSUPPORTED, GEMMCONV_OUT_OF_MEMORY or GEMMCONV_INTERNAL.
  int status() const noexcept { return status_; }

 private:
  int status_;
};

// Throws Error unless `status`, which a C function returned on this thread, is GEMMCONV_OK.
inline void check(int status) {
  if (status != GEMMCONV_OK) throw Error(status, gemmconv_last_error());
}

// The dtype of T, float or double.
template <class T>
constexpr DType dtype_of() {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>, "gemmconv computes in float and double");
  return std::is_same_v<T, float> ? DType::float32 : DType::float64;
}

// One number for every spatial axis, or one number per axis, in elements.
class PerAxis {
 public:
  PerAxis(int64_t value) : values_{value} {}
  PerAxis(Shape values) : values_(std::move(values)) {}
  PerAxis(std::initializer_list<int64_t> values) : values_(values) {}

  // Writes the first `rank` entries of `target`. `name` is what the error message calls these numbers.
  void fill(int64_t (&target)[3], size_t rank, const char *name) const {
    if (rank > 3 || (values_.size() != 1 && values_.size() != rank)) {
      throw Error(GEMMCONV_INVALID_ARGUMENT, std::string(name) + " has " + std::to_string(values_.size()) +
                                                 " entries for " + std::to_string(rank) + " spatial axes");
    }
    for (size_t i = 0; i < rank; ++i) target[i] = values_[values_.size() == 1 ? 0 : i];
  }

 private:
  Shape values_;
};

// How a call computes; setters may be chained. Values are checked by the call that is given them.
class Settings {
 public:
  Settings() { gemmconv_settings_init(&settings_); }
  // "auto", "measure", a strategy, or one variant: "implicit/bands". Read by Plan only.
  Settings &strategy(std::string name) { return strategy_ = std::move(name), *this; }
  // At most GEMMCONV_MAX_THREADS; 0: the process's default.
  Settings &threads(int count) { return settings_.threads = count, *this; }
  // Math::strict: only strategies whose error is bounded for each output by itself.
  Settings &math(Math math) { return settings_.math = static_cast<int32_t>(math), *this; }
  // Bits do not depend on the number of threads, nor an image's on its batch.
  Settings &deterministic(bool on = true) { return settings_.deterministic = on, *this; }
  // Of scratch memory that one call may use.
  Settings &workspace_limit(size_t bytes) { return settings_.workspace_limit = bytes, *this; }

  // The C struct. Its `strategy` points into this object, which must outlive it.
  gemmconv_settings c() const {
    gemmconv_settings result = settings_;
    result.strategy = strategy_.c_str();
    return result;
  }

 private:
  gemmconv_settings settings_;
  std::string strategy_ = "auto";
};

namespace detail {

inline size_t spatial_rank(const Shape &shape) { return shape.size() < 2 ? 0 : shape.size() - 2; }

// What Problem and Pool share: a padding that is numbers, or a padding word (-1: none).
struct AnyPadding {
  PerAxis low = 0, high = 0;
  int32_t word = -1;
};

}  // namespace detail

}  // namespace gemmconv

#endif
