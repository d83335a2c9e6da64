// How a kernel slides over planes that are read where they lie (PlaneWindow in kernels.hpp), worked out once per plan.
#pragma once

#include <vector>

#include "../../kernels/kernels.hpp"
#include "../sides.hpp"

namespace gemmconv::depthwise {

// Windows that differ in where their rows begin only: each a row further in source and target than the one before.
struct WindowSeries {
  PlaneWindow window;
  int64_t count;
  int64_t source, target;  // elements to skip, in the first
};

// The windows of an unstrided pass, or of a strided one that gathers, along rows and columns. Rows that lie a multiple
// of the dilation apart are a plane under a dense kernel: there is a window for each residue modulo the dilation.
// first_row, first_column: the source cells that target 0 meets under the first tap.
std::vector<WindowSeries> plane_windows(const Geometry &g, const Sizes &source, const Sizes &target, int64_t stride,
                                        int64_t first_row, int64_t first_column);

// Two windows at stride 1 whose sums go to the even and to the odd columns of the target.
struct InterleavedWindows {
  PlaneWindow even, odd;
  int64_t w_even, w_odd;  // places of their first taps in the kernel
  TapSteps tap;
  int64_t target;  // elements to skip
};

// The windows of the input gradient where the columns have stride 2, one for each phase of the rows.
std::vector<InterleavedWindows> interleaved_windows(const Geometry &g, const Sides &sides);

}  // namespace gemmconv::depthwise
