// The one-call convolutions: read the arguments, find the plan, run it.
#include "functions.hpp"
#include "plan.hpp"

namespace gemmconv::binding {
namespace {

py::object run(const gemmconv_problem &problem, const Array &first, const Array &second,
               const std::optional<Array> &bias, const ConvOptions &options, py::handle out) {
  Output answer(out, problem.dtype, answer_shape(problem), {&first, &second, bias ? &*bias : nullptr});
  const size_t copied =
      answer.copy_bytes() + first.copy_bytes() + second.copy_bytes() + (bias ? bias->copy_bytes() : 0);
  const gemmconv_settings reduced =
      read_settings(options.settings).without_copies(copied, read_strategy(options.strategy));
  const PlanHandle plan = create_plan(problem, reduced);
  const Ordered first_data(first), second_data(second);
  const std::optional<Ordered> bias_data = bias ? std::optional<Ordered>(*bias) : std::nullopt;
  without_gil([&] {
    return gemmconv_plan_run(plan.get(), first_data.data(), second_data.data(), bias_data ? bias_data->data() : nullptr,
                             answer.data(), nullptr);
  });
  return answer.finish();
}

py::object conv(py::handle x, py::handle w, py::handle bias, py::handle options, py::handle activation,
                py::handle out) {
  const Array first(x, "x"), second(w, "w", first);
  const ConvOptions given = read_conv_options(options);
  gemmconv_problem problem = convolution(first.shape(), second.shape(), given, first.dtype);
  problem.activation = read_activation(activation);
  return run(problem, first, second, read_bias(bias, problem, first), given, out);
}

py::object conv_backward_input(py::handle dy, py::handle w, py::handle input_shape, py::handle options,
                               py::handle out) {
  const Array first(dy, "dy"), second(w, "w", first);
  const ConvOptions given = read_conv_options(options);
  const Shape x = read_shape(input_shape, "input_shape", "the whole shape of x, in the layout");
  gemmconv_problem problem = convolution(x, second.shape(), given, first.dtype);
  problem.pass = GEMMCONV_BACKWARD_INPUT;
  check_shape(first, y_shape(problem), [&] { return output_of(problem); });
  return run(problem, first, second, std::nullopt, given, out);
}

py::object conv_backward_weight(py::handle dy, py::handle x, py::handle weight_shape, py::handle options,
                                py::handle out) {
  const Array first(dy, "dy"), second(x, "x", first);
  const ConvOptions given = read_conv_options(options);
  const Shape w = read_shape(weight_shape, "weight_shape", "(K, C/groups, *kernel)");
  gemmconv_problem problem = convolution(second.shape(), w, given, first.dtype);
  problem.pass = GEMMCONV_BACKWARD_WEIGHT;
  check_shape(first, y_shape(problem), [&] { return output_of(problem); });
  return run(problem, first, second, std::nullopt, given, out);
}

py::object conv_transpose(py::handle x, py::handle w, py::handle bias, py::handle options, py::handle output_padding,
                          py::handle output_shape, py::handle activation, py::handle out) {
  const Array first(x, "x"), second(w, "w", first);
  const ConvOptions given = read_conv_options(options);
  gemmconv_problem problem =
      transposed_convolution(first.shape(), second.shape(), given, output_padding, output_shape, first.dtype);
  problem.pass = GEMMCONV_BACKWARD_INPUT;
  problem.activation = read_activation(activation);
  return run(problem, first, second, read_bias(bias, problem, first), given, out);
}

// The sum over images and pixels is the bias gradient of a 1x1 convolution with dy's own size.
py::object conv_backward_bias(py::handle dy, py::handle layout, const Settings &settings) {
  const Array array(dy, "dy");
  const gemmconv_pool shape = planes("dy", array.shape(), layout, array.dtype);
  gemmconv_problem problem;
  gemmconv_problem_init(&problem);
  problem.dtype = array.dtype;
  problem.layout = shape.layout;
  problem.rank = shape.rank;
  problem.batch = shape.batch;
  problem.out_channels = shape.channels;
  for (int i = 0; i < shape.rank; ++i) problem.input[i] = shape.input[i];
  Shape channels;
  channels.append(shape.channels);
  Output answer(py::none(), array.dtype, channels, {&array});
  const gemmconv_settings reduced = settings.without_copies(array.copy_bytes());
  const Ordered data(array);
  without_gil([&] { return gemmconv_bias_gradient(&problem, &reduced, data.data(), answer.data()); });
  return answer.finish();
}

}  // namespace

void bind_convolution(py::module_ &module) {
  module.def("conv", &conv);
  module.def("conv_backward_input", &conv_backward_input);
  module.def("conv_backward_weight", &conv_backward_weight);
  module.def("conv_backward_bias", &conv_backward_bias);
  module.def("conv_transpose", &conv_transpose);
}

}  // namespace gemmconv::binding
