// The variant `planes`, forward and input gradient: one channel against one channel, NCHW. A kernel slides over planes
// that are read where they lie (window_body.hpp), many planes a call, since one of 7x7 takes less time than a call.
// Depth and a channel multiplier are loops around that; the input gradient at stride 2 computes the rows of one stride
// phase at a time, their even and odd columns by a kernel each.
#include <algorithm>

#include "../../threads.hpp"
#include "../finish.hpp"
#include "axis_taps.hpp"
#include "cost.hpp"
#include "depthwise.hpp"
#include "plane_windows.hpp"

namespace gemmconv::depthwise {
namespace {

// Columns of a kernel: PlaneWindowKernel::interleaved takes 8 of each stride phase.
constexpr int64_t most_interleaved = 16;

// Planes of so much a call: bias and activation, and rows of other stride phases, find them in the first-level cache.
constexpr int64_t planes_bytes = 16384;

template <class T>
class PlaneCorrelation final : public Prepared {
 public:
  PlaneCorrelation(const Problem &given, const Execution &settings)
      : Prepared(given, settings),
        g_(this->problem.geometry),
        sides_(this->problem),
        depths_(g_.axis(0), g_.flip, sides_.backward),
        kernels_(g_.group_outputs()),
        source_kernel_(sides_.backward ? sides_.source.pixels() : 0),
        target_kernel_(sides_.backward ? 0 : sides_.target.pixels()) {
    const Axis rows = g_.axis(1), columns = g_.axis(2);
    const int64_t group_bytes = sides_.target.channels * sides_.target.pixels() * static_cast<int64_t>(sizeof(T));
    groups_at_once_ = std::max<int64_t>(1, planes_bytes / group_bytes);
    if (sides_.backward && g_.stride[2] == 2) {
      interleaved_ = interleaved_windows(g_, sides_);
    } else {
      // The input gradient is the correlation of dy with the rotated kernel.
      const bool rotated = g_.flip != sides_.backward;
      first_tap_ = rotated ? rows.kernel * columns.kernel - 1 : 0;
      tap_ = rotated ? TapSteps{-columns.kernel, -1} : TapSteps{columns.kernel, 1};
      const auto first = [&](const Axis &axis) {
        return sides_.backward ? -tap_offset(axis, axis.kernel - 1, false) : tap_offset(axis, 0, false);
      };
      windows_ = plane_windows(g_, sides_.source.sizes, sides_.target.sizes, sides_.backward ? 1 : columns.stride,
                               first(rows), first(columns));
    }
    seconds = planes_seconds(problem, execution);
  }

  void run(const Arguments &arguments) const override {
    const T *source = static_cast<const T *>(arguments.first), *w = static_cast<const T *>(arguments.second);
    const T *bias = static_cast<const T *>(arguments.bias);
    T *target = static_cast<T *>(arguments.out);
    const int64_t targets = sides_.target.channels, pixels = sides_.target.pixels();
    const bool finishes = bias || problem.activation != Activation::identity;
    parallel_ranges(execution.threads, g_.batch * g_.groups, [&](int64_t begin, int64_t end) {
      while (begin < end) {
        const int64_t image = begin / g_.groups, group = begin % g_.groups;
        const int64_t last = std::min({group + groups_at_once_, g_.groups, group + end - begin});
        T *out = target + image * sides_.target.strides.image;
        correlate_groups(group, last, w, source + image * sides_.source.strides.image, out);
        for (int64_t k = group * targets; k < last * targets && finishes; ++k) {
          finish(problem.activation, bias ? bias[k] : T(0), out + k * pixels, pixels);
        }
        begin += last - group;
      }
    });
  }

 private:
  // Groups begin .. end-1 of one image. Where a target takes several kernels (of a channel multiplier, along the
  // depth), the first overwrites and the others add.
  void correlate_groups(int64_t begin, int64_t end, const T *w, const T *source, T *target) const {
    const Sizes &from = sides_.source.sizes, &to = sides_.target.sizes;
    const int64_t area = g_.kernel_area(), slice = g_.kernel[1] * g_.kernel[2];
    const int64_t from_group = sides_.source.channels * sides_.source.pixels();
    const int64_t to_group = sides_.target.channels * sides_.target.pixels();
    const Series series{end - begin, kernels_ * area, from_group, to_group};
    for (int64_t depth = 0; depth < to[0]; ++depth) {
      for (int64_t k = 0; k < kernels_; ++k) {
        T *const out = target + begin * to_group + k * target_kernel_ + depth * to[1] * to[2];
        bool accumulate = target_kernel_ == 0 && k > 0;
        depths_.for_reaching(depth, [&](int64_t tap, int64_t at) {
          correlate_planes(series, w + (begin * kernels_ + k) * area + tap * slice,
                           source + begin * from_group + k * source_kernel_ + at * from[1] * from[2], out, accumulate);
          accumulate = true;
        });
        for (int64_t group = begin; group < end && !accumulate; ++group) {  // no cell of the kernel reaches this depth
          std::fill_n(out + (group - begin) * to_group, to[1] * to[2], T(0));
        }
      }
    }
  }

  // Planes a fixed distance apart, each with its kernel; of series, x is the source and y the target.
  void correlate_planes(const Series &series, const T *w, const T *source, T *target, bool accumulate) const {
    const PlaneWindowKernel<T> &kernel = kernels<T>().plane_windows;
    for (const InterleavedWindows &windows : interleaved_) {
      kernel.interleaved(windows.even, windows.odd, series, w + windows.w_even, w + windows.w_odd, windows.tap, source,
                         target + windows.target, accumulate);
    }
    for (const WindowSeries &windows : windows_) {
      for (int64_t i = 0; i < windows.count; ++i) {
        kernel.correlate(windows.window, series, w + first_tap_, tap_,
                         source + windows.source + i * sides_.source.sizes[2],
                         target + windows.target + i * sides_.target.sizes[2], accumulate);
      }
    }
  }

  const Geometry &g_;
  const Sides sides_;
  const AxisTaps depths_;
  const int64_t kernels_;                        // of one group: its channel multiplier
  const int64_t source_kernel_, target_kernel_;  // elements from what one kernel reads or writes to the next one's
  int64_t groups_at_once_;
  int64_t first_tap_ = 0;
  TapSteps tap_{};
  std::vector<WindowSeries> windows_;  // one of these two lists is empty
  std::vector<InterleavedWindows> interleaved_;
};

}  // namespace

const char *planes_refuse(const Problem &problem, const Execution &) {
  const Geometry &g = problem.geometry;
  if (const char *reason = refused_by_every_variant(problem)) return reason;
  if (problem.channels_last()) return "it is for planes (NCHW), and this problem is channels last";
  if (g.group_inputs() != 1) return "it is for groups of one input channel, and these have more";
  const bool one_row = g.kernel[1] == 1 && g.input[1] == 1 && g.output[1] == 1;
  if (g.stride[2] > 2 || (g.stride[1] != g.stride[2] && !one_row)) {
    return "it is for strides of 1, or of 2 along both rows and columns";
  }
  if (g.stride[2] == 1) return nullptr;
  const auto dense = [&](int i) { return g.kernel[i] == 1 || g.dilation[i] == 1; };
  if (!dense(2) || (!dense(1) && !one_row)) return "at stride 2 it is for kernels without dilation";
  if (problem.pass == Pass::backward_input && g.kernel[2] > most_interleaved) {
    return "its input gradient at stride 2 is for kernels of at most 16 columns";
  }
  return nullptr;
}

PreparedPointer prepare_planes(const Problem &problem, const Execution &execution) {
  if (problem.pass == Pass::backward_weight) return prepare_planes_weight(problem, execution);
  return make_prepared<PlaneCorrelation>(problem, execution);
}

}  // namespace gemmconv::depthwise
