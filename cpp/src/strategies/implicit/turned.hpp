// The weights as the input gradient reads them: for each group and stride phase [input][output][tap of the phase], so
// that the products which a dx sums lie one behind the other.
#pragma once

#include "../../kernels/kernels.hpp"
#include "../../patches/patch_panel.hpp"

namespace gemmconv::implicit {

// Weights of a group that stay in a core's second-level cache while pixels pass: three quarters of 2 MiB.
constexpr int64_t cached_bytes = 3 << 19;

// Where weights are: element (row, channel, tap) of a group at offset + row * row + channel * channel + tap * tap.
struct WeightView {
  int64_t offset, row, channel, tap;

  // The columns of a product with `channels` channels and `taps` taps each.
  template <class T>
  void walk(int64_t channels, int64_t taps, Product<T> &product) const {
    const bool one_run = channel == taps * tap || channels == 1, single = taps == 1;
    product.inner = one_run ? channels * taps : single ? channels : taps;
    product.a_inner = single && !one_run ? channel : tap;
    product.outer = one_run || single ? 1 : channels;
    product.a_skip = channel - taps * tap;
  }
};

// As the user gives them: w[output][input][tap].
WeightView forward_weights(const Geometry &g);
WeightView backward_weights(const Geometry &g);  // unit strides, or one tap
// The phase of the inputs `residue`, `residue + stride`, ... of the turned weights.
WeightView turned_weights(const Geometry &g, const Sizes &residue);

// The phase whose inputs a tap feeds, along one axis, and its place among the taps of that phase.
struct TapPhase {
  int64_t residue, rank;
};
TapPhase tap_phase(const Axis &axis, int64_t tap, bool flip);
// Taps of a phase along one axis, and of all phases before it.
int64_t taps_of(const Axis &axis, bool flip, int64_t residue);
int64_t taps_before(const Axis &axis, bool flip, int64_t residue);

// Calls body(tap) for the taps of a phase in order, flat in w.
template <class Body>
void for_taps_of(const Geometry &g, const Sizes &residue, const Body &body) {
  TapLine lines[3];
  for (int i = 0; i < 3; ++i) lines[i] = TapLine::backward(g.axis(i), g.flip, residue[i]);
  for (int64_t i = 0; i < lines[0].count; ++i) {
    for (int64_t j = 0; j < lines[1].count; ++j) {
      for (int64_t k = 0; k < lines[2].count; ++k) {
        body((lines[0].tap(i) * g.kernel[1] + lines[1].tap(j)) * g.kernel[2] + lines[2].tap(k));
      }
    }
  }
}

template <class T>
void turn_weights(const Geometry &g, int threads, const T *w, T *turned);

}  // namespace gemmconv::implicit
