// ConvOptions and PoolOptions: the options of one call as one value, for backends other than cpu.
#include "options.hpp"

#include <structmember.h>

#include <iterator>

namespace gemmconv::binding {
namespace {

template <class Options>
constexpr size_t field_count = std::size(Options::names);

// A Python object that holds the fields of `Options`, one reference each. It takes no part in garbage collection: it
// lives for one call and nothing that it holds can refer to it.
template <class Options>
struct Object {
  static_assert(sizeof(Options) == field_count<Options> * sizeof(PyObject *));
  PyObject_HEAD;
  PyObject *fields[field_count<Options>];
};

template <class Options>
void destroy(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  for (PyObject *field : reinterpret_cast<Object<Options> *>(self)->fields) Py_XDECREF(field);
  type->tp_free(self);
  Py_DECREF(type);
}

// Options(*fields), called by the vectorcall protocol.
template <class Options>
PyObject *make(PyObject *type, PyObject *const *arguments, size_t flagged_count, PyObject *keywords) {
  const Py_ssize_t given = PyVectorcall_NARGS(flagged_count);
  constexpr size_t expected = field_count<Options>;
  if (given != static_cast<Py_ssize_t>(expected) || (keywords && PyTuple_GET_SIZE(keywords) != 0)) {
    PyErr_Format(PyExc_TypeError, "%s takes its %zu fields by position; got %zd", Options::type_name, expected, given);
    return nullptr;
  }
  PyTypeObject *kind = reinterpret_cast<PyTypeObject *>(type);
  PyObject *self = kind->tp_alloc(kind, 0);
  if (!self) return nullptr;
  PyObject **fields = reinterpret_cast<Object<Options> *>(self)->fields;
  for (size_t i = 0; i < expected; ++i) {
    Py_INCREF(arguments[i]);
    fields[i] = arguments[i];
  }
  return self;
}

template <class Options>
void bind(py::module_ &module, const char *name) {
  PyMemberDef members[field_count<Options> + 1] = {};  // zeros at the end; the type makes a copy
  for (size_t i = 0; i < field_count<Options>; ++i) {
    const size_t offset = offsetof(Object<Options>, fields) + i * sizeof(PyObject *);
    members[i] = {Options::names[i], T_OBJECT_EX, static_cast<Py_ssize_t>(offset), READONLY, nullptr};
  }
  PyType_Slot slots[] = {
      {Py_tp_dealloc, reinterpret_cast<void *>(&destroy<Options>)}, {Py_tp_members, members}, {0, nullptr}};
  PyType_Spec spec = {Options::type_name, sizeof(Object<Options>), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE, slots};
  const py::object type = py::reinterpret_steal<py::object>(PyType_FromSpec(&spec));
  if (!type) throw py::error_already_set();
  reinterpret_cast<PyTypeObject *>(type.ptr())->tp_vectorcall = &make<Options>;
  module.add_object(name, type);
}

template <class Options>
Options read(py::handle value) {
  // The destructor tells the type in every interpreter, each of which has a type object of its own.
  if (Py_TYPE(value.ptr())->tp_dealloc != &destroy<Options>) {
    wrong_type("options must be a ", Options::type_name, "; got ", describe(value));
  }
  Options options;
  std::memcpy(static_cast<void *>(&options), reinterpret_cast<Object<Options> *>(value.ptr())->fields, sizeof(options));
  return options;
}

}  // namespace

ConvOptions read_conv_options(py::handle value) { return read<ConvOptions>(value); }
PoolOptions read_pool_options(py::handle value) { return read<PoolOptions>(value); }

const Settings &read_settings(py::handle value) {
  py::detail::make_caster<Settings> caster;
  if (!caster.load(value, false)) wrong_type("settings must be a gemmconv._core.Settings; got ", describe(value));
  return py::detail::cast_op<const Settings &>(caster);
}

void bind_options(py::module_ &module) {
  bind<ConvOptions>(module, "ConvOptions");
  bind<PoolOptions>(module, "PoolOptions");
}

}  // namespace gemmconv::binding
