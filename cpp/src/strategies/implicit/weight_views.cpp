// Transposes weights for the input gradient, phase after phase, and says where each weight lies.
#include "weight_views.hpp"

#include <algorithm>

#include "../../index_grid.hpp"
#include "../../threads.hpp"

namespace gemmconv::implicit {
namespace {

int64_t residue_of_tap(const Axis &axis, int64_t tap, bool flip) {
  const int64_t remainder = tap_offset(axis, tap, flip) % axis.stride;
  return remainder < 0 ? remainder + axis.stride : remainder;
}

// Taps of all phases before `residue`, along one axis.
int64_t taps_before_phase(const Axis &axis, bool flip, int64_t residue) {
  int64_t count = 0;
  if (axis.stride < axis.kernel) {  // long kernels have many taps and few phases
    for (int64_t phase = 0; phase < residue; ++phase) count += taps_of_phase(axis, flip, phase);
    return count;
  }
  for (int64_t tap = 0; tap < axis.kernel; ++tap) count += residue_of_tap(axis, tap, flip) < residue;
  return count;
}

// Where the transposed weights hold a tap: that of the first channels, and the steps from channel to channel.
struct TapPlace {
  int64_t offset, input, output;
};

TapPlace place_of_tap(const Geometry &g, int64_t tap) {
  const auto taps = IndexGrid<3>{{g.kernel[0], g.kernel[1], g.kernel[2]}}.at(tap);
  Sizes residue;
  int64_t rank = 0;  // among the taps of its phase
  for (int i = 0; i < 3; ++i) {
    const Axis axis = g.axis(i);
    residue[i] = residue_of_tap(axis, taps[i], g.flip);
    const TapSequence own = TapSequence::backward(axis, g.flip, residue[i]);
    rank = rank * own.count + (taps[i] - own.first) / own.gap;
  }
  const WeightView view = transposed_weights(g, residue);
  return {view.offset + rank, view.row_stride, view.channel_stride};
}

constexpr int64_t taps_at_once = 64;  // whose places are held on the stack

template <class T>
void transpose_matrices(const Geometry &g, int threads, const T *w, T *transposed) {
  constexpr int64_t block = 64;
  const int64_t outputs = g.group_outputs(), inputs = g.group_inputs();
  const IndexGrid tasks{g.groups, ceil_div(inputs, block)};
  parallel_ranges(threads, tasks.count(), [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const auto [group, number] = tasks.at(task);
      const int64_t matrix = group * outputs * inputs, c = number * block;
      kernels<T>().moves.transpose(outputs, std::min(block, inputs - c), w + matrix + c, inputs,
                                   transposed + matrix + c * outputs, outputs);
    }
  });
}

}  // namespace

WeightView forward_weights(const Geometry &g) { return {0, g.patch_size(), g.kernel_area(), 1}; }

WeightView backward_weights(const Geometry &g) { return {0, g.kernel_area(), g.patch_size(), 1}; }

int64_t taps_of_phase(const Axis &axis, bool flip, int64_t residue) {
  return TapSequence::backward(axis, flip, residue).count;
}

WeightView transposed_weights(const Geometry &g, const Sizes &residue) {
  int64_t before[3], own[3];
  for (int i = 0; i < 3; ++i) {
    before[i] = taps_before_phase(g.axis(i), g.flip, residue[i]);
    own[i] = taps_of_phase(g.axis(i), g.flip, residue[i]);
  }
  // Taps of all phases before this one, in C order of the phases.
  const int64_t earlier =
      before[0] * g.kernel[1] * g.kernel[2] + own[0] * (before[1] * g.kernel[2] + own[1] * before[2]);
  const int64_t taps = own[0] * own[1] * own[2];
  return {g.group_inputs() * g.group_outputs() * earlier, g.group_outputs() * taps, taps, 1};
}

template <class T>
void transpose_weights(const Geometry &g, int threads, const T *w, T *transposed) {
  const int64_t outputs = g.group_outputs(), inputs = g.group_inputs(), all_taps = g.kernel_area();
  if (all_taps == 1) return transpose_matrices(g, threads, w, transposed);
  const IndexGrid tasks{g.groups, inputs};
  parallel_ranges(threads, tasks.count(), [&](int64_t begin, int64_t end) {
    TapPlace places[taps_at_once];
    for (int64_t first = 0; first < all_taps; first += taps_at_once) {
      const int64_t count = std::min(taps_at_once, all_taps - first);
      for (int64_t t = 0; t < count; ++t) places[t] = place_of_tap(g, first + t);
      for (int64_t task = begin; task < end; ++task) {
        const auto [group, c] = tasks.at(task);
        const T *from = w + (group * outputs * inputs + c) * all_taps + first;
        T *to = transposed + group * outputs * inputs * all_taps;
        for (int64_t k = 0; k < outputs; ++k, from += inputs * all_taps) {
          for (int64_t t = 0; t < count; ++t) {
            to[places[t].offset + c * places[t].input + k * places[t].output] = from[t];
          }
        }
      }
    }
  });
}

template void transpose_weights<float>(const Geometry &, int, const float *, float *);
template void transpose_weights<double>(const Geometry &, int, const double *, double *);

}  // namespace gemmconv::implicit
