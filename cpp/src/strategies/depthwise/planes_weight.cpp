// The variant `planes`, weight gradient: dy slides over the planes of x where they lie, with the sums of several kernel
// cells in registers (window_gradient_body.hpp). Threads divide the channels: each sum is added up by one of them, in
// the same order on any number of threads.
#include <algorithm>

#include "../../threads.hpp"
#include "axis_taps.hpp"
#include "cost.hpp"
#include "depthwise.hpp"
#include "plane_windows.hpp"

namespace gemmconv::depthwise {
namespace {

template <class T>
class PlaneWeightGradient final : public Prepared {
 public:
  PlaneWeightGradient(const Problem &given, const Execution &settings)
      : Prepared(given, settings),
        g_(this->problem.geometry),
        tap_(g_.flip ? TapSteps{-g_.kernel[2], -1} : TapSteps{g_.kernel[2], 1}),
        windows_(plane_windows(g_, g_.input, g_.output, g_.stride[2], tap_offset(g_.axis(1), 0, false),
                               tap_offset(g_.axis(2), 0, false))),
        depths_(g_.axis(0), g_.flip, false) {
    seconds = planes_seconds(problem, execution);
  }

  void run(const Arguments &arguments) const override {
    const T *dy = static_cast<const T *>(arguments.first), *x = static_cast<const T *>(arguments.second);
    T *dw = static_cast<T *>(arguments.out);
    parallel_ranges(execution.threads, g_.groups,
                    [&](int64_t begin, int64_t end) { add_groups(begin, end, dy, x, dw); });
  }

 private:
  // The gradients of groups begin .. end-1. One call of the kernel adds one depth of dy, under one tap of the depth.
  void add_groups(int64_t begin, int64_t end, const T *dy, const T *x, T *dw) const {
    const int64_t area = g_.kernel_area(), slice = g_.kernel[1] * g_.kernel[2], multiplier = g_.group_outputs();
    const int64_t x_channel = g_.input_pixels(), y_channel = g_.output_pixels();
    std::fill(dw + begin * multiplier * area, dw + end * multiplier * area, T(0));
    const Series images{g_.batch, 0, g_.in_channels * x_channel, g_.out_channels * y_channel};
    const Series channels{end - begin, multiplier * area, x_channel, multiplier * y_channel};
    for (int64_t k = begin * multiplier; k < (begin + 1) * multiplier; ++k) {  // kernels of one channel
      for (const AxisTap &tap : depths_.taps) {
        T *to = dw + k * area + tap.index * slice + (g_.flip ? slice - 1 : 0);
        for (int64_t depth = tap.targets.begin; depth < tap.targets.end; ++depth) {
          const int64_t at = tap.cell + depth * depths_.source_step;
          add_planes(channels, images, dy + k * y_channel + depth * g_.output[1] * g_.output[2],
                     x + begin * x_channel + at * g_.input[1] * g_.input[2], to);
        }
      }
    }
  }

  void add_planes(const Series &channels, const Series &images, const T *dy, const T *x, T *dw) const {
    for (const WindowSeries &windows : windows_) {
      for (int64_t i = 0; i < windows.count; ++i) {
        kernels<T>().plane_windows.gradient(windows.window, channels, images, dy + windows.target + i * g_.output[2],
                                            x + windows.source + i * g_.input[2], dw, tap_);
      }
    }
  }

  const Geometry &g_;
  const TapSteps tap_;
  const std::vector<WindowSeries> windows_;
  const AxisTaps depths_;
};

}  // namespace

PreparedPointer prepare_planes_weight(const Problem &problem, const Execution &execution) {
  return make_prepared<PlaneWeightGradient>(problem, execution);
}

}  // namespace gemmconv::depthwise
