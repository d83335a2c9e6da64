// Python's numbers, sequences and words, read into C. Every mistake raises a sentence: what was given, what was expected.
#pragma once

#include <array>
#include <cstdint>

#include "errors.hpp"

namespace gemmconv::binding {

// A whole shape; the first `ndim` sizes count. NumPy arrays have at most 64 axes.
struct Shape {
  static constexpr int max_ndim = 64;
  int32_t ndim = 0;
  std::array<int64_t, max_ndim> sizes;

  void append(int64_t size) { sizes[ndim++] = size; }
};

bool operator==(const Shape &a, const Shape &b);
std::string text(const Shape &shape);  // "(2, 3)"
py::tuple tuple_of(const int64_t *sizes, int count);

// The argument's name is a C string so that nothing is built before something is wrong.
int64_t read_int(py::handle value, const char *name);
bool read_bool(py::handle value, const char *name);
double read_number(py::handle value, const char *name);
Shape read_shape(py::handle value, const char *name, const char *meaning);

// An int for all axes, one per axis, or a sequence of length 1.
void read_axes(py::handle value, const char *name, int rank, int64_t *sizes);

constexpr int32_t no_word = -1;
// As read_axes, or one (low, high) pair per axis; a padding word is returned and leaves low and high alone.
int32_t read_padding(py::handle value, int rank, int64_t *low, int64_t *high);

int32_t read_layout(py::handle value);
int32_t read_activation(py::handle value);  // None is the identity
int32_t read_pass(py::handle value);
int32_t read_math(py::handle value);
const char *read_strategy(py::handle value);  // its text, which lives as long as `value`

const char *layout_name(int32_t layout);
const char *pass_name(int32_t pass);
const char *math_name(int32_t math);
const char *activation_name(int32_t activation);  // null for the identity
py::tuple activation_names();

}  // namespace gemmconv::binding
