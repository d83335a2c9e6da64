// dw[k][q] = sum over pixels of dy[k][p] . patches[q][p], where a product q is a tap of a source channel. What fills
// the lanes has to be turned, [p][lane]; what is not in the lanes is read where it lies. With many pixels dy is
// turned, a band at a time, and dw at the end; with many target channels or few pixels the patches are, and dw is
// written in place.
#include "planes_weight.hpp"

#include <algorithm>

#include "../../kernels/kernels.hpp"
#include "../../patches/padded_band.hpp"
#include "../../threads.hpp"
#include "weight_cut.hpp"

namespace gemmconv::implicit {
namespace {

template <class T>
struct Call {
  const WeightCut &cut;
  const T *dy, *x;
  T *dw;

  struct Task {
    int64_t group, channel, channels, tap, taps, output, outputs;
  };
  Task task(int64_t number) const {
    const int64_t part = number % cut.parts, tap_block = number / cut.parts % cut.tap_blocks;
    const int64_t block = number / cut.parts / cut.tap_blocks % cut.channel_blocks;
    const int64_t group = number / cut.parts / cut.tap_blocks / cut.channel_blocks;
    const int64_t c = block * cut.channels, tap = tap_block * cut.taps;
    // Parts of whole vectors.
    const int64_t width = ceil_div(cut.outputs, cut.lanes);
    const int64_t begin = std::min(cut.outputs, width * part / cut.parts * cut.lanes);
    const int64_t end = std::min(cut.outputs, width * (part + 1) / cut.parts * cut.lanes);
    return {group, c,          std::min(cut.channels, cut.inputs - c), tap, std::min(cut.taps, cut.area - tap),
            begin, end - begin};
  }
  const T *inputs(const Task &task, int64_t image) const {
    const Strides strides = cut.g.x_strides();
    return x + image * strides.image + (task.group * cut.inputs + task.channel) * strides.channel;
  }
  const T *outputs(const Task &task, int64_t image) const {
    const Strides strides = cut.g.y_strides();
    return dy + image * strides.image + (task.group * cut.outputs + task.output) * strides.channel;
  }
  T *gradient(const Task &task) const {
    return dw + ((task.group * cut.outputs + task.output) * cut.inputs + task.channel) * cut.area + task.tap;
  }

  void by_outputs(const Task &task, std::byte *scratch) const;
  void by_patches(const Task &task, std::byte *scratch) const;
};

// Lanes are target channels: sums[q][k] grow band by band, image by image.
template <class T>
void Call<T>::by_outputs(const Task &task, std::byte *scratch) const {
  const Geometry &g = cut.g;
  T *slab = reinterpret_cast<T *>(scratch), *turned = reinterpret_cast<T *>(scratch + cut.panel_bytes);
  T *sums = reinterpret_cast<T *>(scratch + cut.panel_bytes + cut.turned_bytes);
  int64_t *offsets = reinterpret_cast<int64_t *>(scratch + cut.panel_bytes + cut.turned_bytes + cut.sums_bytes);
  const WeightsKernel<T> &kernel = kernels().weights<T>();
  const auto transpose = kernels().direct<T>().transpose;
  const PaddedBand band(g, false);
  const int64_t products = task.channels * cut.area, plane = g.output_pixels(), width = g.output[2];
  int64_t x_line = width;
  if (cut.pointwise) {
    for (int64_t c = 0; c < task.channels; ++c) offsets[c] = c * plane;
  } else {
    band.tap_offsets(cut.band_rows, task.channels, cut.channel_stride, offsets);
    x_line = band.row_step();
  }
  // Panels of target channels, so that what is read together lies together.
  const int64_t all = ceil_div(task.outputs, cut.lanes), panels = ceil_div(all, cut.vectors);
  std::fill_n(sums, products * cut.sums_row, T(0));
  for (int64_t image = 0; image < g.batch; ++image) {
    const T *from_x = inputs(task, image), *from_dy = outputs(task, image);
    for (int64_t d = 0; d < g.output[0]; ++d) {
      for (int64_t row = 0; row < g.output[1]; row += cut.band_rows) {
        const int64_t count = std::min(cut.band_rows, g.output[1] - row), pixels = count * width;
        const int64_t first = (d * g.output[1] + row) * width;
        const T *rows = from_x + first;
        if (!cut.pointwise) {
          band.copy(from_x, task.channels, d, row, cut.band_rows, cut.channel_stride, slab);
          rows = slab;
        }
        for (int64_t panel = 0; panel < panels; ++panel) {
          const int64_t begin = all * panel / panels, vectors = all * (panel + 1) / panels - begin;
          const int64_t k = begin * cut.lanes, lanes = vectors * cut.lanes, used = std::min(lanes, task.outputs - k);
          if (used < lanes) std::fill_n(turned, pixels * lanes, T(0));
          transpose(used, pixels, from_dy + k * plane + first, plane, turned, lanes);
          // A plane without padding is one long row.
          if (cut.pointwise) {
            kernel.sums(static_cast<int>(vectors), products, 1, pixels, rows, offsets, 0, turned, lanes, sums + k,
                        cut.sums_row);
          } else {
            kernel.sums(static_cast<int>(vectors), products, count, width, rows, offsets, x_line, turned, lanes,
                        sums + k, cut.sums_row);
          }
        }
      }
    }
  }
  transpose(products, task.outputs, sums, cut.sums_row, gradient(task), cut.inputs * cut.area);
}

// Lanes are products of a patch: dw grows in place.
template <class T>
void Call<T>::by_patches(const Task &task, std::byte *scratch) const {
  const Geometry &g = cut.g;
  T *block = reinterpret_cast<T *>(scratch), *turned = reinterpret_cast<T *>(scratch + cut.panel_bytes);
  const auto transpose = kernels().direct<T>().transpose;
  const int64_t products = task.channels * task.taps, plane = g.output_pixels();
  const PatchGrid grid = cut.grid();
  PatchPanel patches(grid, cut.block_columns(), cut.taps, scratch + cut.panel_bytes + cut.turned_bytes);
  Product<T> product{};
  product.m = task.outputs;
  product.n = products;
  product.a_row = plane;
  product.a_inner = 1;
  product.b = turned;
  product.b_row = cut.panel_row;
  product.c = gradient(task);
  product.c_row = cut.inputs * cut.area;
  for (int64_t image = 0; image < g.batch; image += cut.images) {
    const int64_t images = std::min(cut.images, g.batch - image);
    for (int64_t first = 0; first < plane; first += cut.pixels) {
      const int64_t count = std::min(cut.pixels, plane - first);
      for (int64_t i = 0; i < images; ++i) {
        const T *from_x = inputs(task, image + i);
        T *to = turned + i * count * cut.panel_row;
        if (cut.pointwise) {
          transpose(products, count, from_x + first, plane, to, cut.panel_row);
          continue;
        }
        for (int64_t p = 0; p < count; p += cut.block_columns()) {
          const int64_t columns = std::min(cut.block_columns(), count - p);
          patches.cut(first + p, columns);
          patches.aim(task.tap, task.tap + task.taps);
          patches.gather(task.channels, from_x, g.x_strides().channel, block, cut.block_row());
          transpose(products, columns, block, cut.block_row(), to + p * cut.panel_row, cut.panel_row);
        }
      }
      product.a = outputs(task, image) + first;
      product.inner = count;
      product.outer = images;
      product.a_skip = g.y_strides().image - count;
      kernels().panel<T>().product(product);
      product.accumulate = true;
    }
  }
}

}  // namespace

size_t planes_weight_workspace_bytes(const Problem &problem, const Execution &execution) {
  return WeightCut(problem, execution).total_bytes();
}

template <class T>
void planes_weight(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  const WeightCut cut(problem, execution);
  const Call<T> call{cut, static_cast<const T *>(arguments.first), static_cast<const T *>(arguments.second),
                     static_cast<T *>(arguments.out)};
  if (problem.geometry.batch == 0) {
    std::fill_n(call.dw, problem.geometry.w_size(), T(0));
    return;
  }
  const int64_t tasks = cut.tasks();
  parallel(cut.threads, [&](int part) {
    std::byte *scratch = static_cast<std::byte *>(arguments.workspace) + cut.thread_bytes() * static_cast<size_t>(part);
    for (int64_t number = tasks * part / cut.threads; number < tasks * (part + 1) / cut.threads; ++number) {
      const auto task = call.task(number);
      if (task.channels <= 0 || task.taps <= 0 || task.outputs <= 0) continue;
      if (cut.outputs_in_lanes) call.by_outputs(task, scratch);
      else call.by_patches(task, scratch);
    }
  });
}

template void planes_weight<float>(const Problem &, const Execution &, const Arguments &);
template void planes_weight<double>(const Problem &, const Execution &, const Arguments &);

}  // namespace gemmconv::implicit
