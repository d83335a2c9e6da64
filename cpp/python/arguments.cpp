// Reads Python's numbers, sequences and words into C, and makes the sentence of each mistake.
#include "arguments.hpp"

#include <algorithm>
#include <cstring>

namespace gemmconv::binding {
namespace {

// A word and its number in gemmconv.h.
struct Word {
  const char *text;
  int32_t value;
};
constexpr Word layouts[] = {{"NCHW", GEMMCONV_NCHW}, {"NHWC", GEMMCONV_NHWC}};
constexpr Word passes[] = {{"forward", GEMMCONV_FORWARD},
                           {"backward_input", GEMMCONV_BACKWARD_INPUT},
                           {"backward_weight", GEMMCONV_BACKWARD_WEIGHT}};
constexpr Word maths[] = {{"fast", GEMMCONV_MATH_FAST}, {"strict", GEMMCONV_MATH_STRICT}};
constexpr Word paddings[] = {
    {"valid", GEMMCONV_VALID}, {"same", GEMMCONV_SAME}, {"same_lower", GEMMCONV_SAME_LOWER}, {"full", GEMMCONV_FULL}};
constexpr Word activations[] = {{"relu", GEMMCONV_RELU},         {"leaky_relu", GEMMCONV_LEAKY_RELU},
                                {"sigmoid", GEMMCONV_SIGMOID},   {"tanh", GEMMCONV_TANH},
                                {"softplus", GEMMCONV_SOFTPLUS}, {"gelu", GEMMCONV_GELU}};

// The characters of a string; none for one that no word can be, with a lone surrogate or a zero inside.
const char *utf8(py::handle text) {
  Py_ssize_t bytes = 0;
  const char *characters = PyUnicode_AsUTF8AndSize(text.ptr(), &bytes);
  if (!characters) PyErr_Clear();
  return characters && std::strlen(characters) == static_cast<size_t>(bytes) ? characters : "";
}

template <size_t count>
std::string list_of(const Word (&table)[count]) {
  std::string list;
  for (const Word &word : table) list += (list.empty() ? "\"" : ", \"") + std::string(word.text) + "\"";
  return list;
}

template <size_t count>
int32_t read_word(py::handle value, const char *name, const Word (&table)[count], const char *or_else = "") {
  if (!PyUnicode_Check(value.ptr())) wrong_type(name, " must be ", list_of(table), or_else, "; got ", describe(value));
  const char *given = utf8(value);
  for (const Word &word : table) {
    if (std::strcmp(given, word.text) == 0) return word.value;
  }
  wrong_value("unknown ", name, " ", describe(value), "; it must be ", list_of(table), or_else);
}

template <size_t count>
const char *name_of(int32_t value, const Word (&table)[count]) {
  return std::find_if(table, table + count, [&](const Word &word) { return word.value == value; })->text;
}

// What is read: an argument, or entry `index` of it, or entry `inner` of that.
struct Place {
  const char *name;
  Py_ssize_t index = -1, inner = -1;
};

std::ostream &operator<<(std::ostream &stream, const Place &place) {
  stream << place.name;
  if (place.index >= 0) stream << '[' << place.index << ']';
  if (place.inner >= 0) stream << '[' << place.inner << ']';
  return stream;
}

// Whether `value` says that it is one integer; an array of one or more axes does so only for a size of 1, and is none.
bool is_integer(py::handle value) {
  PyObject *object = value.ptr();
  if (PyLong_Check(object)) return !PyBool_Check(object);
  if (!PyIndex_Check(object)) return false;
  if (!PySequence_Check(object)) return true;
  const Py_ssize_t length = PySequence_Size(object);  // a scalar array has none
  if (length < 0) PyErr_Clear();
  return length < 0;
}

int64_t as_int64(py::handle integer, const Place &place) {
  int overflow = 0;
  const int64_t value = PyLong_AsLongLongAndOverflow(integer.ptr(), &overflow);
  if (overflow != 0)
    wrong_value(place, " is ", overflow < 0 ? "below -2**63" : "2**63 or more", ", which no size can be");
  return value;
}

int64_t read_integer(py::handle value, const Place &place, const char *expected) {
  if (PyLong_CheckExact(value.ptr())) return as_int64(value, place);
  py::object integer;
  if (is_integer(value)) {
    integer = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
    if (!integer) PyErr_Clear();
  }
  if (!integer) wrong_type(place, " must be ", expected, "; got ", describe(value));
  return as_int64(integer, place);
}

bool is_sequence(py::handle value) {
  PyObject *object = value.ptr();
  return PySequence_Check(object) && !PyUnicode_Check(object) && !PyBytes_Check(object) && !PyByteArray_Check(object);
}

// A list or tuple with the entries of `value`, or nothing if it is no sequence.
py::object entries_of(py::handle value) {
  if (!is_sequence(value)) return {};
  py::object entries = py::reinterpret_steal<py::object>(PySequence_Fast(value.ptr(), ""));
  if (!entries) PyErr_Clear();
  return entries;
}

py::handle entry(const py::object &entries, Py_ssize_t index) { return PySequence_Fast_GET_ITEM(entries.ptr(), index); }

void check_length(Py_ssize_t length, py::handle value, const char *name, int rank) {
  if (length == rank || length == 1) return;
  wrong_value(name, " has ", length, length == 1 ? " entry: " : " entries: ", describe(value), "; expected ", rank,
              rank == 1 ? ", for the one spatial axis" : ", one per spatial axis, or 1 for all of them");
}

constexpr const char *int_or_ints = "an int, or a sequence of ints with one per spatial axis";

}  // namespace

bool operator==(const Shape &a, const Shape &b) {
  return a.ndim == b.ndim && std::equal(a.sizes.begin(), a.sizes.begin() + a.ndim, b.sizes.begin());
}

std::string text(const Shape &shape) {
  std::string list = "(";
  for (int i = 0; i < shape.ndim; ++i) list += (i ? ", " : "") + std::to_string(shape.sizes[i]);
  return list + (shape.ndim == 1 ? ",)" : ")");
}

py::tuple tuple_of(const int64_t *sizes, int count) {
  py::tuple tuple(count);
  for (int i = 0; i < count; ++i) tuple[i] = sizes[i];
  return tuple;
}

int64_t read_int(py::handle value, const char *name) { return read_integer(value, {name}, "an int"); }

bool read_bool(py::handle value, const char *name) {
  if (value.ptr() == Py_True) return true;
  if (value.ptr() == Py_False) return false;
  const char *type = Py_TYPE(value.ptr())->tp_name;
  if (std::strcmp(type, "numpy.bool") != 0 && std::strcmp(type, "numpy.bool_") != 0) {
    wrong_type(name, " must be True or False; got ", describe(value));
  }
  return PyObject_IsTrue(value.ptr()) == 1;
}

double read_number(py::handle value, const char *name) {
  PyObject *object = value.ptr();
  const bool text = PyUnicode_Check(object) || PyBytes_Check(object) || PyByteArray_Check(object);
  if (!PyBool_Check(object) && !text) {
    const double number = PyFloat_AsDouble(object);
    if (!PyErr_Occurred()) return number;
    const bool overflow = PyErr_ExceptionMatches(PyExc_OverflowError) != 0;
    PyErr_Clear();
    if (overflow) wrong_value(name, " is beyond the numbers that a float holds");
  }
  wrong_type(name, " must be a number; got ", describe(value));
}

Shape read_shape(py::handle value, const char *name, const char *meaning) {
  const py::object entries = entries_of(value);
  if (!entries) wrong_type(name, " must be a sequence of ints, ", meaning, "; got ", describe(value));
  const Py_ssize_t length = PySequence_Fast_GET_SIZE(entries.ptr());
  if (length > Shape::max_ndim) wrong_value(name, " has ", length, " entries; no array has so many axes");
  Shape shape;
  for (Py_ssize_t i = 0; i < length; ++i) shape.append(read_integer(entry(entries, i), {name, i}, "an int"));
  return shape;
}

void read_axes(py::handle value, const char *name, int rank, int64_t *sizes) {
  if (PyLong_CheckExact(value.ptr()) || is_integer(value)) {
    std::fill_n(sizes, rank, read_integer(value, {name}, int_or_ints));
    return;
  }
  const py::object entries = entries_of(value);
  if (!entries) wrong_type(name, " must be ", int_or_ints, "; got ", describe(value));
  const Py_ssize_t length = PySequence_Fast_GET_SIZE(entries.ptr());
  check_length(length, value, name, rank);
  for (int i = 0; i < rank; ++i) {
    const Py_ssize_t index = length == 1 ? 0 : i;
    sizes[i] = read_integer(entry(entries, index), {name, index}, "an int");
  }
}

int32_t read_padding(py::handle value, int rank, int64_t *low, int64_t *high) {
  constexpr const char *name = "padding";
  if (PyUnicode_Check(value.ptr())) return read_word(value, name, paddings, ", an int or one per axis");
  if (PyLong_CheckExact(value.ptr()) || is_integer(value)) {
    const int64_t all = read_integer(value, {name}, "an int");
    std::fill_n(low, rank, all);
    std::fill_n(high, rank, all);
    return no_word;
  }
  const py::object entries = entries_of(value);
  if (!entries) {
    wrong_type(name, " must be an int, a sequence of ints or of (low, high) pairs with one per spatial axis, or ",
               list_of(paddings), "; got ", describe(value));
  }
  const Py_ssize_t length = PySequence_Fast_GET_SIZE(entries.ptr());
  check_length(length, value, name, rank);
  for (int i = 0; i < rank; ++i) {
    const Py_ssize_t index = length == 1 ? 0 : i;
    const py::handle item = entry(entries, index);
    const py::object pair = is_integer(item) ? py::object() : entries_of(item);
    if (!pair) {
      low[i] = high[i] = read_integer(item, {name, index}, "an int or a (low, high) pair of ints");
      continue;
    }
    const Py_ssize_t sides = PySequence_Fast_GET_SIZE(pair.ptr());
    if (sides != 2) wrong_value(Place{name, index}, " is ", describe(item), "; expected an int or a (low, high) pair");
    low[i] = read_integer(entry(pair, 0), {name, index, 0}, "an int");
    high[i] = read_integer(entry(pair, 1), {name, index, 1}, "an int");
  }
  return no_word;
}

int32_t read_layout(py::handle value) { return read_word(value, "layout", layouts); }
int32_t read_pass(py::handle value) { return read_word(value, "pass", passes); }
int32_t read_math(py::handle value) { return read_word(value, "math", maths); }

int32_t read_activation(py::handle value) {
  return value.is_none() ? GEMMCONV_IDENTITY : read_word(value, "activation", activations, " or None");
}

const char *read_strategy(py::handle value) {
  if (!PyUnicode_Check(value.ptr())) {
    wrong_type("strategy must be \"auto\", \"measure\" or the name of a strategy; got ", describe(value));
  }
  const char *name = utf8(value);
  if (*name == 0 && PyUnicode_GET_LENGTH(value.ptr()) > 0) {
    wrong_value("strategy ", describe(value), " is not known; gemmconv.strategies() lists the names");
  }
  return name;
}

const char *layout_name(int32_t layout) { return name_of(layout, layouts); }
const char *pass_name(int32_t pass) { return name_of(pass, passes); }
const char *math_name(int32_t math) { return name_of(math, maths); }
const char *activation_name(int32_t activation) {
  return activation == GEMMCONV_IDENTITY ? nullptr : name_of(activation, activations);
}

py::tuple activation_names() {
  py::tuple names(std::size(activations));
  for (size_t i = 0; i < std::size(activations); ++i) names[i] = activations[i].text;
  return names;
}

}  // namespace gemmconv::binding
