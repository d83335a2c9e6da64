// Checks NumPy arrays, copies those that are not in C order, and makes the arrays of answers.
#include "arrays.hpp"

#include <algorithm>
#include <cstring>

namespace gemmconv::binding {
namespace {

using py::detail::array_descriptor_proxy;
using py::detail::array_proxy;
using py::detail::npy_api;

constexpr int ordered_flags = npy_api::NPY_ARRAY_C_CONTIGUOUS_ | npy_api::NPY_ARRAY_ALIGNED_;

bool little_endian() {
  const uint16_t one = 1;
  unsigned char first;
  std::memcpy(&first, &one, 1);
  return first == 1;
}

bool has_native_bytes(PyObject *array) {
  const char order = array_descriptor_proxy(array_proxy(array)->descr)->byteorder;
  return order != (little_endian() ? '>' : '<');
}

std::string dtype_text(PyObject *array) { return py::str(py::handle(array_proxy(array)->descr)); }

int numpy_type(int32_t dtype) {
  switch (dtype) {
    case GEMMCONV_FLOAT32: return npy_api::NPY_FLOAT_;
    case GEMMCONV_FLOAT64: return npy_api::NPY_DOUBLE_;
    default: return npy_api::NPY_INT64_;
  }
}

PyObject *check_ndarray(py::handle value, const char *name) {
  PyObject *object = value.ptr();
  PyTypeObject *ndarray = npy_api::get().PyArray_Type_;
  if (Py_TYPE(object) == ndarray) return object;
  if (!PyObject_TypeCheck(object, ndarray)) {
    const char *type = Py_TYPE(object)->tp_name;
    if (value.is_none()) wrong_type(name, " must be a numpy.ndarray; got None");
    wrong_type(name, " must be a numpy.ndarray; got a ", type, ": make one with numpy.asarray(", name, ")");
  }
  // A subclass: memmap, matrix and the like are arrays, but a mask would be ignored without a word.
  if (py::isinstance(value, py::module_::import("numpy.ma").attr("MaskedArray"))) {
    wrong_type(name, " is a numpy.ma.MaskedArray, whose mask would be ignored; fill the masked cells first, with ",
               name, ".filled(0)");
  }
  return object;
}

int32_t float_type(PyObject *array, const char *name) {
  const int number = array_descriptor_proxy(array_proxy(array)->descr)->type_num;
  if (number == npy_api::NPY_FLOAT_) return GEMMCONV_FLOAT32;
  if (number == npy_api::NPY_DOUBLE_) return GEMMCONV_FLOAT64;
  wrong_type(name, " has dtype ", dtype_text(array), "; supported are float32 and float64: convert it with ", name,
             ".astype(numpy.float32)");
}

Shape shape_of(PyObject *array) {
  Shape shape;
  for (int i = 0; i < array_proxy(array)->nd; ++i) shape.append(array_proxy(array)->dimensions[i]);
  return shape;
}

// Elements in C order: their ranges tell whether two arrays share memory.
bool share_memory(const char *a, size_t a_bytes, const char *b, size_t b_bytes) {
  return std::less<>()(a, b + b_bytes) && std::less<>()(b, a + a_bytes);
}

void check_out(PyObject *out, int32_t dtype, const Shape &shape) {
  const py::detail::PyArray_Proxy *array = array_proxy(out);
  if (array_descriptor_proxy(array->descr)->type_num != numpy_type(dtype)) {
    wrong_value("out has dtype ", dtype_text(out), "; expected ", dtype_name(dtype), ", that of the answer");
  }
  if (!(shape_of(out) == shape)) {
    wrong_value("out has shape ", text(shape_of(out)), "; expected ", text(shape), ", that of the answer");
  }
  const char *wrong = nullptr;
  if (!has_native_bytes(out)) wrong = "not in the machine's byte order";
  if (!(array->flags & npy_api::NPY_ARRAY_ALIGNED_)) wrong = "not aligned";
  if (!(array->flags & npy_api::NPY_ARRAY_C_CONTIGUOUS_)) wrong = "not C-contiguous";
  if (!(array->flags & npy_api::NPY_ARRAY_WRITEABLE_)) wrong = "read-only";
  if (wrong) {
    wrong_value("out is ", wrong, "; expected a writeable, C-contiguous, aligned array of ", dtype_name(dtype),
                ", as numpy.empty makes them");
  }
}

}  // namespace

const char *dtype_name(int32_t dtype) {
  switch (dtype) {
    case GEMMCONV_FLOAT32: return "float32";
    case GEMMCONV_FLOAT64: return "float64";
    default: return "int64";
  }
}

size_t dtype_bytes(int32_t dtype) { return dtype == GEMMCONV_FLOAT32 ? 4 : 8; }

int32_t read_dtype(py::handle value) {
  py::object dtype;
  try {
    if (!value.is_none()) dtype = py::dtype::from_args(py::reinterpret_borrow<py::object>(value));
  } catch (py::error_already_set &) {
    dtype = py::object();  // NumPy does not know it either
  }
  const int number = dtype ? array_descriptor_proxy(dtype.ptr())->type_num : -1;
  if (number == npy_api::NPY_FLOAT_) return GEMMCONV_FLOAT32;
  if (number == npy_api::NPY_DOUBLE_) return GEMMCONV_FLOAT64;
  wrong_type("dtype must be \"float32\" or \"float64\"; got ", describe(value));
}

Array::Array(py::handle object, const char *name, int32_t dtype)
    : name(name),
      dtype(dtype),
      object_(object.ptr()),
      in_order_((array_proxy(object_)->flags & ordered_flags) == ordered_flags && has_native_bytes(object_)) {}

Array::Array(py::handle object, const char *name)
    : Array(object, name, float_type(check_ndarray(object, name), name)) {}

Array::Array(py::handle object, const char *name, const Array &other) : Array(object, name) {
  if (dtype != other.dtype) {
    wrong_type(other.name, " has dtype ", dtype_name(other.dtype), " but ", name, " has dtype ", dtype_name(dtype),
               "; all arrays of a call must have the same");
  }
}

Array Array::of_indices(py::handle object, const char *name) {
  PyObject *array = check_ndarray(object, name);
  const py::detail::PyArrayDescr_Proxy *descr = array_descriptor_proxy(array_proxy(array)->descr);
  const bool signed_integer = descr->kind == 'i';
  if (!signed_integer || py::reinterpret_borrow<py::array>(object).itemsize() != 8) {
    wrong_type(name, " has dtype ", dtype_text(array), "; expected int64, as pooling returns them");
  }
  return Array(object, name, int64_dtype);
}

int64_t Array::count() const {
  int64_t elements = 1;
  for (int i = 0; i < ndim(); ++i) elements *= size(i);
  return elements;
}

Shape Array::shape() const { return shape_of(object_); }

bool Array::has_shape(const Shape &expected) const {
  if (ndim() != expected.ndim) return false;
  for (int i = 0; i < expected.ndim; ++i) {
    if (size(i) != expected.sizes[i]) return false;
  }
  return true;
}

Ordered::Ordered(const Array &array) : data_(array.data()) {
  if (array.in_order()) return;
  copy_ = new_array(array.dtype, array.shape());
  if (npy_api::get().PyArray_CopyInto_(copy_.ptr(), array.object()) != 0) throw py::error_already_set();
  data_ = array_proxy(copy_.ptr())->data;
}

namespace {

py::object make_array(int type, int ndim, const Py_intptr_t *sizes, void *data) {
  const npy_api &api = npy_api::get();
  PyObject *descr = api.PyArray_DescrFromType_(type);
  const int flags = data ? ordered_flags | npy_api::NPY_ARRAY_WRITEABLE_ : 0;
  PyObject *array = api.PyArray_NewFromDescr_(api.PyArray_Type_, descr, ndim, sizes, nullptr, data, flags, nullptr);
  if (!array) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(array);
}

}  // namespace

// NumPy aligns memory to 16 bytes, so that every other store of a vector would touch two cache lines, and none could go
// past the caches: a 1x1 layer at 112x112 takes a quarter longer. A larger array is a view of one that is longer by a
// cache line.
py::object new_array(int32_t dtype, const Shape &shape) {
  constexpr size_t cache_line = 64, large = 32 << 10;
  Py_intptr_t sizes[Shape::max_ndim];
  std::copy_n(shape.sizes.begin(), shape.ndim, sizes);
  size_t bytes = dtype_bytes(dtype);
  for (int i = 0; i < shape.ndim; ++i) bytes *= static_cast<size_t>(sizes[i]);
  if (bytes < large) return make_array(numpy_type(dtype), shape.ndim, sizes, nullptr);
  const Py_intptr_t longer = static_cast<Py_intptr_t>(bytes + cache_line);
  py::object memory = make_array(npy_api::NPY_UBYTE_, 1, &longer, nullptr);
  const uintptr_t start = reinterpret_cast<uintptr_t>(array_proxy(memory.ptr())->data);
  void *data = reinterpret_cast<void *>((start + cache_line - 1) / cache_line * cache_line);
  py::object array = make_array(numpy_type(dtype), shape.ndim, sizes, data);
  if (npy_api::get().PyArray_SetBaseObject_(array.ptr(), memory.release().ptr()) != 0) throw py::error_already_set();
  return array;
}

Output::Output(py::handle out, int32_t dtype, const Shape &shape, std::initializer_list<const Array *> inputs) {
  if (out.is_none()) {
    array_ = new_array(dtype, shape);
    data_ = array_proxy(array_.ptr())->data;
    return;
  }
  check_out(check_ndarray(out, "out"), dtype, shape);
  array_ = py::reinterpret_borrow<py::object>(out);
  char *memory = array_proxy(array_.ptr())->data;
  data_ = memory;
  bytes_ = dtype_bytes(dtype);
  for (int i = 0; i < shape.ndim; ++i) bytes_ *= static_cast<size_t>(shape.sizes[i]);
  for (const Array *input : inputs) {  // those that are not in order are copied before the answer is written
    if (!input || !input->in_order() || !share_memory(memory, bytes_, input->data(), input->bytes())) continue;
    copy_ = new_array(dtype, shape);
    data_ = array_proxy(copy_.ptr())->data;
    return;
  }
}

py::object Output::finish() {
  if (copy_) {
    const py::gil_scoped_release released;
    std::memcpy(array_proxy(array_.ptr())->data, data_, bytes_);
  }
  return std::move(array_);
}

}  // namespace gemmconv::binding
