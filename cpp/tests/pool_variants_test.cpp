// Every variant of every pooling function, each by itself, against the loops of the definition: all that do not refuse
// run, and each has to run at least once. Arrays are guarded, geometries are random.
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "guarded.hpp"
#include "pooling/variants.hpp"

using namespace gemmconv;
using pooling::Call;
using pooling::Variants;

namespace {

std::map<std::string, int> runs;  // of each variant

// A pooling with random sizes: small windows, some of them wholly in padding, both layouts, one to three axes.
PoolGeometry some_geometry(bool adaptive) {
  PoolGeometry g;
  g.batch = uniform(1, 2);
  g.channels = uniform(0, 2) ? uniform(1, 5) : uniform(1, 70);
  g.layout = uniform(0, 1) ? Layout::nchw : Layout::nhwc;
  g.rank = static_cast<int>(uniform(1, 3));
  g.count_include_pad = uniform(0, 1) == 0;
  g.divisor = uniform(0, 3) ? 0 : 2.5;
  g.p = static_cast<double>(uniform(1, 3));
  const bool whole = !adaptive && uniform(0, 5) == 0;
  for (int a = 3 - g.rank; a < 3; ++a) {
    g.input[a] = uniform(1, a == 2 && g.rank < 3 ? 90 : 12);
    if (adaptive) {
      g.output[a] = uniform(1, g.input[a]);
      continue;
    }
    g.kernel[a] = whole ? g.input[a] : uniform(1, 4);
    g.stride[a] = uniform(1, 5);
    if (whole) continue;
    g.dilation[a] = uniform(0, 2) ? 1 : uniform(1, 3);
    const int64_t extent = (g.kernel[a] - 1) * g.dilation[a] + 1;
    g.padding_low[a] = uniform(0, 1) ? uniform(0, extent) : 0;
    g.padding_high[a] = uniform(0, 1) ? uniform(0, extent) : 0;
    const int64_t missing = extent - g.input[a] - g.padding_low[a] - g.padding_high[a];
    if (missing > 0) g.padding_high[a] += missing;
    g.output[a] = (g.input[a] + g.padding_low[a] + g.padding_high[a] - extent) / g.stride[a] + 1;
  }
  return g;
}

// The cells that output o reads along an axis, inside the input, and how many count in an average.
struct Reads {
  std::vector<int64_t> cells;
  int64_t count = 0;
};
Reads reads(const PoolGeometry &g, bool adaptive, int a, int64_t o) {
  Reads result;
  if (adaptive) {
    for (int64_t i = o * g.input[a] / g.output[a]; i * g.output[a] < (o + 1) * g.input[a]; ++i)
      result.cells.push_back(i);
    result.count = static_cast<int64_t>(result.cells.size());
    return result;
  }
  for (int64_t t = 0; t < g.kernel[a]; ++t) {
    const int64_t i = o * g.stride[a] - g.padding_low[a] + t * g.dilation[a];
    const bool inside = i >= 0 && i < g.input[a];
    if (inside) result.cells.push_back(i);
    result.count += g.count_include_pad ? i < g.input[a] + g.padding_high[a] : inside;
  }
  return result;
}

// Where cell (i0, i1, i2) of a channel lies.
int64_t element(const PoolGeometry &g, const Sizes &sizes, int64_t image, int64_t channel, int64_t plane_cell) {
  return g.layout == Layout::nchw ? (image * g.channels + channel) * product(sizes) + plane_cell
                                  : (image * product(sizes) + plane_cell) * g.channels + channel;
}

// Calls body(output element, input elements, their positions in the plane, cells that count) for every window.
template <class Body>
void for_windows(const PoolGeometry &g, bool adaptive, const Body &body) {
  for (int64_t image = 0; image < g.batch; ++image) {
    for (int64_t channel = 0; channel < g.channels; ++channel) {
      for (int64_t o = 0; o < g.output_pixels(); ++o) {
        const Reads r0 = reads(g, adaptive, 0, o / g.output[2] / g.output[1]);
        const Reads r1 = reads(g, adaptive, 1, o / g.output[2] % g.output[1]);
        const Reads r2 = reads(g, adaptive, 2, o % g.output[2]);
        std::vector<int64_t> elements, positions;
        for (const int64_t i0 : r0.cells) {
          for (const int64_t i1 : r1.cells) {
            for (const int64_t i2 : r2.cells) {
              positions.push_back((i0 * g.input[1] + i1) * g.input[2] + i2);
              elements.push_back(element(g, g.input, image, channel, positions.back()));
            }
          }
        }
        body(element(g, g.output, image, channel, o), elements, positions, r0.count * r1.count * r2.count);
      }
    }
  }
}

// One random call with its arrays and what is right for each function.
template <class T>
struct Case {
  bool adaptive = uniform(0, 3) == 0;
  PoolGeometry g = some_geometry(adaptive);
  int64_t inputs = g.batch * g.channels * g.input_pixels(), outputs = g.batch * g.channels * g.output_pixels();
  Guarded<T> x{inputs}, y{outputs}, dy{outputs}, in{inputs}, out{outputs};
  Guarded<int64_t> indices{outputs};

  Call<T> call() {
    Call<T> result = adaptive ? Call<T>::adaptive(g, 1) : Call<T>(g, 1);
    result.threads = static_cast<int>(uniform(1, 4));
    return result;
  }
  std::string name(const char *function, const char *variant) const {
    std::string text = std::string(function) + "/" + variant + (sizeof(T) == 4 ? " f32" : " f64");
    for (int a = 0; a < 3; ++a)
      text += " " + std::to_string(g.input[a]) + "k" + std::to_string(g.kernel[a]) + "s" + std::to_string(g.stride[a]) +
              "d" + std::to_string(g.dilation[a]) + "p" + std::to_string(g.padding_low[a]) + "o" +
              std::to_string(g.output[a]);
    return text + " c" + std::to_string(g.channels) + (g.layout == Layout::nchw ? " nchw" : " nhwc") +
           (adaptive ? " adaptive" : "");
  }
  // Runs each variant that accepts `call`, into an output that holds something else, and checks it.
  template <class Right>
  void check_each(const char *function, const Variants<T> &variants, const Call<T> &call, Guarded<T> &target,
                  const Right &right) {
    bool some = false;
    for (const auto &variant : variants) {
      if (variant.refuses(call)) continue;
      some = true;
      ++runs[std::string(function) + "/" + variant.name];
      for (int64_t i = 0; i < target.size(); ++i) target[i] = T(77);
      for (int64_t i = 0; i < indices.size(); ++i) indices[i] = 77;
      variant.run(call);
      check(right(), name(function, variant.name));
    }
    check(some, name(function, "none accepts"));
  }
};

template <class T>
bool near(T value, double right, double size, int64_t terms) {
  return std::abs(value - right) <= std::numeric_limits<T>::epsilon() * (2 + static_cast<double>(terms)) * size;
}

template <class T>
void check_max(Case<T> &c, bool with_indices) {
  for (int64_t i = 0; i < c.inputs; ++i)  // ties are many
    c.x[i] = uniform(0, 9) ? static_cast<T>(uniform(-3, 3)) : -std::numeric_limits<T>::infinity();
  Call<T> call = c.call();
  call.x = c.x.data();
  call.out = c.out.data();
  if (with_indices) call.indices = c.indices.data();
  c.check_each("max", pooling::max_variants<T>(), call, c.out, [&] {
    bool good = true;
    for_windows(c.g, c.adaptive, [&](int64_t y, const auto &elements, const auto &positions, int64_t) {
      T best = -std::numeric_limits<T>::infinity();
      int64_t at = positions.empty() ? -1 : positions[0];
      for (size_t i = 0; i < elements.size(); ++i)
        if (c.x[elements[i]] > best) best = c.x[elements[i]], at = positions[i];
      good &= c.out[y] == best && (!with_indices || c.indices[y] == at);
    });
    return good;
  });
}

template <class T>
void check_average(Case<T> &c) {
  c.x.randomize();
  c.dy.randomize();
  Call<T> call = c.call();
  call.x = c.x.data();
  call.out = c.out.data();
  const double given = c.adaptive ? 0 : c.g.divisor;
  std::vector<double> dx(static_cast<size_t>(c.inputs)), sizes(dx), readers(dx);
  for_windows(c.g, c.adaptive, [&](int64_t y, const auto &elements, const auto &, int64_t count) {
    for (const int64_t i : elements) {
      const double share = c.dy[y] / (given != 0 ? given : static_cast<double>(count));
      dx[static_cast<size_t>(i)] += share;
      sizes[static_cast<size_t>(i)] += std::abs(share);
      readers[static_cast<size_t>(i)] += 1;
    }
  });
  c.check_each("average", pooling::average_variants<T>(), call, c.out, [&] {
    bool good = true;
    for_windows(c.g, c.adaptive, [&](int64_t y, const auto &elements, const auto &, int64_t count) {
      double sum = 0, size = 0;
      for (const int64_t i : elements) sum += c.x[i], size += std::abs(c.x[i]);
      const double divisor = given != 0 ? given : std::max<double>(1, static_cast<double>(count));
      good &= near(c.out[y], sum / divisor, size / divisor, static_cast<int64_t>(elements.size()));
    });
    return good;
  });
  Call<T> backward = c.call();
  backward.dy = c.dy.data();
  backward.out = c.in.data();
  c.check_each("average_backward", pooling::average_backward_variants<T>(), backward, c.in, [&] {
    bool good = true;
    for (int64_t i = 0; i < c.inputs; ++i) {
      const size_t at = static_cast<size_t>(i);
      good &= near(c.in[i], dx[at], sizes[at], static_cast<int64_t>(readers[at]));
    }
    return good;
  });
}

template <class T>
void check_lp(Case<T> &c) {
  c.x.randomize();
  c.dy.randomize();
  const double p = c.g.p;
  std::vector<double> dx(static_cast<size_t>(c.inputs)), sizes(dx);
  for_windows(c.g, false, [&](int64_t y, const auto &elements, const auto &, int64_t) {
    double sum = 0;
    for (const int64_t i : elements) sum += std::pow(std::abs(static_cast<double>(c.x[i])), p);
    c.y[y] = static_cast<T>(std::pow(sum, 1 / p));
    for (const int64_t i : elements) {
      const double x = c.x[i], share = c.dy[y] * (x < 0 ? -1 : 1) * std::pow(std::abs(x) / c.y[y], p - 1);
      dx[static_cast<size_t>(i)] += share;
      sizes[static_cast<size_t>(i)] += std::abs(share);
    }
  });
  Call<T> call = c.call();
  call.x = c.x.data();
  call.out = c.out.data();
  c.check_each("lp", pooling::lp_variants<T>(), call, c.out, [&] {
    bool good = true;
    for (int64_t i = 0; i < c.outputs; ++i) good &= near(c.out[i], c.y[i], c.y[i], 16);
    return good;
  });
  Call<T> backward = c.call();
  backward.x = c.x.data();
  backward.y = c.y.data();
  backward.dy = c.dy.data();
  backward.out = c.in.data();
  c.check_each("lp_backward", pooling::lp_backward_variants<T>(), backward, c.in, [&] {
    bool good = true;
    for (int64_t i = 0; i < c.inputs; ++i)
      good &= near(c.in[i], dx[static_cast<size_t>(i)], sizes[static_cast<size_t>(i)], 16);
    return good;
  });
}

template <class T>
void check_type() {
  for (int trial = 0; trial < 200; ++trial) {
    Case<T> c;
    check_max(c, trial % 2 == 0);
    check_average(c);
    if (!c.adaptive) check_lp(c);
  }
}

template <class T>
void expect_runs(const char *function, const Variants<T> &variants) {
  for (const auto &variant : variants) {
    const std::string name = std::string(function) + "/" + variant.name;
    std::printf("%s: %d runs\n", name.c_str(), runs[name]);
    check(runs[name] > 0, name + " never ran");
  }
}

}  // namespace

void check_pool_variants() {
  check_type<float>();
  check_type<double>();
  expect_runs("max", pooling::max_variants<float>());
  expect_runs("average", pooling::average_variants<float>());
  expect_runs("average_backward", pooling::average_backward_variants<float>());
  expect_runs("lp", pooling::lp_variants<float>());
  expect_runs("lp_backward", pooling::lp_backward_variants<float>());
}
