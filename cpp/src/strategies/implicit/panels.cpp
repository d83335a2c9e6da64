// The variant `panels`: target[m][pixels] = weights[m][l] . patches[l][pixels], with vectors along the pixels. The
// weights stay where they are, a number of them at a time in all lanes; the patches of a panel of pixels are gathered
// into a panel of a few cache lines a row and serve all m. Forward, m are the outputs and l = (input, tap). In the input
// gradient m are the inputs and l = (output, tap): each dx gathers from the dy that read it (the rotated kernel, with
// strides only the taps of its own phase), so that nothing is multiplied by zero and nothing is added twice.
#include <algorithm>

#include "../../kernels/kernels.hpp"
#include "../../scratch.hpp"
#include "../../threads.hpp"
#include "../finish.hpp"
#include "cost.hpp"
#include "implicit.hpp"
#include "panel_layout.hpp"

namespace gemmconv::implicit {
namespace {

template <class T>
class Panels final : public Prepared {
 public:
  Panels(const Problem &given, const Execution &settings)
      : Prepared(given, settings), layout_(this->problem, this->execution) {
    workspace_bytes = rounded(layout_.shared_weights_size, sizeof(T)) +
                      scratch_bytes<PanelArrays<T>>(layout_) * static_cast<size_t>(layout_.threads);
    packed_bytes = rounded(layout_.g.w_size(), sizeof(T));
    seconds = panels_seconds(problem, execution, layout_);
  }

  void pack(const void *w, void *packed) const override {
    const T *from = static_cast<const T *>(w);
    T *to = static_cast<T *>(packed);
    if (layout_.transposed) transpose_weights(layout_.g, execution.threads, from, to);
    else std::copy_n(from, layout_.g.w_size(), to);
  }

  void run(const Arguments &arguments) const override {
    Call call{static_cast<const T *>(arguments.first), static_cast<const T *>(arguments.second),
              static_cast<const T *>(arguments.bias), static_cast<T *>(arguments.out)};
    std::byte *memory = static_cast<std::byte *>(arguments.workspace);
    if (layout_.shared_weights_size > 0) {
      transpose_weights(layout_.g, execution.threads, call.weights, reinterpret_cast<T *>(memory));
      call.weights = reinterpret_cast<const T *>(memory);
      memory += rounded(layout_.shared_weights_size, sizeof(T));
    }
    const size_t thread_bytes = scratch_bytes<PanelArrays<T>>(layout_);
    const int64_t tasks = layout_.tasks().count();
    parallel(layout_.threads, [&](int part) {
      const auto scratch = scratch_arrays<PanelArrays<T>>(memory + thread_bytes * static_cast<size_t>(part), layout_);
      const Range own = even_share(tasks, part, layout_.threads);
      for (int64_t task = own.begin; task < own.end; ++task) run_task(call, task, scratch);
    });
  }

 private:
  struct Call {
    const T *source, *weights, *bias;
    T *target;
  };
  // The sums of some target channels of a group for one panel and one phase.
  struct Sums {
    T *first;
    int64_t row;           // elements from target channel to target channel
    int64_t begin, count;  // target channels of the group
    const T *bias;         // of the first one, or nullptr
  };

  // Panels of one sequence of columns follow each other, so that their weights may stay in the cache.
  void run_task(const Call &call, int64_t task, const PanelArrays<T> &scratch) const {
    const auto [row_part, image, group, phase_of_rows, number] = layout_.tasks().at(task);
    const Sides &sides = layout_.sides;
    const Range rows = even_share(layout_.rows, row_part, layout_.row_parts);
    const PanelColumns columns = layout_.panel(number);
    const int64_t channel = group * layout_.rows + rows.begin;
    T *target = call.target + image * sides.target.strides.image + channel * sides.target.strides.channel;
    for (int64_t r = 0; r < sides.phases[2]; ++r) {
      const PanelPhase phase = layout_.phase({phase_of_rows / sides.phases[1], phase_of_rows % sides.phases[1], r});
      PatchPanel panel(phase.grid, layout_.most_columns, layout_.taps, scratch.tables);
      panel.set_columns(columns.first, columns.count);
      Sums sums{target + columns.first, sides.target.strides.channel, rows.begin, rows.end - rows.begin,
                call.bias ? call.bias + channel : nullptr};
      if (!layout_.direct) {
        sums.first = scratch.sums + r * sums.count * layout_.panel_row;
        sums.row = layout_.panel_row;
      }
      multiply(call, group, image, phase, panel, columns, scratch, sums);
      if (problem.activation != Activation::identity) {
        for (int64_t i = 0; i < sums.count; ++i) {
          finish(problem.activation, T(0), sums.first + i * sums.row, columns.count);
        }
      }
      const bool last = r + 1 == sides.phases[2];
      if (!layout_.direct && last) store(panel, sums.count, phase.residue, scratch.sums, target);
    }
  }

  // sums = weights . patches for one panel, blocks of products one after the other.
  void multiply(const Call &call, int64_t group, int64_t image, const PanelPhase &phase, PatchPanel &panel,
                const PanelColumns &columns, const PanelArrays<T> &scratch, const Sums &sums) const {
    const Geometry &g = layout_.g;
    const WeightView &view = phase.weights;
    const Strides &strides = layout_.sides.source.strides;
    const int64_t taps = phase.grid.tap_count();
    const T *source = call.source + layout_.sides.source.offset(image, group);
    const T *weights =
        call.weights + group * g.group_outputs() * g.patch_size() + view.offset + sums.begin * view.row_stride;
    PanelProduct<T> product{};
    product.n = columns.count - columns.remainder;
    product.a_row = view.row_stride;
    product.copy_row = layout_.panel_row;
    product.c_row = sums.row;
    product.stream = layout_.stream;
    // Whole vectors are read, which must not pass the end of a plane: behind the last one the tensor ends.
    const int64_t end_of_vectors = columns.first + ceil_div(product.n, layout_.lanes) * layout_.lanes;
    const bool in_place = g.pointwise() && layout_.direct && product.n > 0 && end_of_vectors <= layout_.columns;
    for (int64_t i = 0; columns.remainder > 0 && i < sums.count; ++i) {
      std::fill_n(sums.first + product.n + i * sums.row, columns.remainder, sums.bias ? sums.bias[i] : T(0));
    }
    // Blocks of source channels, or, where a channel has very many taps, of its taps.
    int64_t c = 0;
    do {
      const int64_t channels = std::min(layout_.channels, layout_.depth - c);
      int64_t t = 0;
      do {
        const int64_t block = std::min(layout_.taps, taps - t);
        const T *from = source + c * strides.channel;
        // 1x1: planes are the matrix of patches, and are copied by the first rows of the product that read them.
        const T *patches = in_place ? from + columns.first : scratch.panel;
        const int64_t patch_row = in_place ? strides.channel : layout_.panel_row;
        if (!in_place) {
          panel.find_runs(t, t + block);
          panel.gather(channels, from, strides.channel, scratch.panel, layout_.panel_row);
        }
        multiply_block(weights + c * view.channel_stride + t * view.tap_stride, view, channels, block, patches,
                       patch_row, columns.remainder, product, scratch, sums);
        product.accumulate = true;
        t += layout_.taps;
      } while (t < taps);
      c += layout_.channels;
    } while (c < layout_.depth);
  }

  // Adds the products of `channels` source channels and `taps` taps, whose patches are rows of `patches`.
  void multiply_block(const T *weights, const WeightView &view, int64_t channels, int64_t taps, const T *patches,
                      int64_t patch_row, int64_t remainder, PanelProduct<T> &product, const PanelArrays<T> &scratch,
                      const Sums &sums) const {
    const StridedKernel<T> &strided = kernels<T>().strided;
    const int64_t k = channels * taps;
    const bool in_place = patches != scratch.panel;
    if (remainder > 0) kernels<T>().moves.transpose(k, remainder, patches + product.n, patch_row, scratch.remainder, k);
    // All rows at once, or as many as are used again.
    const bool again = layout_.local || layout_.strips > 1 || remainder > 0;
    const int64_t chunk = again && k > 0 ? chunk_rows : sums.count;
    for (int64_t i = 0; i < sums.count; i += chunk) {
      product.m = std::min(chunk, sums.count - i);
      product.a = weights + i * view.row_stride;
      product.a_row = view.row_stride;
      view.set_columns(channels, taps, product);
      if (layout_.local && k > 0) {
        kernels<T>().moves.transpose(k, product.m, product.a, view.channel_stride, scratch.weights, k);
        product.a = scratch.weights;
        product.a_row = product.inner = k;
        product.a_inner = product.outer = 1;
      }
      const bool reads_planes = in_place && i == 0;
      product.b = reads_planes ? patches : scratch.panel;
      product.b_row = reads_planes ? patch_row : layout_.panel_row;
      product.copy = reads_planes ? scratch.panel : nullptr;
      product.c = sums.first + i * sums.row;
      product.bias = sums.bias && !product.accumulate ? sums.bias + i : nullptr;
      kernels<T>().panel.product(product);
      if (remainder > 0 && k > 0) {
        strided.dot(product.m, remainder, k, product.a, product.a_row, scratch.remainder, k,
                    sums.first + product.n + i * sums.row, sums.row, 1);
      }
    }
  }

  // The sums of the phases along the last axis, interleaved, to where they belong.
  void store(const PatchPanel &panel, int64_t rows, const Sizes &residue, const T *sums, T *target) const {
    const MoveKernel<T> &moves = kernels<T>().moves;
    const Side &side = layout_.sides.target;
    const Sizes &size = side.sizes, &step = layout_.sides.phases;
    const int64_t row_size = layout_.panel_row, second = rows * row_size;
    for (int64_t i = 0; i < panel.piece_count(); ++i) {
      const Piece &piece = panel.piece(i);
      const int64_t d = piece.d * step[0] + residue[0], h = piece.h * step[1] + residue[1], w = piece.w * step[2];
      if (d >= size[0] || h >= size[1]) continue;  // this phase has a row less
      T *row = target + piece.image * side.strides.image + d * side.strides.axis[0] + h * side.strides.axis[1] + w;
      const T *from = sums + piece.column;
      if (step[2] == 2) {
        moves.interleave(rows, std::min(2 * piece.count, size[2] - w), from, from + second, row_size, row,
                         side.strides.channel);
        continue;
      }
      for (int64_t r = 0; r < step[2]; ++r) {
        const int64_t count = std::min(piece.count, ceil_div(size[2] - w - r, step[2]));
        if (count > 0) {
          moves.copy(rows, count, from + r * second, row_size, 1, row + r, side.strides.channel, step[2]);
        }
      }
    }
  }

  const PanelLayout layout_;
};

}  // namespace

const char *panels_refuse(const Problem &problem, const Execution &) {
  if (problem.pass == Pass::backward_weight) return "it computes the forward pass and the input gradient only";
  if (problem.channels_last()) return "it is for planes (NCHW), and the channels of this problem come last";
  return nullptr;
}

PreparedPointer prepare_panels(const Problem &problem, const Execution &execution) {
  return make_prepared<Panels>(problem, execution);
}

}  // namespace gemmconv::implicit
