// How the products of forward and input gradient address the weights: as the user gives them, w[output][input][tap], or
// transposed for the input gradient, for each group and stride phase [input][output][tap of the phase], so that the
// products which a dx sums lie one behind the other.
#pragma once

#include "../../kernels/kernels.hpp"
#include "../../patches/patch_panel.hpp"

namespace gemmconv::implicit {

// Weights of a group that stay in a core's second-level cache for all pixels that use them: three quarters of 2 MiB.
constexpr int64_t cached_weight_bytes = 3 << 19;

// Element (target channel, source channel, tap) of a group is at
// offset + target channel * row_stride + source channel * channel_stride + tap * tap_stride.
struct WeightView {
  int64_t offset, row_stride, channel_stride, tap_stride;

  // The columns of a product with `channels` source channels and `taps` taps each.
  template <class T>
  void set_columns(int64_t channels, int64_t taps, PanelProduct<T> &product) const {
    const bool one_run = channel_stride == taps * tap_stride || channels == 1, single = taps == 1;
    product.inner = one_run ? channels * taps : single ? channels : taps;
    product.a_inner = single && !one_run ? channel_stride : tap_stride;
    product.outer = one_run || single ? 1 : channels;
    product.a_skip = channel_stride - taps * tap_stride;
  }
};

// As the user gives them: w[output][input][tap].
WeightView forward_weights(const Geometry &g);
WeightView backward_weights(const Geometry &g);  // unit strides, or one tap
// The phase of the inputs `residue`, `residue + stride`, ... of the transposed weights.
WeightView transposed_weights(const Geometry &g, const Sizes &residue);

template <class T>
void transpose_weights(const Geometry &g, int threads, const T *w, T *transposed);

// Taps that feed the inputs `residue`, `residue + stride`, ... along one axis.
int64_t taps_of_phase(const Axis &axis, bool flip, int64_t residue);

// Calls body(tap) for the taps of a phase in order, flat in w.
template <class Body>
void for_taps_of_phase(const Geometry &g, const Sizes &residue, const Body &body) {
  TapSequence taps[3];
  for (int i = 0; i < 3; ++i) taps[i] = TapSequence::backward(g.axis(i), g.flip, residue[i]);
  for (int64_t i = 0; i < taps[0].count; ++i) {
    for (int64_t j = 0; j < taps[1].count; ++j) {
      for (int64_t k = 0; k < taps[2].count; ++k) {
        body((taps[0].tap(i) * g.kernel[1] + taps[1].tap(j)) * g.kernel[2] + taps[2].tap(k));
      }
    }
  }
}

}  // namespace gemmconv::implicit
