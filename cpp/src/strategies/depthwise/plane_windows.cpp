// The windows of the variant `planes`: one for each residue of the rows modulo their dilation or stride.
#include "plane_windows.hpp"

#include <algorithm>

namespace gemmconv::depthwise {
namespace {

int64_t floor_mod(int64_t a, int64_t b) { return (a % b + b) % b; }

// Taps of one kernel axis that reach the target cells of one phase, in the order of the source. The dilation is 1.
struct PhaseTaps {
  int64_t count, first;  // how many, and the source cell that target cell `residue` meets under the first
  int64_t start, step;   // where the first lies in w along this axis, and how far the next

  PhaseTaps(const Axis &axis, int64_t residue, bool flip) {
    const int64_t least = (residue + axis.padding_low) % axis.stride;
    count = least < axis.kernel ? ceil_div(axis.kernel - least, axis.stride) : 0;
    first = (residue + axis.padding_low - least) / axis.stride - (count - 1);
    const int64_t last = least + axis.stride * (count - 1);
    start = flip ? axis.kernel - 1 - last : last;
    step = flip ? axis.stride : -axis.stride;
  }
};

}  // namespace

std::vector<WindowSeries> plane_windows(const Geometry &g, const Sizes &source, const Sizes &target, int64_t stride,
                                        int64_t first_row, int64_t first_column) {
  const int64_t dilation = g.kernel[1] > 1 ? g.dilation[1] : 1, residues = std::min(dilation, target[1]);
  std::vector<WindowSeries> series;
  for (int64_t residue = 0, next; residue < residues; residue = next) {
    const int64_t start = floor_mod(residue + first_row, dilation);  // the source row that its rows are counted from
    const int64_t rows = std::max<int64_t>(0, ceil_div(source[1] - start, dilation));
    const int64_t out_rows = ceil_div(target[1] - residue, dilation);
    const PlaneWindow window{rows,
                             source[2],
                             dilation * source[2],
                             g.kernel[1],
                             g.kernel[2],
                             g.dilation[2],
                             (residue + first_row - start) / dilation,
                             first_column,
                             stride,
                             out_rows,
                             target[2],
                             dilation * target[2]};
    // The next residue whose window is another: the source's residue begins anew, or a row fewer remains.
    next = std::min(residues, residue + dilation - start);
    next = std::min(next, target[1] - (out_rows - 1) * dilation);
    if (rows > 0) next = std::min(next, residue + source[1] - start - (rows - 1) * dilation);
    series.push_back({window, next - residue, start * source[2], residue * target[2]});
  }
  return series;
}

std::vector<InterleavedWindows> interleaved_windows(const Geometry &g, const Sides &sides) {
  const Axis rows = g.axis(1), columns = g.axis(2);
  const Sizes &source = sides.source.sizes, &target = sides.target.sizes;
  const PhaseTaps even(columns, 0, g.flip), odd(columns, 1, g.flip);
  std::vector<InterleavedWindows> windows;
  for (int64_t residue = 0; residue < sides.phases[1]; ++residue) {
    const PhaseTaps down(rows, residue, g.flip);
    const auto window = [&](const PhaseTaps &across, int64_t out_columns) {
      return PlaneWindow{source[1],
                         source[2],
                         source[2],
                         down.count,
                         across.count,
                         1,
                         down.first,
                         across.first,
                         1,
                         sides.cells_of_phase(1, residue),
                         out_columns,
                         sides.phases[1] * target[2]};
    };
    const int64_t w = down.start * columns.kernel;
    windows.push_back({window(even, ceil_div(target[2], 2)),
                       window(odd, target[2] / 2),
                       w + even.start,
                       w + odd.start,
                       {down.step * columns.kernel, even.step},
                       residue * target[2]});
  }
  return windows;
}

}  // namespace gemmconv::depthwise
