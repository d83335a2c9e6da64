// How the weight gradient of planes (NCHW) is divided. A task computes dw for some source channels (or, where a kernel
// has very many taps, for some of its taps) and some target channels of a group, over all images. dw[k][q] sums
// dy[k][p] . patches[q][p] over the pixels p, a product q being a tap of a source channel; what fills the lanes of a
// vector, k or q, has to be transposed.
#pragma once

#include <cstddef>

#include "../../index_grid.hpp"
#include "../../kernels/kernels.hpp"
#include "../../patches/patch_panel.hpp"
#include "../../problem.hpp"

namespace gemmconv::implicit {

enum class WeightLanes { outputs, patches };

// A task: target channels, source channels and taps of one group.
struct WeightTask {
  int64_t group, channel, channels, tap, taps, output, outputs;

  bool empty() const { return channels <= 0 || taps <= 0 || outputs <= 0; }
};

struct WeightLayout {
  // `problem` has to outlive the layout.
  WeightLayout(const Problem &problem, const Execution &execution, WeightLanes in_lanes);

  const Geometry &g;
  WeightLanes in_lanes;
  int64_t inputs, outputs, all_taps;  // channels of a group, taps
  bool pointwise;                     // x itself is the matrix of patches
  int64_t channels, channel_blocks;   // source channels of a task
  int64_t taps, tap_blocks;           // taps of a task: all where it has several channels
  int64_t parts;                      // of the target channels
  int64_t lanes, vectors;             // of one vector, of the widest tile
  int64_t pixels, images;             // of a block, patches in lanes: some pixels of an image, or whole images
  int64_t band_rows;                  // of dy, outputs in lanes
  int64_t channel_stride;             // of the padded band
  int64_t panel_row, sums_row;
  int threads;
  // Elements of a thread's scratch memory (the tables: bytes): a band of x or a block of patches, what is transposed for
  // the lanes, sums, offsets of products, tables of runs.
  int64_t panel_size, transposed_size, sums_size, offsets_size, table_bytes;

  IndexGrid<4> tasks() const { return {{g.groups, channel_blocks, tap_blocks, parts}}; }
  WeightTask task(int64_t number) const;
  size_t thread_bytes() const;
  PatchGrid grid() const;
  // Pixels of one gathered block, and its row.
  int64_t block_columns() const { return 4 * lanes; }
  int64_t block_row() const { return 5 * lanes; }

 private:
  // The largest blocks there may be.
  void start();
  // Makes blocks smaller; false where they cannot be.
  bool shrink();
  void measure();

  DType type_;
};

// The scratch arrays of one thread.
template <class T>
struct WeightArrays {
  T *panel, *transposed, *sums;
  int64_t *offsets;
  std::byte *tables;

  template <class Visit>
  void each(const Visit &visit, const WeightLayout &layout) {
    visit(panel, layout.panel_size);
    visit(transposed, layout.transposed_size);
    visit(sums, layout.sums_size);
    visit(offsets, layout.offsets_size);
    visit(tables, layout.table_bytes);
  }
};

// The operands of one run, and where those of a task begin.
template <class T>
struct WeightOperands {
  const WeightLayout &layout;
  const T *dy, *x;
  T *dw;

  const T *inputs(const WeightTask &task, int64_t image) const {
    const Strides strides = layout.g.x_strides();
    return x + image * strides.image + (task.group * layout.inputs + task.channel) * strides.channel;
  }
  const T *outputs(const WeightTask &task, int64_t image) const {
    const Strides strides = layout.g.y_strides();
    return dy + image * strides.image + (task.group * layout.outputs + task.output) * strides.channel;
  }
  T *gradient(const WeightTask &task) const {
    const int64_t output = task.group * layout.outputs + task.output;
    return dw + (output * layout.inputs + task.channel) * layout.all_taps + task.tap;
  }
};

// Why the weight gradient cannot be computed by either layout of planes, or nullptr.
const char *why_no_weight_gradient_of_planes(const Problem &problem);
// Whether x can be padded in bands at all.
bool can_pad_in_bands(const Geometry &g);

}  // namespace gemmconv::implicit
