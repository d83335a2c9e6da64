// Plans of the C interface, and the arrays that they take.
#pragma once

#include <memory>
#include <optional>

#include "arrays.hpp"
#include "geometry.hpp"
#include "settings.hpp"

namespace gemmconv::binding {

struct DestroyPlan {
  void operator()(gemmconv_plan *plan) const { gemmconv_plan_destroy(plan); }
};
using PlanHandle = std::unique_ptr<gemmconv_plan, DestroyPlan>;

PlanHandle create_plan(const gemmconv_problem &problem, const gemmconv_settings &settings);

// What the first and second operand and the answer of a problem's pass are.
const char *first_name(const gemmconv_problem &problem);
const char *second_name(const gemmconv_problem &problem);
Shape first_shape(const gemmconv_problem &problem);
Shape second_shape(const gemmconv_problem &problem);
Shape answer_shape(const gemmconv_problem &problem);

// "the output of x (2, 3, 8, 8) with w (4, 3, 3, 3)": why dy has the shape it must have.
std::string output_of(const gemmconv_problem &problem);

// The bias of the answer's channels, or nothing for None.
std::optional<Array> read_bias(py::handle bias, const gemmconv_problem &problem, const Array &first);

void bind_plan(py::module_ &module);

}  // namespace gemmconv::binding
