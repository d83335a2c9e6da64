// A band of the source is copied once with its padding written out and its strides taken apart (patches/padded_band.hpp);
// then what a row of pixels reads under one tap is a row of that copy, and nothing is gathered. Mostly target channels fill
// the lanes and a pixel is one number in all of them: the weights, laid out for it, stream past, and the sums are turned
// to planes a band at a time. Where a pixel sums few products, the turning would take too long: then pixels fill the lanes.
#include "implicit_bands.hpp"

#include <algorithm>
#include <cstring>

#include "../kernels/kernels.hpp"
#include "../patches/padded_band.hpp"
#include "../threads.hpp"
#include "finish.hpp"

namespace gemmconv::implicit {
namespace {

// A band of the padded source stays in the second-level cache with a block of weights: 576 KiB of 2 MiB. Sums of 512
// pixels by 32 channels are 64 KiB.
constexpr int64_t band_bytes = 576 << 10, band_pixels = 512;
// Products that a pixel sums in one go: 640 rows of 32 weights are 80 KiB.
constexpr int64_t block_depth = 640;

size_t rounded(int64_t elements, size_t item) { return (static_cast<size_t>(elements) * item + 63) / 64 * 64; }

int64_t vector_lanes(const Problem &problem) {
  return problem.dtype == DType::float32 ? kernels().lanes<float>().lanes : kernels().lanes<double>().lanes;
}

// Turning the sums takes as long as 13 products; a row of pixels may leave part of its last vector empty.
bool channels_in_lanes(const Problem &problem) {
  const Geometry &g = problem.geometry;
  const bool backward = problem.pass == Pass::backward_input;
  const int64_t lanes = vector_lanes(problem), rows = backward ? g.group_inputs() : g.group_outputs();
  const int64_t width = backward ? g.input[2] : g.output[2];
  const double depth = static_cast<double>((backward ? g.group_outputs() : g.group_inputs()) * g.kernel_area());
  const double by_channels = static_cast<double>(ceil_div(rows, lanes) * lanes) / static_cast<double>(rows) * (1 + 13 / depth);
  const double by_pixels = static_cast<double>(ceil_div(width, lanes) * lanes) / static_cast<double>(width) * 1.04;
  return depth > block_depth || by_channels < by_pixels;
}

struct BandsCut {
  bool channels_in_lanes;
  bool backward;
  PaddedBand band;
  const Geometry &g;
  int64_t rows, depth, area;  // target channels and source channels of a group, taps
  Strides source, target;
  Sizes target_sizes;
  int64_t panel, blocks;            // channels of a panel of weights, panels of a group
  int64_t band_rows, bands, parts;  // parts: of the panels of a group, each a task
  int64_t channel_stride;           // of the padded band
  int64_t channels;                 // source channels of a block
  int threads;
  size_t weights_bytes, slab_bytes, sums_bytes, offset_bytes;

  BandsCut(const Problem &problem, const Execution &execution, bool packed);
  int64_t tasks() const { return g.batch * g.groups * target_sizes[0] * bands * parts; }
  size_t thread_bytes() const { return slab_bytes + sums_bytes + offset_bytes; }
};

BandsCut::BandsCut(const Problem &problem, const Execution &execution, bool packed)
    : channels_in_lanes(implicit::channels_in_lanes(problem)),
      backward(problem.pass == Pass::backward_input),
      band(problem.geometry, backward),
      g(problem.geometry) {
  const int64_t item = static_cast<int64_t>(size_of(problem.dtype));
  rows = backward ? g.group_inputs() : g.group_outputs();
  depth = backward ? g.group_outputs() : g.group_inputs();
  area = g.kernel_area();
  source = backward ? g.y_strides() : g.x_strides();
  target = backward ? g.x_strides() : g.y_strides();
  target_sizes = backward ? g.input : g.output;
  panel = 2 * vector_lanes(problem);
  blocks = ceil_div(rows, panel);
  const int64_t depth_blocks = ceil_div(depth * area, block_depth);
  channels = std::max<int64_t>(ceil_div(depth, depth_blocks), 1);
  weights_bytes = packed || !channels_in_lanes ? 0 : bands_packed_bytes(problem);
  offset_bytes = rounded(depth * area, sizeof(int64_t));
  // As many rows as keep the band in the cache; fewer where the limit asks for it.
  for (band_rows = target_sizes[1];; band_rows = (band_rows + 1) / 2) {
    channel_stride = band.channel_stride(band_rows, item);
    slab_bytes = rounded(depth * channel_stride + 128 / item, static_cast<size_t>(item));
    sums_bytes = channels_in_lanes ? rounded(band_rows * target_sizes[2] * panel, static_cast<size_t>(item)) : 0;
    const bool fits = weights_bytes + thread_bytes() <= execution.workspace_limit;
    if (band_rows == 1 ||
        (fits && static_cast<int64_t>(slab_bytes) <= band_bytes && band_rows * target_sizes[2] <= band_pixels)) {
      break;
    }
  }
  bands = ceil_div(target_sizes[1], band_rows);
  band_rows = ceil_div(target_sizes[1], bands);
  threads = execution.threads;
  parts = 1;
  if (tasks() < 8 * threads && tasks() % threads != 0) parts = std::min<int64_t>(threads, channels_in_lanes ? blocks : rows);
  threads = static_cast<int>(std::clamp<int64_t>(tasks(), 1, threads));
  while (threads > 1 && weights_bytes + thread_bytes() * static_cast<size_t>(threads) > execution.workspace_limit) {
    --threads;
  }
}

template <class T>
class Bands {
 public:
  Bands(const Problem &problem, const Execution &execution, const Arguments &arguments)
      : cut_(problem, execution, arguments.packed),
        g_(problem.geometry),
        activation_(problem.activation),
        source_(static_cast<const T *>(arguments.first)),
        weights_(static_cast<const T *>(arguments.second)),
        bias_(static_cast<const T *>(arguments.bias)),
        target_(static_cast<T *>(arguments.out)),
        workspace_(static_cast<std::byte *>(arguments.workspace)) {
    if (!arguments.packed && cut_.channels_in_lanes) {
      T *packed = reinterpret_cast<T *>(workspace_);
      pack_bands(problem, execution.threads, weights_, packed);
      weights_ = packed;
    }
  }

  void run() const {
    const int64_t tasks = cut_.tasks();
    parallel(cut_.threads, [&](int part) {
      std::byte *own = workspace_ + cut_.weights_bytes + cut_.thread_bytes() * static_cast<size_t>(part);
      T *slab = reinterpret_cast<T *>(own), *sums = reinterpret_cast<T *>(own + cut_.slab_bytes);
      int64_t *offsets = reinterpret_cast<int64_t *>(own + cut_.slab_bytes + cut_.sums_bytes);
      cut_.band.tap_offsets(cut_.band_rows, cut_.depth, cut_.channel_stride, offsets);
      for (int64_t task = tasks * part / cut_.threads; task < tasks * (part + 1) / cut_.threads; ++task) {
        run_task(task, slab, sums, offsets);
      }
    });
  }

 private:
  void run_task(int64_t task, T *slab, T *sums, const int64_t *offsets) const {
    const int64_t part = task % cut_.parts, band = task / cut_.parts % cut_.bands;
    const int64_t d = task / cut_.parts / cut_.bands % cut_.target_sizes[0];
    const int64_t item = task / cut_.parts / cut_.bands / cut_.target_sizes[0];
    const int64_t group = item % g_.groups, image = item / g_.groups;
    const int64_t row = band * cut_.band_rows, count = std::min(cut_.band_rows, cut_.target_sizes[1] - row);
    if (count <= 0) return;
    cut_.band.copy(source_ + image * cut_.source.image + group * cut_.depth * cut_.source.channel, cut_.depth, d, row,
                   cut_.band_rows, cut_.channel_stride, slab);
    T *to = target_ + image * cut_.target.image + group * cut_.rows * cut_.target.channel + d * cut_.target.axis[0] +
            row * cut_.target.axis[1];
    if (cut_.channels_in_lanes) {
      by_channels(group, part, count, slab, sums, offsets, to);
    } else {
      by_pixels(group, part, count, slab, offsets, to);
    }
  }

  void by_channels(int64_t group, int64_t part, int64_t count, const T *slab, T *sums, const int64_t *offsets,
                   T *to) const {
    const LanesKernel<T> &kernel = kernels().lanes<T>();
    const int64_t width = cut_.target_sizes[2], row_step = cut_.band.row_step();
    const int64_t line = cut_.depth * cut_.area * cut_.panel;  // of one panel of weights
    for (int64_t block = cut_.blocks * part / cut_.parts; block < cut_.blocks * (part + 1) / cut_.parts; ++block) {
      const int64_t first = block * cut_.panel, used = std::min(cut_.panel, cut_.rows - first);
      const T *weights = weights_ + (group * cut_.blocks + block) * line;
      const auto multiply = kernel.row[used > kernel.lanes ? 1 : 0];
      // Blocks of source channels, whose weights stay in the second-level cache while the rows of the band pass.
      for (int64_t c = 0; c < cut_.depth; c += cut_.channels) {
        const int64_t k = std::min(cut_.channels, cut_.depth - c) * cut_.area;
        for (int64_t i = 0; i < count; ++i) {
          multiply(width, k, slab + i * row_step, offsets + c * cut_.area, weights + c * cut_.area * cut_.panel,
                   cut_.panel, sums + i * width * cut_.panel, cut_.panel, c > 0);
        }
      }
      T *planes = to + first * cut_.target.channel;
      kernels().direct<T>().transpose(count * width, used, sums, cut_.panel, planes, cut_.target.channel);
      for (int64_t i = 0; i < used; ++i) {
        finish(activation_, bias_ ? bias_[group * cut_.rows + first + i] : T(0), planes + i * cut_.target.channel,
               count * width);
      }
    }
  }

  void by_pixels(int64_t group, int64_t part, int64_t count, const T *slab, const int64_t *offsets, T *to) const {
    const bool backward = cut_.backward;
    const int64_t width = cut_.target_sizes[2], row_step = cut_.band.row_step(), area = cut_.area;
    const int64_t begin = cut_.rows * part / cut_.parts, end = cut_.rows * (part + 1) / cut_.parts;
    const T *weights = weights_ + group * g_.group_outputs() * g_.patch_size();
    Product<T> product{};
    product.m = end - begin;
    product.n = width;
    product.a_row = backward ? area : g_.patch_size();
    product.a = weights + begin * product.a_row;
    product.inner = backward ? area : g_.patch_size();
    product.a_inner = 1;
    product.outer = backward ? cut_.depth : 1;
    product.a_skip = backward ? g_.patch_size() - area : 0;
    product.b_offsets = offsets;
    product.c_row = cut_.target.channel;
    product.bias = bias_ ? bias_ + group * cut_.rows + begin : nullptr;
    for (int64_t i = 0; i < count; ++i) {
      product.b = slab + i * row_step;
      product.c = to + begin * cut_.target.channel + i * width;
      kernels().panel<T>().product(product);
      if (activation_ == Activation::identity) continue;
      for (int64_t k = 0; k < product.m; ++k) finish(activation_, T(0), product.c + k * product.c_row, width);
    }
  }

  const BandsCut cut_;
  const Geometry &g_;
  Activation activation_;
  const T *source_, *weights_, *bias_;
  T *target_;
  std::byte *workspace_;
};

}  // namespace

bool prefers_bands(const Problem &problem) {
  const Geometry &g = problem.geometry;
  const bool backward = problem.pass == Pass::backward_input;
  if (g.layout == Layout::nhwc || g.kernel_area() == 1 || g.kernel_area() > 512) return false;
  if (product(g.stride) > (backward ? 1 : PlaneFill::most_phases)) return false;
  const int64_t lanes = vector_lanes(problem), rows = backward ? g.group_inputs() : g.group_outputs();
  const int64_t filled = ceil_div(rows, lanes) * lanes;
  const int64_t pixels = backward ? g.input_pixels() : g.output_pixels();
  return g.batch * pixels >= 150 && (rows * 5 >= filled * 4 || !channels_in_lanes(problem));
}

size_t bands_packed_bytes(const Problem &problem) {
  const Geometry &g = problem.geometry;
  if (!channels_in_lanes(problem)) return rounded(g.w_size(), size_of(problem.dtype));
  const bool backward = problem.pass == Pass::backward_input;
  const int64_t rows = backward ? g.group_inputs() : g.group_outputs();
  const int64_t depth = (backward ? g.group_outputs() : g.group_inputs()) * g.kernel_area();
  const int64_t panel = 2 * vector_lanes(problem);
  return rounded(g.groups * ceil_div(rows, panel) * panel * depth, size_of(problem.dtype));
}

size_t bands_workspace_bytes(const Problem &problem, const Execution &execution) {
  const BandsCut cut(problem, execution, false);
  return cut.weights_bytes + cut.thread_bytes() * static_cast<size_t>(cut.threads);
}

template <class T>
void pack_bands(const Problem &problem, int threads, const T *w, T *packed) {
  const Geometry &g = problem.geometry;
  const bool backward = problem.pass == Pass::backward_input;
  const int64_t area = g.kernel_area(), patch = g.patch_size();
  const int64_t rows = backward ? g.group_inputs() : g.group_outputs();
  const int64_t depth = backward ? g.group_outputs() : g.group_inputs();
  const int64_t panel = 2 * vector_lanes(problem), blocks = ceil_div(rows, panel);
  const auto transpose = kernels().direct<T>().transpose;
  if (!channels_in_lanes(problem)) {
    std::copy_n(w, g.w_size(), packed);
    return;
  }
  // A thread packs the weights of some source channels for one panel.
  parallel_ranges(threads, g.groups * blocks * depth, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t c = begin % depth, block = begin / depth % blocks, group = begin / depth / blocks;
      const int64_t count = std::min(end - begin, depth - c), first = block * panel;
      const int64_t used = std::min(panel, rows - first);
      T *to = packed + begin * area * panel;
      if (used < panel) std::fill_n(to, count * area * panel, T(0));
      const T *group_w = w + group * g.group_outputs() * patch;
      if (backward) {
        for (int64_t i = 0; i < count; ++i) {
          transpose(used, area, group_w + (c + i) * patch + first * area, area, to + i * area * panel, panel);
        }
      } else {
        transpose(used, count * area, group_w + first * patch + c * area, patch, to, panel);
      }
      begin += count;
    }
  });
}

template <class T>
void bands(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  Bands<T>(problem, execution, arguments).run();
}

template void pack_bands<float>(const Problem &, int, const float *, float *);
template void pack_bands<double>(const Problem &, int, const double *, double *);
template void bands<float>(const Problem &, const Execution &, const Arguments &);
template void bands<double>(const Problem &, const Execution &, const Arguments &);

}  // namespace gemmconv::implicit
