// Direct convolution: the sums of the definition as nested loops, without scratch memory, for every problem.
#include "direct.hpp"

#include "../finish.hpp"
#include "loops.hpp"

namespace gemmconv::direct {
namespace {

// What the cost model reckons with, fitted on a Zen 5 core with AVX-512 (float32).
constexpr double nchw_flops_per_second = 100e9;
constexpr double nhwc_flops_per_second = 240e9;  // where channels fill their vectors
constexpr double seconds_per_row = 15e-9;        // of each row of each tap
constexpr double seconds_per_weight = 1e-9;      // channels last, every thread lays out all weights
constexpr double nchw_weight_factor = 2;         // weight gradients in NCHW take twice the time
// Where few channels are summed, a call of the kernel takes as long as this many channels more.
constexpr double channels_of_a_call = 6;

double estimated_seconds(const Problem &problem, const Execution &execution) {
  const Geometry &g = problem.geometry;
  const double item = static_cast<double>(problem.item_bytes()) / 4;
  const bool last = problem.channels_last();
  const int64_t lanes = 64 / static_cast<int64_t>(problem.item_bytes());
  const int64_t targets = problem.pass == Pass::forward ? g.group_outputs() : g.group_inputs();
  const double sources = static_cast<double>(problem.pass == Pass::forward ? g.group_inputs() : g.group_outputs());
  // What is contiguous fills the vectors: channels, or the pixels of a row.
  const int64_t along = last ? targets : problem.pass == Pass::backward_input ? g.input[2] : g.output[2];
  const double fill = static_cast<double>(along) / static_cast<double>(ceil_div(along, lanes) * lanes) * sources /
                      (sources + channels_of_a_call);
  const double weights = last ? static_cast<double>(g.w_size()) * seconds_per_weight : 0;
  const double slower = !last && problem.pass == Pass::backward_weight ? nchw_weight_factor : 1;
  const double rows = static_cast<double>(g.batch * g.groups * g.output[0] * g.output[1] * g.kernel_area());
  const double rate = (last ? nhwc_flops_per_second : nchw_flops_per_second) * fill;
  return (operations(g) * item * slower / rate + rows * seconds_per_row) / execution.threads + weights;
}

// A 1x1 kernel without stride or padding has no rows: its plane is one long row.
Problem flattened(Problem problem) {
  Geometry &g = problem.geometry;
  if (g.pointwise()) g.input = g.output = {1, 1, g.input_pixels()};
  return problem;
}

template <class T>
class PreparedLoops final : public Prepared {
 public:
  PreparedLoops(const Problem &problem, const Execution &execution)
      : Prepared(problem, execution),
        flat_(flattened(problem)),
        loops_(problem.channels_last() ? nhwc_loops<T>(problem.pass) : nchw_loops<T>(problem.pass)) {
    seconds = estimated_seconds(problem, execution);
  }

  void run(const Arguments &arguments) const override {
    T *out = static_cast<T *>(arguments.out);
    loops_(flat_, execution.threads, static_cast<const T *>(arguments.first), static_cast<const T *>(arguments.second),
           out);
    if (problem.pass == Pass::backward_weight) return;
    const Geometry &g = problem.geometry;
    const bool forward = problem.pass == Pass::forward;
    finish_tensor(g.layout, execution.threads, problem.activation, static_cast<const T *>(arguments.bias), out, g.batch,
                  forward ? g.out_channels : g.in_channels, forward ? g.output_pixels() : g.input_pixels());
  }

 private:
  const Problem flat_;
  const Loops<T> loops_;
};

const char *refuses(const Problem &, const Execution &) { return nullptr; }

const Variant table[] = {{"loops", refuses, make_prepared<PreparedLoops>}};

}  // namespace

const VariantList variants = table;

}  // namespace gemmconv::direct
