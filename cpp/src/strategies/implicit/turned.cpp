#include "turned.hpp"

#include <algorithm>

#include "../../threads.hpp"

namespace gemmconv::implicit {

WeightView forward_weights(const Geometry &g) { return {0, g.patch_size(), g.kernel_area(), 1}; }

WeightView backward_weights(const Geometry &g) { return {0, g.kernel_area(), g.patch_size(), 1}; }

TapPhase tap_phase(const Axis &axis, int64_t tap, bool flip) {
  const int64_t phase = tap_offset(axis, tap, flip) % axis.stride;
  const int64_t residue = phase < 0 ? phase + axis.stride : phase;
  const TapLine line = TapLine::backward(axis, flip, residue);
  return {residue, (tap - line.first) / line.gap};
}

int64_t taps_of(const Axis &axis, bool flip, int64_t residue) { return TapLine::backward(axis, flip, residue).count; }

int64_t taps_before(const Axis &axis, bool flip, int64_t residue) {
  int64_t count = 0;
  if (axis.stride < axis.kernel) {  // long kernels have many taps and few phases
    for (int64_t phase = 0; phase < residue; ++phase) count += taps_of(axis, flip, phase);
    return count;
  }
  for (int64_t tap = 0; tap < axis.kernel; ++tap) {
    const int64_t phase = tap_offset(axis, tap, flip) % axis.stride;
    if ((phase < 0 ? phase + axis.stride : phase) < residue) ++count;
  }
  return count;
}

WeightView turned_weights(const Geometry &g, const Sizes &residue) {
  int64_t before[3], own[3];
  for (int i = 0; i < 3; ++i) {
    before[i] = taps_before(g.axis(i), g.flip, residue[i]);
    own[i] = taps_of(g.axis(i), g.flip, residue[i]);
  }
  const int64_t earlier =
      before[0] * g.kernel[1] * g.kernel[2] + own[0] * (before[1] * g.kernel[2] + own[1] * before[2]);
  const int64_t taps = own[0] * own[1] * own[2];
  return {g.group_inputs() * g.group_outputs() * earlier, g.group_outputs() * taps, taps, 1};
}

template <class T>
void turn_weights(const Geometry &g, int threads, const T *w, T *turned) {
  const int64_t outputs = g.group_outputs(), inputs = g.group_inputs(), area = g.kernel_area();
  constexpr int64_t most = 64;  // taps at once
  if (area == 1) {              // a matrix
    const int64_t blocks = ceil_div(inputs, most);
    parallel_ranges(threads, g.groups * blocks, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t from = i / blocks * outputs * inputs, c = i % blocks * most;
        kernels().direct<T>().transpose(outputs, std::min(most, inputs - c), w + from + c, inputs,
                                        turned + from + c * outputs, outputs);
      }
    });
    return;
  }
  parallel_ranges(threads, g.groups * inputs, [&](int64_t begin, int64_t end) {
    struct Place {
      int64_t offset, row, channel;
    } places[most];
    for (int64_t first = 0; first < area; first += most) {
      const int64_t count = std::min(most, area - first);
      for (int64_t t = 0; t < count; ++t) {
        const int64_t tap = first + t;
        const TapPhase phases[3] = {tap_phase(g.axis(0), tap / g.kernel[2] / g.kernel[1], g.flip),
                                    tap_phase(g.axis(1), tap / g.kernel[2] % g.kernel[1], g.flip),
                                    tap_phase(g.axis(2), tap % g.kernel[2], g.flip)};
        const Sizes residue{phases[0].residue, phases[1].residue, phases[2].residue};
        const WeightView view = turned_weights(g, residue);
        const int64_t rank = (phases[0].rank * taps_of(g.axis(1), g.flip, residue[1]) + phases[1].rank) *
                                 taps_of(g.axis(2), g.flip, residue[2]) +
                             phases[2].rank;
        places[t] = {view.offset + rank, view.row, view.channel};
      }
      for (int64_t row = begin; row < end; ++row) {
        const int64_t group = row / inputs, c = row % inputs;
        const T *from = w + (group * outputs * inputs + c) * area + first;
        T *to = turned + group * outputs * inputs * area;
        for (int64_t k = 0; k < outputs; ++k, from += inputs * area) {
          for (int64_t t = 0; t < count; ++t) {
            to[places[t].offset + c * places[t].row + k * places[t].channel] = from[t];
          }
        }
      }
    }
  });
}

template void turn_weights<float>(const Geometry &, int, const float *, float *);
template void turn_weights<double>(const Geometry &, int, const double *, double *);

}  // namespace gemmconv::implicit
