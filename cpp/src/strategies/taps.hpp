// The taps of a kernel and the rows that they join: what the loops of direct and implicit run over.
#pragma once

#include "../geometry.hpp"

namespace gemmconv {

// A tap and the outputs along the last axis that it feeds from inside the input.
struct Tap {
  int64_t depth, row, column;  // taps along the three axes
  int64_t depth_offset, row_offset, column_offset;
  Range columns;
  int64_t index;  // flat, in w
};

// Calls body(tap) for each tap of the kernel in C order.
template <class Body>
void for_taps(const Geometry &g, const Body &body) {
  const Axis axes[3] = {g.axis(0), g.axis(1), g.axis(2)};
  Tap tap{};
  for (tap.depth = 0; tap.depth < g.kernel[0]; ++tap.depth) {
    tap.depth_offset = tap_offset(axes[0], tap.depth, g.flip);
    for (tap.row = 0; tap.row < g.kernel[1]; ++tap.row) {
      tap.row_offset = tap_offset(axes[1], tap.row, g.flip);
      for (tap.column = 0; tap.column < g.kernel[2]; ++tap.column, ++tap.index) {
        tap.column_offset = tap_offset(axes[2], tap.column, g.flip);
        tap.columns = outputs_inside(axes[2], tap.column_offset);
        if (tap.columns.begin < tap.columns.end) body(tap);
      }
    }
  }
}

// The output position that reaches input position `position` through a tap, or -1.
inline int64_t output_at(const Axis &axis, int64_t position, int64_t offset) {
  const int64_t reach = position - offset;
  return reach >= 0 && reach % axis.stride == 0 && reach / axis.stride < axis.output ? reach / axis.stride : -1;
}

// The input position that an output position reads through a tap, or -1.
inline int64_t input_at(const Axis &axis, int64_t position, int64_t offset) {
  const int64_t read = position * axis.stride + offset;
  return read >= 0 && read < axis.input ? read : -1;
}

}  // namespace gemmconv
