// Groups of a few channels, and whatever cannot be read in place: the planes of a group are padded once (see
// patches/padded_band.hpp) and every tap becomes a shifted view of them; vectors lie along the pixels. The weight gradient
// sums over whole planes the same way. The input gradient correlates dy with the taps of each stride phase by
// themselves.
#include "padded.hpp"

#include <algorithm>

#include "../../kernels/kernels.hpp"
#include "../../threads.hpp"
#include "../../workspace.hpp"
#include "../finish.hpp"
#include "passage.hpp"

namespace gemmconv::depthwise {
namespace {

constexpr int64_t wide_row = 48;  // rows this wide are correlated one by one, narrower ones as one long row with gaps

// Scratch of one thread.
struct Share {
  size_t planes, weights, offsets, rows;
  size_t total() const { return planes + weights + offsets + rows; }
};

Share share(const Problem &problem) {
  const Geometry &g = problem.geometry;
  const size_t item = problem.item_bytes();
  const bool weight = problem.pass == Pass::backward_weight;
  const Passage passage(g, problem.pass == Pass::backward_input);
  const int64_t taps = passage.sources() * g.kernel_area();
  return {rounded(passage.sources() * passage.plane.size(), item), weight ? 0 : rounded(passage.targets() * taps, item),
          rounded(taps, sizeof(int64_t)),
          rounded((weight ? 1 : 2) * passage.targets() * passage.most_positions(), item)};
}

int threads_that_fit(const Problem &problem, const Execution &execution) {
  const Geometry &g = problem.geometry;
  const int64_t tasks = problem.pass == Pass::backward_weight ? g.groups : g.groups * g.batch;
  const int64_t fit = static_cast<int64_t>(execution.workspace_limit / std::max<size_t>(share(problem).total(), 1));
  return static_cast<int>(std::clamp<int64_t>(std::min(tasks, fit), 1, execution.threads));
}

// The scratch of one thread, cut up.
template <class T>
struct Scratch {
  T *planes, *weights;
  int64_t *offsets;
  T *rows;  // results of a lattice, and behind them of its neighbour where two are interleaved

  Scratch(const Problem &problem, void *workspace, int part) {
    const Share sizes = share(problem);
    std::byte *at = static_cast<std::byte *>(workspace) + sizes.total() * static_cast<size_t>(part);
    planes = reinterpret_cast<T *>(at);
    weights = reinterpret_cast<T *>(at + sizes.planes);
    offsets = reinterpret_cast<int64_t *>(at + sizes.planes + sizes.weights);
    rows = reinterpret_cast<T *>(at + sizes.planes + sizes.weights + sizes.offsets);
  }
};

// Sums of one lattice for all targets of a group, into rows of the padded grid or, unit strides and wide rows, in
// place.
template <class T>
void correlate(const Passage &passage, const Lattice &lattice, const T *w, const Scratch<T> &scratch, T *rows,
               T *in_place, int64_t channel_stride, const Sizes &strides) {
  const Geometry &g = passage.g;
  const int64_t area = g.kernel_area(), patch = g.patch_size(), taps = passage.sources() * lattice.taps;
  const int64_t target_stride = passage.backward ? area : patch, source_stride = passage.backward ? patch : area;
  const int64_t *offsets = scratch.offsets + lattice.first_tap * passage.sources();
  for (int64_t s = 0; s < passage.sources(); ++s) {
    for (int64_t t = 0; t < lattice.taps; ++t) {
      const T *from = w + s * source_stride + passage.indices[lattice.first_tap + t];
      for (int64_t k = 0; k < passage.targets(); ++k) {
        scratch.weights[k * taps + s * lattice.taps + t] = from[k * target_stride];
      }
    }
  }
  const auto kernel = kernels().shifted<T>().correlate;
  if (!in_place) {
    const int64_t positions = passage.positions(lattice.count);
    kernel(passage.targets(), positions, taps, scratch.weights, taps, 1, scratch.planes, offsets, rows,
           passage.most_positions(), false);
    return;
  }
  for (int64_t d = 0; d < lattice.count[0]; ++d) {
    for (int64_t h = 0; h < lattice.count[1]; ++h) {
      kernel(passage.targets(), lattice.count[2], taps, scratch.weights, taps, 1,
             scratch.planes + d * passage.depth_step() + h * passage.row_step(), offsets,
             in_place + d * strides[0] + h * strides[1], channel_stride, false);
    }
  }
}

// All lattices of one group. Where the stride along rows is 2, two lattices make the even and the odd columns.
template <class T>
void correlate_group(const Passage &passage, const T *w, const Scratch<T> &scratch, T *target, int64_t channel_stride,
                     const Sizes &strides) {
  const PlaneKernel<T> &plane = kernels().plane<T>();
  const Sizes &step = passage.lattice_step;
  const bool pairs = step[2] == 2 && strides[2] == 1 && passage.target_sizes[2] > 1;
  T *const odd_rows = scratch.rows + passage.targets() * passage.most_positions();
  for (int64_t i = 0; i < passage.lattice_count; i += pairs ? 2 : 1) {
    const Lattice &lattice = passage.lattices[i];
    if (step == Sizes{1, 1, 1} && strides[2] == 1 && lattice.count[2] >= wide_row) {
      correlate<T>(passage, lattice, w, scratch, nullptr, target, channel_stride, strides);
      continue;
    }
    correlate<T>(passage, lattice, w, scratch, scratch.rows, nullptr, 0, strides);
    if (pairs) correlate<T>(passage, passage.lattices[i + 1], w, scratch, odd_rows, nullptr, 0, strides);
    for (int64_t d = 0; d < lattice.count[0]; ++d) {
      T *first = target + (lattice.residue[0] + d * step[0]) * strides[0] + lattice.residue[1] * strides[1] +
                 lattice.residue[2] * strides[2];
      for (int64_t k = 0; k < passage.targets(); ++k) {
        const int64_t from = k * passage.most_positions() + d * passage.depth_step();
        T *to = first + k * channel_stride;
        if (pairs) {
          plane.interleave(lattice.count[1], passage.target_sizes[2], scratch.rows + from, odd_rows + from,
                           passage.row_step(), to, step[1] * strides[1]);
        } else {
          plane.copy(lattice.count[1], lattice.count[2], scratch.rows + from, passage.row_step(), 1, to,
                     step[1] * strides[1], step[2] * strides[2]);
        }
      }
    }
  }
}

}  // namespace

size_t padded_bytes(const Problem &problem, const Execution &execution) {
  return share(problem).total() * static_cast<size_t>(threads_that_fit(problem, execution));
}

template <class T>
void correlate_padded(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  const Geometry &g = problem.geometry;
  const bool backward = problem.pass == Pass::backward_input;
  Passage passage(g, backward);
  passage.find_taps();
  const Strides from = backward ? g.y_strides() : g.x_strides(), to = backward ? g.x_strides() : g.y_strides();
  const PlaneCopy copy(passage.plane, from.axis);
  const T *source = static_cast<const T *>(arguments.first), *w = static_cast<const T *>(arguments.second);
  T *target = static_cast<T *>(arguments.out);
  const int threads = threads_that_fit(problem, execution);
  const int64_t tasks = g.batch * g.groups;
  parallel(threads, [&](int part) {
    const Scratch<T> scratch(problem, arguments.workspace, part);
    passage.fill_offsets(scratch.offsets);
    std::fill_n(scratch.planes, passage.sources() * passage.plane.size(), T(0));
    for (int64_t task = tasks * part / threads; task < tasks * (part + 1) / threads; ++task) {
      const int64_t image = task / g.groups, group = task % g.groups;
      for (int64_t s = 0; s < passage.sources(); ++s) {
        copy.load(source + image * from.image + (group * passage.sources() + s) * from.channel,
                  scratch.planes + s * passage.plane.size());
      }
      const T *group_w = w + group * g.group_outputs() * g.patch_size();
      T *out = target + image * to.image + group * passage.targets() * to.channel;
      correlate_group(passage, group_w, scratch, out, to.channel, to.axis);
    }
  });
  finish_tensor(g.layout, execution.threads, problem.activation, static_cast<const T *>(arguments.bias), target,
                g.batch, g.groups * passage.targets(), product(passage.target_sizes));
}

template <class T>
void weight_gradient_padded(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  const Geometry &g = problem.geometry;
  Passage passage(g, false);
  passage.find_taps();
  const Strides xs = g.x_strides(), ys = g.y_strides();
  const T *dy = static_cast<const T *>(arguments.first), *x = static_cast<const T *>(arguments.second);
  T *dw = static_cast<T *>(arguments.out);
  const int64_t patch = g.patch_size(), positions = passage.most_positions();
  const PlaneCopy copy(passage.plane, xs.axis);
  const int threads = threads_that_fit(problem, execution);
  parallel(threads, [&](int part) {
    const Scratch<T> scratch(problem, arguments.workspace, part);
    passage.fill_offsets(scratch.offsets);
    std::fill_n(scratch.planes, passage.sources() * passage.plane.size(), T(0));
    // dy takes the places of the padded grid, zeros in its gaps.
    std::fill_n(scratch.rows, g.group_outputs() * positions, T(0));
    for (int64_t group = g.groups * part / threads; group < g.groups * (part + 1) / threads; ++group) {
      T *group_dw = dw + group * g.group_outputs() * patch;
      std::fill_n(group_dw, g.group_outputs() * patch, T(0));
      for (int64_t image = 0; image < g.batch; ++image) {
        for (int64_t c = 0; c < g.group_inputs(); ++c) {
          copy.load(x + image * xs.image + (group * g.group_inputs() + c) * xs.channel,
                    scratch.planes + c * passage.plane.size());
        }
        for (int64_t k = 0; k < g.group_outputs(); ++k) {
          const T *from = dy + image * ys.image + (group * g.group_outputs() + k) * ys.channel;
          for (int64_t d = 0; d < g.output[0]; ++d) {
            kernels().plane<T>().copy(g.output[1], g.output[2], from + d * ys.axis[0], ys.axis[1], ys.axis[2],
                                      scratch.rows + k * positions + d * passage.depth_step(), passage.row_step(), 1);
          }
        }
        kernels().shifted<T>().dots(g.group_outputs(), positions, patch, scratch.rows, positions, scratch.planes,
                                    scratch.offsets, group_dw, patch);
      }
    }
  });
}

template void correlate_padded<float>(const Problem &, const Execution &, const Arguments &);
template void correlate_padded<double>(const Problem &, const Execution &, const Arguments &);
template void weight_gradient_padded<float>(const Problem &, const Execution &, const Arguments &);
template void weight_gradient_padded<double>(const Problem &, const Execution &, const Arguments &);

}  // namespace gemmconv::depthwise
