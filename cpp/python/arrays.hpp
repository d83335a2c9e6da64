// NumPy arrays: what is taken, in which order it is read, and where the answer is written.
#pragma once

#include <pybind11/numpy.h>

#include <initializer_list>

#include "arguments.hpp"

namespace gemmconv::binding {

// Element types, numbered as in gemmconv.h; the indices of pooling are int64.
constexpr int32_t int64_dtype = -1;
const char *dtype_name(int32_t dtype);
size_t dtype_bytes(int32_t dtype);
// float32 or float64 from a dtype or whatever NumPy makes one of, in any byte order.
int32_t read_dtype(py::handle value);

// A checked ndarray argument. It borrows the object, which its caller holds.
class Array {
 public:
  Array(py::handle object, const char *name);  // float32 or float64
  // As above, of the same dtype as `other`.
  Array(py::handle object, const char *name, const Array &other);
  static Array of_indices(py::handle object, const char *name);

  const char *name;
  int32_t dtype;

  int ndim() const { return py::detail::array_proxy(object_)->nd; }
  int64_t size(int axis) const { return py::detail::array_proxy(object_)->dimensions[axis]; }
  char *data() const { return py::detail::array_proxy(object_)->data; }
  PyObject *object() const { return object_; }
  int64_t count() const;  // of elements
  size_t bytes() const { return static_cast<size_t>(count()) * dtype_bytes(dtype); }
  Shape shape() const;
  bool has_shape(const Shape &expected) const;

  bool in_order() const { return in_order_; }  // C-contiguous, aligned, in the machine's byte order
  size_t copy_bytes() const { return in_order_ ? 0 : bytes(); }

 private:
  Array(py::handle object, const char *name, int32_t dtype);
  PyObject *object_;
  bool in_order_;
};

// Raises unless `array` has `expected`; `why` is called for the end of the sentence, after "expected (2, 3), ".
template <class Why>
void check_shape(const Array &array, const Shape &expected, const Why &why) {
  if (array.has_shape(expected)) return;
  wrong_value(array.name, " has shape ", text(array.shape()), "; expected ", text(expected), ", ", why());
}

// An array's elements in C order: its own memory, or a copy that lives as long as this.
class Ordered {
 public:
  explicit Ordered(const Array &array);
  const void *data() const { return data_; }

 private:
  py::object copy_;
  const void *data_;
};

py::object new_array(int32_t dtype, const Shape &shape);  // its elements unset

// The answer: a new array, or the user's `out`. While that overlaps an input, the answer is made elsewhere and copied.
class Output {
 public:
  Output(py::handle out, int32_t dtype, const Shape &shape, std::initializer_list<const Array *> inputs);
  void *data() const { return data_; }
  size_t copy_bytes() const { return copy_ ? bytes_ : 0; }
  py::object finish();

 private:
  py::object array_, copy_;
  void *data_;
  size_t bytes_ = 0;
};

}  // namespace gemmconv::binding
