// A band of the source is copied once with its padding written out and its strides taken apart
// (patches/padded_band.hpp); then what a row of pixels reads under one tap is a row of that copy, and nothing is
// gathered. Mostly target channels fill the lanes and a pixel is one number in all of them: the weights, laid out for
// it, stream past, and the sums are turned to planes a band at a time. Where a pixel sums few products, the turning
// would take too long: then pixels fill the lanes.
#include "bands.hpp"

#include <algorithm>

#include "../../kernels/kernels.hpp"
#include "../../threads.hpp"
#include "../finish.hpp"
#include "bands_cut.hpp"
#include "turned.hpp"

namespace gemmconv::implicit {
namespace {

// The weights of `count` source channels from c on, for one panel of target channels and one stride phase:
// to[channel][tap][lane].
template <class T>
void pack_panel(const BandsCut &cut, const Sizes &residue, const T *w, int64_t group, int64_t block, int64_t c,
                int64_t count, T *to) {
  const int64_t area = cut.area, patch = cut.g.patch_size(), panel = cut.panel;
  const int64_t first = block * panel, used = std::min(panel, cut.rows - first);
  const auto transpose = kernels().direct<T>().transpose;
  const T *from = w + group * cut.g.group_outputs() * patch;
  int64_t own[most_band_taps], taps = 0;
  if (cut.backward) for_taps_of(cut.g, residue, [&](int64_t tap) { own[taps++] = tap; });
  else taps = area;
  if (taps == 0) return;
  if (used < panel) std::fill_n(to, count * taps * panel, T(0));
  if (!cut.backward) return transpose(used, count * area, from + first * patch + c * area, patch, to, panel);
  from += c * patch + first * area;
  if (area == 1) return kernels().plane<T>().copy(count, used, from, patch, 1, to, panel, 1);
  for (int64_t i = 0; i < count; ++i, from += patch, to += taps * panel) {
    if (taps == area) {
      transpose(used, area, from, area, to, panel);
      continue;
    }
    for (int64_t t = 0; t < taps; ++t) {
      for (int64_t j = 0; j < used; ++j) to[t * panel + j] = from[j * area + own[t]];
    }
  }
}

template <class T>
class Bands {
 public:
  Bands(const Problem &problem, const Execution &execution, const Arguments &arguments)
      : cut_(problem, execution, execution.packed_weights),
        g_(problem.geometry),
        activation_(problem.activation),
        source_(static_cast<const T *>(arguments.first)),
        weights_(static_cast<const T *>(arguments.second)),
        bias_(static_cast<const T *>(arguments.bias)),
        target_(static_cast<T *>(arguments.out)),
        workspace_(static_cast<std::byte *>(arguments.workspace)) {
    if (cut_.weights_bytes > 0) {
      T *packed = reinterpret_cast<T *>(workspace_);
      pack_bands(problem, execution.threads, weights_, packed);
      weights_ = packed;
    }
  }

  void run() const {
    const int64_t tasks = cut_.tasks();
    parallel(cut_.threads, [&](int part) {
      std::byte *own = workspace_ + cut_.weights_bytes + cut_.thread_bytes() * static_cast<size_t>(part);
      Scratch scratch;
      scratch.slab = reinterpret_cast<T *>(own);
      scratch.sums = reinterpret_cast<T *>(own += cut_.slab_bytes);
      scratch.lines = reinterpret_cast<T *>(own += cut_.sums_bytes);
      scratch.weights = reinterpret_cast<T *>(own += cut_.line_bytes);
      scratch.offsets = reinterpret_cast<int64_t *>(own += cut_.local_bytes);
      cut_.fill_offsets(scratch.offsets);
      for (int64_t task = tasks * part / cut_.threads; task < tasks * (part + 1) / cut_.threads; ++task) {
        run_task(task, scratch);
      }
    });
  }

 private:
  struct Scratch {
    T *slab, *sums, *lines, *weights;
    int64_t *offsets;
  };
  // What a task works on: the target of its group and, of each phase, the rows from (d, row) on.
  struct Task {
    int64_t group, part, d, row, count;
    T *to;
  };

  void run_task(int64_t number, const Scratch &scratch) const {
    const int64_t part = number % cut_.parts, band = number / cut_.parts % cut_.bands;
    const int64_t d = number / cut_.parts / cut_.bands % cut_.lattice[0];
    const int64_t item = number / cut_.parts / cut_.bands / cut_.lattice[0];
    const int64_t group = item % g_.groups, image = item / g_.groups;
    const int64_t row = band * cut_.band_rows, count = std::min(cut_.band_rows, cut_.lattice[1] - row);
    if (count <= 0) return;
    cut_.band.copy(source_ + image * cut_.source.image + group * cut_.depth * cut_.source.channel, cut_.depth, d, row,
                   cut_.band_rows, cut_.channel_stride, scratch.slab);
    const Task task{group, part,  d,
                    row,   count, target_ + image * cut_.target.image + group * cut_.rows * cut_.target.channel};
    int64_t before = 0;  // taps of earlier phases
    for (int64_t r0 = 0; r0 < cut_.phases[0]; ++r0) {
      for (int64_t r1 = 0; r1 < cut_.phases[1]; ++r1) {
        int64_t taps = 0;
        for (int64_t r2 = 0; r2 < cut_.phases[2]; ++r2) taps += cut_.taps({r0, r1, r2});
        if (taps == 0 && !bias_ && activation_ == Activation::identity) fill_zeros(task, {r0, r1, 0});
        else if (cut_.channels_in_lanes) by_channels(task, {r0, r1, 0}, before, scratch);
        else by_pixels(task, {r0, r1, 0}, before, scratch);
        before += taps;
      }
    }
  }

  // The target row that row i of a band is in a phase, or nullptr where the phase has a row less.
  T *target_row(const Task &task, const Sizes &residue, int64_t i) const {
    const int64_t d = task.d * cut_.phases[0] + residue[0], h = (task.row + i) * cut_.phases[1] + residue[1];
    if (d >= cut_.target_sizes[0] || h >= cut_.target_sizes[1]) return nullptr;
    return task.to + d * cut_.target.axis[0] + h * cut_.target.axis[1];
  }

  // Rows that no tap reaches.
  void fill_zeros(const Task &task, const Sizes &residue) const {
    const int64_t whole = cut_.channels_in_lanes ? cut_.blocks : cut_.rows;
    const int64_t unit = cut_.channels_in_lanes ? cut_.panel : 1;
    const int64_t begin = whole * task.part / cut_.parts * unit;
    const int64_t end = std::min(cut_.rows, whole * (task.part + 1) / cut_.parts * unit);
    for (int64_t k = begin; k < end; ++k) {
      for (int64_t i = 0; i < task.count; ++i) {
        T *row = target_row(task, residue, i);
        if (row) std::fill_n(row + k * cut_.target.channel, cut_.target_sizes[2], T(0));
      }
    }
  }

  void by_channels(const Task &task, Sizes residue, int64_t before, const Scratch &scratch) const {
    const LanesKernel<T> &kernel = kernels().lanes<T>();
    const auto transpose = kernels().direct<T>().transpose;
    const int64_t width = cut_.lattice[2], row_step = cut_.band.row_step(), panel = cut_.panel;
    const int64_t phase_sums = cut_.band_rows * width * panel;
    for (int64_t block = cut_.blocks * task.part / cut_.parts; block < cut_.blocks * (task.part + 1) / cut_.parts;
         ++block) {
      const int64_t first = block * panel, used = std::min(panel, cut_.rows - first);
      const auto multiply = kernel.row[used > kernel.lanes ? 1 : 0];
      int64_t earlier = before;
      for (residue[2] = 0; residue[2] < cut_.phases[2]; ++residue[2]) {
        const int64_t taps = cut_.taps(residue);
        const int64_t packed =
            (task.group * cut_.area + earlier) * cut_.blocks * panel * cut_.depth + block * panel * cut_.depth * taps;
        const int64_t *offsets = scratch.offsets + earlier * cut_.depth;
        T *sums = scratch.sums + residue[2] * phase_sums;
        if (taps == 0 && cut_.phases[2] > 1) continue;  // its lines are zeros
        // Blocks of source channels, whose weights stay in the second-level cache while the rows of the band pass.
        for (int64_t c = 0; c < cut_.depth; c += cut_.channels) {
          const int64_t count = std::min(cut_.channels, cut_.depth - c), k = count * taps;
          const T *weights = cut_.local ? scratch.weights : weights_ + packed + c * taps * panel;
          if (cut_.local) pack_panel(cut_, residue, weights_, task.group, block, c, count, scratch.weights);
          for (int64_t i = 0; i < task.count; ++i) {
            multiply(width, k, scratch.slab + i * row_step, offsets + c * taps, weights, panel,
                     sums + i * width * panel, panel, c > 0);
          }
        }
        earlier += taps;
      }
      const int64_t channel = first * cut_.target.channel, bias = task.group * cut_.rows + first;
      if (g_.layout == Layout::nhwc) {
        T *pixels = target_row(task, residue, 0) + first;
        for (int64_t p = 0; p < task.count * width; ++p) {
          std::copy_n(scratch.sums + p * panel, used, pixels + p * cut_.target.axis[2]);
        }
        finish_pixels(activation_, bias_ ? bias_ + bias : nullptr, pixels, task.count * width, used,
                      cut_.target.axis[2]);
        continue;
      }
      if (!cut_.strided()) {  // the rows of a band are one run of the plane
        T *planes = target_row(task, residue, 0) + channel;
        transpose(task.count * width, used, scratch.sums, panel, planes, cut_.target.channel);
        finish_rows(used, task.count * width, bias, planes, cut_.target.channel);
        continue;
      }
      if (cut_.phases[2] == 1) {
        for (int64_t i = 0; i < task.count; ++i) {
          T *row = target_row(task, residue, i);
          if (!row) continue;
          transpose(width, used, scratch.sums + i * width * panel, panel, row + channel, cut_.target.channel);
          finish_rows(used, width, bias, row + channel, cut_.target.channel);
        }
        continue;
      }
      // All rows are turned at once, then the columns of the phases interleaved row by row.
      const int64_t count = task.count * width;
      for (int64_t r = 0; r < cut_.phases[2]; ++r) {
        T *lines = scratch.lines + r * used * count;
        residue[2] = r;
        if (cut_.taps(residue) == 0) std::fill_n(lines, used * count, T(0));
        else transpose(count, used, scratch.sums + r * phase_sums, panel, lines, count);
        finish_rows(used, count, bias, lines, count);
      }
      for (int64_t i = 0; i < task.count; ++i) {
        T *row = target_row(task, residue, i);
        if (row) put_back(used, scratch.lines + i * width, count, row + channel);
      }
    }
  }

  void by_pixels(const Task &task, Sizes residue, int64_t before, const Scratch &scratch) const {
    const int64_t width = cut_.lattice[2], row_step = cut_.band.row_step();
    const int64_t begin = cut_.rows * task.part / cut_.parts, end = cut_.rows * (task.part + 1) / cut_.parts;
    const T *weights = weights_ + task.group * g_.group_outputs() * g_.patch_size();
    const bool apart = cut_.phases[2] > 1;
    // The products of a row, one for each stride phase of its columns.
    Product<T> products[PlaneFill::most_phases] = {};
    for (int64_t r = 0; r < cut_.phases[2]; ++r) {
      Product<T> &product = products[r];
      residue[2] = r;
      const WeightView view = cut_.strided()  ? turned_weights(g_, residue)
                              : cut_.backward ? backward_weights(g_)
                                              : forward_weights(g_);
      const int64_t taps = cut_.taps(residue);
      product.m = end - begin;
      product.n = width;
      product.a = weights + view.offset + begin * view.row;
      product.a_row = view.row;
      view.walk(cut_.depth, taps, product);
      product.b_offsets = scratch.offsets + before * cut_.depth;
      product.c_row = apart ? width : cut_.target.channel;
      product.bias = bias_ ? bias_ + task.group * cut_.rows + begin : nullptr;
      before += taps;
    }
    for (int64_t i = 0; i < task.count; ++i) {
      T *row = target_row(task, residue, i);
      if (!row) continue;
      row += begin * cut_.target.channel;
      for (int64_t r = 0; r < cut_.phases[2]; ++r) {
        Product<T> &product = products[r];
        product.b = scratch.slab + i * row_step;
        product.c = apart ? scratch.lines + r * product.m * width : row;
        kernels().panel<T>().product(product);
        if (activation_ == Activation::identity) continue;
        for (int64_t k = 0; k < product.m; ++k) finish(activation_, T(0), product.c + k * product.c_row, width);
      }
      if (apart) put_back(end - begin, scratch.lines, width, row);
    }
  }

  void finish_rows(int64_t rows, int64_t count, int64_t bias, T *first, int64_t stride) const {
    for (int64_t i = 0; i < rows; ++i) finish(activation_, bias_ ? bias_[bias + i] : T(0), first + i * stride, count);
  }

  // The columns of the phases, lines[phase][channel][column] with `stride` between channels, interleaved into a row of
  // every channel.
  void put_back(int64_t channels, const T *lines, int64_t stride, T *row) const {
    const PlaneKernel<T> &plane = kernels().plane<T>();
    const int64_t size = cut_.target_sizes[2], step = cut_.phases[2], second = channels * stride;
    if (step == 2) {
      plane.interleave(channels, size, lines, lines + second, stride, row, cut_.target.channel);
      return;
    }
    for (int64_t r = 0; r < std::min(step, size); ++r) {
      plane.copy(channels, ceil_div(size - r, step), lines + r * second, stride, 1, row + r, cut_.target.channel, step);
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

size_t bands_workspace_bytes(const Problem &problem, const Execution &execution, bool packed) {
  return BandsCut(problem, execution, packed).total_bytes();
}

template <class T>
void pack_bands(const Problem &problem, int threads, const T *w, T *packed) {
  const Geometry &g = problem.geometry;
  const BandsCut cut(problem, Execution{}, true);
  if (!cut.channels_in_lanes) {
    if (cut.strided()) turn_weights(g, threads, w, packed);
    else std::copy_n(w, g.w_size(), packed);
    return;
  }
  // A thread packs the weights of some source channels for one panel, phase after phase.
  parallel_ranges(threads, g.groups * cut.blocks * cut.depth, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t c = begin % cut.depth, block = begin / cut.depth % cut.blocks;
      const int64_t group = begin / cut.depth / cut.blocks, count = std::min(end - begin, cut.depth - c);
      int64_t earlier = 0;
      cut.for_phases([&](const Sizes &residue) {
        const int64_t taps = cut.taps(residue);
        T *phase = packed + (group * cut.area + earlier) * cut.blocks * cut.panel * cut.depth;
        pack_panel(cut, residue, w, group, block, c, count, phase + (block * cut.depth + c) * taps * cut.panel);
        earlier += taps;
      });
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
