// The Python class Plan: checks the arrays of a call and runs a plan of the C interface.
#include "plan.hpp"

#include <cstring>

namespace gemmconv::binding {
namespace {

struct DestroyPacked {
  void operator()(gemmconv_packed *packed) const { gemmconv_packed_destroy(packed); }
};

struct Packed {
  std::unique_ptr<gemmconv_packed, DestroyPacked> handle;
};

// Nothing of it changes after it is made, so any number of threads may call it.
class Plan {
 public:
  Plan(const gemmconv_problem &problem, const Settings &settings, const char *strategy)
      : problem(problem), handle(create_plan(problem, settings.without_copies(0, strategy))) {}

  py::object call(py::handle first, py::handle second, py::handle bias, py::handle out) const;
  std::unique_ptr<Packed> pack(py::handle w) const;
  std::string explain() const;

  const gemmconv_problem problem;
  const PlanHandle handle;

 private:
  Array read(py::handle value, const char *name, const Shape &expected) const;
  py::object run_packed(const Array &first, const Packed &packed, const Array *bias, py::handle out) const;
};

// An operand of the plan's dtype and of the shape that its geometry says.
Array Plan::read(py::handle value, const char *name, const Shape &expected) const {
  const Array array(value, name);
  if (array.dtype != problem.dtype) {
    wrong_type(name, " has dtype ", dtype_name(array.dtype), "; this plan was made for ", dtype_name(problem.dtype));
  }
  check_shape(array, expected, [] { return "for which this plan was made"; });
  return array;
}

py::object Plan::call(py::handle first, py::handle second, py::handle bias, py::handle out) const {
  const Array a = read(first, first_name(problem), first_shape(problem));
  const std::optional<Array> b = read_bias(bias, problem, a);
  const Array *bias_array = b ? &*b : nullptr;
  if (py::isinstance<Packed>(second)) {
    return run_packed(a, py::cast<const Packed &>(second), bias_array, out);
  }
  const Array c = read(second, second_name(problem), second_shape(problem));
  Output answer(out, problem.dtype, answer_shape(problem), {&a, &c, bias_array});
  const Ordered a_data(a), c_data(c);
  const std::optional<Ordered> b_data = b ? std::optional<Ordered>(*b) : std::nullopt;
  without_gil([&] {
    return gemmconv_plan_run(handle.get(), a_data.data(), c_data.data(), b_data ? b_data->data() : nullptr,
                             answer.data(), nullptr);
  });
  return answer.finish();
}

py::object Plan::run_packed(const Array &first, const Packed &packed, const Array *bias, py::handle out) const {
  Output answer(out, problem.dtype, answer_shape(problem), {&first, bias});
  const Ordered a_data(first);
  const std::optional<Ordered> b_data = bias ? std::optional<Ordered>(*bias) : std::nullopt;
  without_gil([&] {
    return gemmconv_plan_run_packed(handle.get(), a_data.data(), packed.handle.get(), b_data ? b_data->data() : nullptr,
                                    answer.data(), nullptr);
  });
  return answer.finish();
}

std::unique_ptr<Packed> Plan::pack(py::handle w) const {
  if (problem.pass == GEMMCONV_BACKWARD_WEIGHT) {
    wrong_value("a plan of \"backward_weight\" takes dy and x and has no weights to pack");
  }
  const Ordered data(read(w, "w", w_shape(problem)));
  gemmconv_packed *packed = nullptr;
  without_gil([&] { return gemmconv_plan_pack(handle.get(), data.data(), &packed); });
  auto held = std::make_unique<Packed>();
  held->handle.reset(packed);
  return held;
}

std::string Plan::explain() const {
  std::string text(gemmconv_plan_explain(handle.get(), nullptr, 0), '\0');
  gemmconv_plan_explain(handle.get(), &text[0], text.size());
  if (!text.empty()) text.pop_back();  // the final 0
  return text;
}

std::unique_ptr<Plan> make(py::handle pass, const Geometry &geometry, py::handle dtype, py::handle activation,
                           py::handle strategy, const Settings &settings) {
  gemmconv_problem problem = geometry.problem;
  problem.pass = read_pass(pass);
  problem.dtype = read_dtype(dtype);
  problem.activation = read_activation(activation);
  return std::make_unique<Plan>(problem, settings, read_strategy(strategy));
}

}  // namespace

PlanHandle create_plan(const gemmconv_problem &problem, const gemmconv_settings &settings) {
  gemmconv_plan *plan = nullptr;
  const auto create = [&] { return gemmconv_plan_create(&problem, &settings, &plan); };
  if (settings.strategy && std::strcmp(settings.strategy, "measure") == 0) {
    without_gil(create);  // it runs the candidates
  } else {
    check(create());
  }
  return PlanHandle(plan);
}

const char *first_name(const gemmconv_problem &problem) { return problem.pass == GEMMCONV_FORWARD ? "x" : "dy"; }
const char *second_name(const gemmconv_problem &problem) {
  return problem.pass == GEMMCONV_BACKWARD_WEIGHT ? "x" : "w";
}

Shape first_shape(const gemmconv_problem &problem) {
  return problem.pass == GEMMCONV_FORWARD ? x_shape(problem) : y_shape(problem);
}

Shape second_shape(const gemmconv_problem &problem) {
  return problem.pass == GEMMCONV_BACKWARD_WEIGHT ? x_shape(problem) : w_shape(problem);
}

Shape answer_shape(const gemmconv_problem &problem) {
  switch (problem.pass) {
    case GEMMCONV_FORWARD: return y_shape(problem);
    case GEMMCONV_BACKWARD_INPUT: return x_shape(problem);
    default: return w_shape(problem);
  }
}

std::string output_of(const gemmconv_problem &problem) {
  return say("the output of x ", text(x_shape(problem)), " with w ", text(w_shape(problem)));
}

std::optional<Array> read_bias(py::handle bias, const gemmconv_problem &problem, const Array &first) {
  if (bias.is_none()) return std::nullopt;
  if (problem.pass == GEMMCONV_BACKWARD_WEIGHT) wrong_value("the weight gradient takes no bias; bias must be None");
  const Array array(bias, "bias", first);
  Shape expected;
  expected.append(problem.pass == GEMMCONV_FORWARD ? problem.out_channels : problem.in_channels);
  check_shape(array, expected, [] { return "one value per channel of the output"; });
  return array;
}

void bind_plan(py::module_ &module) {
  py::class_<Packed>(module, "Packed", py::is_final());
  py::class_<Plan>(module, "Plan", py::is_final())
      .def(py::init(&make), py::arg("pass_"), py::arg("geometry"), py::kw_only(), py::arg("dtype") = "float32",
           py::arg("activation") = py::none(), py::arg("strategy") = "auto", py::arg("settings"))
      .def_property_readonly("pass_", [](const Plan &plan) { return pass_name(plan.problem.pass); })
      .def_property_readonly("geometry", [](const Plan &plan) { return Geometry{plan.problem}; })
      .def_property_readonly("dtype", [](const Plan &plan) { return py::dtype(dtype_name(plan.problem.dtype)); })
      .def_property_readonly("strategy", [](const Plan &plan) { return gemmconv_plan_strategy(plan.handle.get()); })
      .def_property_readonly("variant", [](const Plan &plan) { return gemmconv_plan_variant(plan.handle.get()); })
      .def_property_readonly("output_shape",
                             [](const Plan &plan) {
                               const Shape shape = answer_shape(plan.problem);
                               return tuple_of(shape.sizes.data(), shape.ndim);
                             })
      .def_property_readonly("flops", [](const Plan &plan) { return gemmconv_plan_flops(plan.handle.get()); })
      .def_property_readonly("workspace_bytes",
                             [](const Plan &plan) { return gemmconv_plan_workspace_bytes(plan.handle.get()); })
      .def_property_readonly("error_bound",
                             [](const Plan &plan) { return gemmconv_plan_error_bound(plan.handle.get()); })
      .def("explain", &Plan::explain)
      .def("pack", &Plan::pack, py::arg("w"))
      .def("__call__", &Plan::call, py::arg("first") = py::none(), py::arg("second") = py::none(),
           py::arg("bias") = py::none(), py::kw_only(), py::arg("out") = py::none());
}

}  // namespace gemmconv::binding
