// target[m][pixels] = weights[m][l] . patches[l][pixels], vectors along the pixels. The weights stay where they are,
// a number of them at a time in all lanes; the patches of a panel of pixels are gathered into a panel of a few cache
// lines a row and serve all m. Forward, m are the outputs and l = (input, tap). In the input gradient m are the
// inputs and l = (output, tap): each dx gathers from the dy that read it (the rotated kernel, with strides only the
// taps of its own phase), so that nothing is multiplied by zero and nothing is added twice.
#include "planes.hpp"

#include <algorithm>

#include "../../kernels/kernels.hpp"
#include "../../threads.hpp"
#include "../finish.hpp"
#include "cut.hpp"

namespace gemmconv::implicit {
namespace {

// One thread's scratch.
template <class T>
struct Scratch {
  T *panel, *ragged, *sums, *local;
  void *tables;

  Scratch(const PlanesCut &cut, void *workspace, int part) {
    std::byte *at =
        static_cast<std::byte *>(workspace) + cut.weights_bytes + cut.thread_bytes() * static_cast<size_t>(part);
    panel = reinterpret_cast<T *>(at);
    ragged = reinterpret_cast<T *>(at += cut.panel_bytes);
    sums = reinterpret_cast<T *>(at += cut.ragged_bytes);
    local = reinterpret_cast<T *>(at += cut.sums_bytes);
    tables = at += cut.local_bytes;
  }
};

template <class T>
class Planes {
 public:
  Planes(const Problem &problem, const Execution &execution, const Arguments &arguments)
      : g_(problem.geometry),
        cut_(problem, execution, execution.packed_weights),
        activation_(problem.activation),
        source_(static_cast<const T *>(arguments.first)),
        weights_(static_cast<const T *>(arguments.second)),
        bias_(static_cast<const T *>(arguments.bias)),
        target_(static_cast<T *>(arguments.out)),
        workspace_(arguments.workspace) {
    if (cut_.weights_bytes > 0) {
      turn_weights(g_, execution.threads, weights_, static_cast<T *>(workspace_));
      weights_ = static_cast<const T *>(workspace_);
    }
  }

  void run() const {
    const int64_t tasks = cut_.tasks();
    parallel(cut_.threads, [&](int part) {
      const Scratch<T> scratch(cut_, workspace_, part);
      for (int64_t task = tasks * part / cut_.threads; task < tasks * (part + 1) / cut_.threads; ++task) {
        run_task(task, scratch);
      }
    });
  }

 private:
  // Panels of one lattice follow each other, so that their weights may stay in the cache.
  void run_task(int64_t task, const Scratch<T> &scratch) const {
    const int64_t number = task % cut_.panels, lattice = task / cut_.panels % cut_.lattices;
    const int64_t row_part = task / cut_.panels / cut_.lattices;
    const int64_t phases = cut_.phases[0] * cut_.phases[1];
    const int64_t phase = lattice % phases, group = lattice / phases % g_.groups, image = lattice / phases / g_.groups;
    const int64_t begin = cut_.rows * row_part / cut_.row_parts, end = cut_.rows * (row_part + 1) / cut_.row_parts;
    const PanelColumns columns = cut_.panel(number);
    const int64_t first_row = group * cut_.rows + begin;
    T *to = target_ + image * cut_.target.image + first_row * cut_.target.channel;
    for (int64_t residue = 0; residue < cut_.phases[2]; ++residue) {
      const Sizes residues{phase / cut_.phases[1], phase % cut_.phases[1], residue};
      const PatchGrid grid = cut_.grid(residues);
      PatchPanel panel(grid, cut_.most_columns, cut_.taps, scratch.tables);
      panel.cut(columns.first, columns.count);
      T *sums = cut_.direct ? to + columns.first : scratch.sums + residue * (end - begin) * cut_.panel_row;
      const int64_t sums_row = cut_.direct ? cut_.target.channel : cut_.panel_row;
      multiply(group, image, begin, end, residues, grid, panel, columns, scratch, sums, sums_row);
      if (activation_ != Activation::identity) {
        for (int64_t i = begin; i < end; ++i) {
          finish(activation_, T(0), sums + (i - begin) * sums_row, columns.count);
        }
      }
      if (!cut_.direct && residue + 1 == cut_.phases[2]) {
        put_back(panel, end - begin, residues, scratch.sums, to);
      }
    }
  }

  // sums = weights . patches for the rows begin .. end-1 and one panel, blocks of l one after the other.
  void multiply(int64_t group, int64_t image, int64_t begin, int64_t end, const Sizes &residues, const PatchGrid &grid,
                PatchPanel &panel, const PanelColumns &columns, const Scratch<T> &scratch, T *sums,
                int64_t sums_row) const {
    const PanelKernel<T> &kernel = kernels().panel<T>();
    const DirectKernel<T> &direct = kernels().direct<T>();
    const int64_t taps = grid.tap_count(), depth = cut_.depth;
    const T *group_source = source_ + image * cut_.source.image + group * depth * cut_.source.channel;
    const T *bias = bias_ ? bias_ + group * cut_.rows + begin : nullptr;
    const WeightView view = cut_.weights(residues);
    const T *group_weights = weights_ + group * g_.group_outputs() * g_.patch_size() + view.offset + begin * view.row;
    Product<T> product{};
    product.n = columns.count - columns.ragged;
    product.a_row = view.row;
    product.keep_row = cut_.panel_row;
    product.c_row = sums_row;
    product.stream = cut_.stream;
    T *ragged = sums + product.n;
    // Whole vectors are read, which must not pass the end of a plane: behind the last one the tensor ends.
    const bool in_place = g_.pointwise() && cut_.direct && product.n > 0 &&
                          columns.first + ceil_div(product.n, cut_.lanes) * cut_.lanes <= cut_.columns;
    for (int64_t i = 0; columns.ragged > 0 && i < end - begin; ++i) {
      std::fill_n(ragged + i * sums_row, columns.ragged, bias ? bias[i] : T(0));
    }
    // Blocks of channels, or, where a channel has very many taps, of its taps.
    int64_t c = 0;
    do {
      const int64_t channels = std::min(cut_.channels, depth - c);
      int64_t t = 0;
      do {
        const int64_t block = std::min(cut_.taps, taps - t);
        const int64_t k = channels * block;
        const T *from = group_source + c * cut_.source.channel;
        // Planes that are the matrix of patches are copied by the first rows that read them.
        const T *patches = in_place ? from + columns.first : scratch.panel;
        const int64_t patch_row = in_place ? cut_.source.channel : cut_.panel_row;
        if (!in_place) {
          panel.aim(t, t + block);
          panel.gather(channels, from, cut_.source.channel, scratch.panel, cut_.panel_row);
        }
        if (columns.ragged > 0) {
          direct.transpose(k, columns.ragged, patches + product.n, patch_row, scratch.ragged, k);
        }
        // All rows at once, or as many as are used again.
        const bool again = cut_.local || cut_.strips > 1 || columns.ragged > 0;
        const int64_t chunk = again && k > 0 ? chunk_rows : end - begin;
        for (int64_t i = 0; i < end - begin; i += chunk) {
          product.m = std::min(chunk, end - begin - i);
          product.a = group_weights + c * view.channel + t * view.tap + i * view.row;
          view.walk(channels, block, product);
          if (cut_.local && k > 0) {
            direct.transpose(k, product.m, product.a, view.channel, scratch.local, k);
            product.a = scratch.local;
            product.a_row = product.inner = k;
            product.a_inner = product.outer = 1;
          }
          product.b = in_place && i == 0 ? patches : scratch.panel;
          product.b_row = in_place && i == 0 ? patch_row : cut_.panel_row;
          product.keep = in_place && i == 0 ? scratch.panel : nullptr;
          product.c = sums + i * sums_row;
          product.bias = bias && !product.accumulate ? bias + i : nullptr;
          kernel.product(product);
          if (columns.ragged > 0 && k > 0) {
            direct.dot(product.m, columns.ragged, k, product.a, product.a_row, scratch.ragged, k, ragged + i * sums_row,
                       sums_row, 1);
          }
        }
        product.accumulate = true;
        t += cut_.taps;
      } while (t < taps);
      c += cut_.channels;
    } while (c < depth);
  }

  // The sums of the phases along the last axis, interleaved, to where they belong.
  void put_back(const PatchPanel &panel, int64_t rows, const Sizes &residue, const T *sums, T *to) const {
    const PlaneKernel<T> &plane = kernels().plane<T>();
    const Sizes &size = cut_.target_sizes, &step = cut_.phases;
    for (int64_t i = 0; i < panel.piece_count(); ++i) {
      const Piece &piece = panel.piece(i);
      const int64_t d = piece.d * step[0] + residue[0], h = piece.h * step[1] + residue[1], w = piece.w * step[2];
      if (d >= size[0] || h >= size[1]) continue;  // this phase has a row less
      T *row = to + piece.image * cut_.target.image + d * cut_.target.axis[0] + h * cut_.target.axis[1] + w;
      const T *from = sums + piece.column;
      const int64_t second = rows * cut_.panel_row;
      if (step[2] == 2) {
        plane.interleave(rows, std::min(2 * piece.count, size[2] - w), from, from + second, cut_.panel_row, row,
                         cut_.target.channel);
        continue;
      }
      for (int64_t r = 0; r < step[2]; ++r) {
        const int64_t count = std::min(piece.count, ceil_div(size[2] - w - r, step[2]));
        if (count > 0) {
          plane.copy(rows, count, from + r * second, cut_.panel_row, 1, row + r, cut_.target.channel, step[2]);
        }
      }
    }
  }

  const Geometry &g_;
  PlanesCut cut_;
  Activation activation_;
  const T *source_, *weights_, *bias_;
  T *target_;
  void *workspace_;
};

}  // namespace

size_t planes_workspace_bytes(const Problem &problem, const Execution &execution) {
  // Weights that came packed are cut in another way, and which they are is not known yet.
  const PlanesCut cut(problem, execution, false), packed(problem, execution, true);
  return std::max(cut.total_bytes(), packed.total_bytes());
}

template <class T>
void planes(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  Planes<T>(problem, execution, arguments).run();
}

template void planes<float>(const Problem &, const Execution &, const Arguments &);
template void planes<double>(const Problem &, const Execution &, const Arguments &);

}  // namespace gemmconv::implicit
