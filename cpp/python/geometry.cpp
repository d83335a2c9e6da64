// Makes the C structs of a convolution or a pooling from whole shapes and options; the Python class Geometry.
#include "geometry.hpp"

namespace gemmconv::binding {
namespace {

Shape whole(int32_t layout, int64_t batch, int64_t channels, const int64_t *spatial, int rank) {
  Shape shape;
  shape.append(batch);
  if (layout == GEMMCONV_NCHW) shape.append(channels);
  for (int i = 0; i < rank; ++i) shape.append(spatial[i]);
  if (layout == GEMMCONV_NHWC) shape.append(channels);
  return shape;
}

gemmconv_problem begin(const ConvOptions &options, int32_t dtype) {
  gemmconv_problem problem;
  gemmconv_problem_init(&problem);
  problem.dtype = dtype;
  problem.layout = read_layout(options.layout);
  problem.groups = read_int(options.groups, "groups");
  problem.flip = read_bool(options.flip, "flip");
  return problem;
}

// Strides, dilations and paddings along `rank` axes; returns the padding word, if it is one.
template <class Problem, class Options>
int32_t read_window(Problem &problem, const Options &options, int rank) {
  read_axes(options.stride, "stride", rank, problem.stride);
  read_axes(options.dilation, "dilation", rank, problem.dilation);
  return read_padding(options.padding, rank, problem.padding_low, problem.padding_high);
}

template <class Held>
py::tuple per_axis(const Held &held, const int64_t *sizes) {
  return tuple_of(sizes, held.rank);
}

py::tuple as_tuple(const Shape &shape) { return tuple_of(shape.sizes.data(), shape.ndim); }

constexpr const char *x_meaning = "the whole shape of x, in the layout";

void bind_convolution_geometry(py::module_ &module) {
  py::class_<Geometry> geometry(module, "Geometry", py::is_final());
  geometry
      .def(py::init([](py::handle x, py::handle w, py::handle stride, py::handle padding, py::handle dilation,
                       py::handle groups, py::handle flip, py::handle layout) {
             return Geometry{convolution(read_shape(x, "x_shape", x_meaning),
                                         read_shape(w, "w_shape", "(K, C/groups, *kernel)"),
                                         {stride, padding, dilation, groups, flip, layout, {}, {}}, GEMMCONV_FLOAT32)};
           }),
           py::arg("x_shape"), py::arg("w_shape"), py::kw_only(), py::arg("stride") = 1, py::arg("padding") = 0,
           py::arg("dilation") = 1, py::arg("groups") = 1, py::arg("flip") = false, py::arg("layout") = "NCHW")
      .def_static(
          "transposed",
          [](py::handle x, py::handle w, py::handle stride, py::handle padding, py::handle dilation, py::handle groups,
             py::handle flip, py::handle layout, py::handle output_padding, py::handle output_shape) {
            return Geometry{transposed_convolution(read_shape(x, "x_shape", x_meaning),
                                                   read_shape(w, "w_shape", "(C, K/groups, *kernel)"),
                                                   {stride, padding, dilation, groups, flip, layout, {}, {}},
                                                   output_padding, output_shape, GEMMCONV_FLOAT32)};
          },
          py::arg("x_shape"), py::arg("w_shape"), py::kw_only(), py::arg("stride") = 1, py::arg("padding") = 0,
          py::arg("dilation") = 1, py::arg("groups") = 1, py::arg("flip") = false, py::arg("layout") = "NCHW",
          py::arg("output_padding") = 0, py::arg("output_shape") = py::none());
  const auto sizes = [&](const char *name, const int64_t (gemmconv_problem::*member)[3]) {
    geometry.def_property_readonly(
        name, [member](const Geometry &held) { return per_axis(held.problem, held.problem.*member); });
  };
  sizes("input", &gemmconv_problem::input);
  sizes("kernel", &gemmconv_problem::kernel);
  sizes("stride", &gemmconv_problem::stride);
  sizes("dilation", &gemmconv_problem::dilation);
  sizes("padding_low", &gemmconv_problem::padding_low);
  sizes("padding_high", &gemmconv_problem::padding_high);
  sizes("output", &gemmconv_problem::output);
  geometry.def_property_readonly("rank", [](const Geometry &held) { return held.problem.rank; })
      .def_property_readonly("batch", [](const Geometry &held) { return held.problem.batch; })
      .def_property_readonly("in_channels", [](const Geometry &held) { return held.problem.in_channels; })
      .def_property_readonly("out_channels", [](const Geometry &held) { return held.problem.out_channels; })
      .def_property_readonly("groups", [](const Geometry &held) { return held.problem.groups; })
      .def_property_readonly("flip", [](const Geometry &held) { return held.problem.flip != 0; })
      .def_property_readonly("layout", [](const Geometry &held) { return layout_name(held.problem.layout); })
      .def_property_readonly("x_shape", [](const Geometry &held) { return as_tuple(x_shape(held.problem)); })
      .def_property_readonly("w_shape", [](const Geometry &held) { return as_tuple(w_shape(held.problem)); })
      .def_property_readonly("y_shape", [](const Geometry &held) { return as_tuple(y_shape(held.problem)); });
}

struct PoolGeometry {
  gemmconv_pool pool;
};

void bind_pool_geometry(py::module_ &module) {
  py::class_<PoolGeometry> geometry(module, "PoolGeometry", py::is_final());
  geometry.def(
      py::init([](py::handle x, py::handle kernel_size, py::handle stride, py::handle padding, py::handle dilation,
                  py::handle ceil_mode, py::handle layout) {
        return PoolGeometry{pooling(read_shape(x, "x_shape", x_meaning),
                                    {kernel_size, stride, padding, dilation, ceil_mode, layout, {}}, GEMMCONV_FLOAT32)};
      }),
      py::arg("x_shape"), py::arg("kernel_size"), py::kw_only(), py::arg("stride") = py::none(), py::arg("padding") = 0,
      py::arg("dilation") = 1, py::arg("ceil_mode") = false, py::arg("layout") = "NCHW");
  const auto sizes = [&](const char *name, const int64_t (gemmconv_pool::*member)[3]) {
    geometry.def_property_readonly(
        name, [member](const PoolGeometry &held) { return per_axis(held.pool, held.pool.*member); });
  };
  sizes("input", &gemmconv_pool::input);
  sizes("kernel", &gemmconv_pool::kernel);
  sizes("stride", &gemmconv_pool::stride);
  sizes("dilation", &gemmconv_pool::dilation);
  sizes("padding_low", &gemmconv_pool::padding_low);
  sizes("padding_high", &gemmconv_pool::padding_high);
  sizes("output", &gemmconv_pool::output);
  geometry.def_property_readonly("rank", [](const PoolGeometry &held) { return held.pool.rank; })
      .def_property_readonly("batch", [](const PoolGeometry &held) { return held.pool.batch; })
      .def_property_readonly("channels", [](const PoolGeometry &held) { return held.pool.channels; })
      .def_property_readonly("layout", [](const PoolGeometry &held) { return layout_name(held.pool.layout); })
      .def_property_readonly("x_shape", [](const PoolGeometry &held) { return as_tuple(x_shape(held.pool)); })
      .def_property_readonly("y_shape", [](const PoolGeometry &held) { return as_tuple(y_shape(held.pool)); });
}

}  // namespace

gemmconv_problem convolution(const Shape &x, const Shape &w, const ConvOptions &options, int32_t dtype) {
  gemmconv_problem problem = begin(options, dtype);
  check(gemmconv_problem_set_shapes(&problem, x.sizes.data(), x.ndim, w.sizes.data(), w.ndim));
  const int32_t word = read_window(problem, options, problem.rank);
  if (word != no_word) check(gemmconv_problem_set_padding(&problem, word));
  check(gemmconv_problem_resolve(&problem));
  return problem;
}

gemmconv_problem transposed_convolution(const Shape &x, const Shape &w, const ConvOptions &options,
                                        py::handle output_padding, py::handle output_shape, int32_t dtype) {
  gemmconv_problem problem = begin(options, dtype);
  const int rank = x.ndim - 2;
  int32_t word = no_word;
  int64_t extra[3] = {0, 0, 0};
  Shape wanted;
  if (rank >= 1 && rank <= 3) {  // otherwise the shapes are refused below
    word = read_window(problem, options, rank);
    read_axes(output_padding, "output_padding", rank, extra);
    if (!output_shape.is_none()) {
      wanted = read_shape(output_shape, "output_shape", "the spatial sizes of the output");
      if (wanted.ndim != rank) {
        wrong_value("output_shape is ", text(wanted), " with ", wanted.ndim, wanted.ndim == 1 ? " size" : " sizes",
                    "; expected the ", rank, " spatial ", rank == 1 ? "size" : "sizes", " of the output of x ",
                    text(x));
      }
    }
  }
  check(gemmconv_problem_set_transposed(&problem, x.sizes.data(), x.ndim, w.sizes.data(), w.ndim, word, extra,
                                        wanted.ndim == 0 ? nullptr : wanted.sizes.data()));
  check(gemmconv_problem_resolve(&problem));
  return problem;
}

Shape x_shape(const gemmconv_problem &problem) {
  return whole(problem.layout, problem.batch, problem.in_channels, problem.input, problem.rank);
}

Shape w_shape(const gemmconv_problem &problem) {
  return whole(GEMMCONV_NCHW, problem.out_channels, problem.in_channels / problem.groups, problem.kernel, problem.rank);
}

Shape y_shape(const gemmconv_problem &problem) {
  return whole(problem.layout, problem.batch, problem.out_channels, problem.output, problem.rank);
}

gemmconv_pool planes(const char *name, const Shape &x, py::handle layout, int32_t dtype) {
  gemmconv_pool pool;
  gemmconv_pool_init(&pool);
  pool.dtype = dtype;
  pool.layout = read_layout(layout);
  if (x.ndim < 3 || x.ndim > 5) {  // said here because only here its name is known
    wrong_value(name, " has shape ", text(x), " with ", x.ndim, x.ndim == 1 ? " axis" : " axes",
                "; expected 3 to 5: ", pool.layout == GEMMCONV_NCHW ? "(N, C, *spatial)" : "(N, *spatial, C)",
                " with 1, 2 or 3 spatial axes");
  }
  check(gemmconv_pool_set_shape(&pool, x.sizes.data(), x.ndim));
  check(gemmconv_pool_resolve(&pool));
  return pool;
}

gemmconv_pool pooling(const Shape &x, const PoolOptions &options, int32_t dtype) {
  gemmconv_pool pool = planes("x", x, options.layout, dtype);
  read_axes(options.kernel_size, "kernel_size", pool.rank, pool.kernel);
  const PoolOptions given = {options.kernel_size, options.stride.is_none() ? options.kernel_size : options.stride,
                             options.padding,     options.dilation,
                             options.ceil_mode,   options.layout,
                             options.settings};
  const int32_t word = read_window(pool, given, pool.rank);
  pool.ceil_mode = read_bool(options.ceil_mode, "ceil_mode");
  if (word != no_word) check(gemmconv_pool_set_padding(&pool, word));
  check(gemmconv_pool_resolve(&pool));
  return pool;
}

Shape x_shape(const gemmconv_pool &pool) {
  return whole(pool.layout, pool.batch, pool.channels, pool.input, pool.rank);
}

Shape y_shape(const gemmconv_pool &pool) {
  return whole(pool.layout, pool.batch, pool.channels, pool.output, pool.rank);
}

void bind_geometry(py::module_ &module) {
  bind_convolution_geometry(module);
  bind_pool_geometry(module);
}

}  // namespace gemmconv::binding
