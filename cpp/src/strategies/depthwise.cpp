// Depthwise and grouped convolution: a group has too few channels for a matrix product, so its planes are padded once
// (see patches/padded.hpp) and every tap becomes a shifted view of them; vectors lie along the pixels. The weight gradient
// sums over whole planes the same way. The input gradient correlates dy with the taps of each stride phase by themselves.
#include "depthwise.hpp"

#include <algorithm>
#include <cstring>

#include "../kernels/kernels.hpp"
#include "../patches/padded.hpp"
#include "../threads.hpp"
#include "finish.hpp"

namespace gemmconv::depthwise {
namespace {

constexpr int64_t most_channels = 16;  // of a group, on either side; beyond, implicit is faster
constexpr int64_t most_taps = 1024;    // offsets kept on the stack, of one channel
constexpr int64_t most_phases = 64;
constexpr double most_cells = 1e12;  // of a padded plane: what its sizes are multiplied to fits int64 with room
constexpr int64_t wide_row = 48;  // rows this wide are correlated one by one, narrower ones as one long row with gaps

size_t rounded(int64_t elements, size_t item) { return (static_cast<size_t>(elements) * item + 63) / 64 * 64; }

struct Passage;

// The taps that reach one residue of the target positions, as places in the padded source of one channel.
struct Lattice {
  Sizes count;    // target positions of this residue along each axis
  Sizes residue;  // the first of them
  int64_t taps = 0;
  int64_t places[most_taps], indices[most_taps];  // in the padded plane; in w

  // The places of all source channels, channel by channel.
  void offsets(const Passage &passage, int64_t *offsets) const;
};

// One pass as correlations of a padded source with shifted taps.
struct Passage {
  const Geometry &g;
  bool backward;
  Sizes source_sizes, target_sizes, lattice_step;  // lattice_step: stride of dx positions of one residue
  PaddedPlane plane;
  bool used[most_phases] = {};

  Passage(const Geometry &g, bool backward)
      : g(g),
        backward(backward),
        source_sizes(backward ? g.output : g.input),
        target_sizes(backward ? g.input : g.output),
        lattice_step(backward ? g.stride : Sizes{1, 1, 1}) {
    for (int i = 0; i < 3; ++i) {
      const Axis axis = g.axis(i);
      const int64_t first = tap_offset(axis, 0, false), last = tap_offset(axis, axis.kernel - 1, false);
      // dx position r + S j takes dy position j + (r - offset) / S, where that is whole.
      plane.axes[i] = backward ? PaddedAxis::covering(axis.output, 1, ceil_div(axis.input, axis.stride),
                                                      floor_div(-last, axis.stride),
                                                      floor_div(axis.stride - 1 - first, axis.stride))
                               : PaddedAxis::covering(axis.input, axis.stride, axis.output, first, last);
    }
    if (backward) {
      used[0] = true;
      return;
    }
    for_residue_taps({0, 0, 0}, [&](int64_t, int64_t place) { used[place / plane.phase_size()] = true; });
  }

  // Calls body(index in w, place) for the taps that reach a residue.
  template <class Body>
  void for_residue_taps(const Sizes &residue, const Body &body) const {
    int64_t index = 0;
    for (int64_t a = 0; a < g.kernel[0]; ++a) {
      for (int64_t b = 0; b < g.kernel[1]; ++b) {
        for (int64_t c = 0; c < g.kernel[2]; ++c, ++index) {
          const Sizes tap{a, b, c};
          Sizes at;
          bool reaches = true;
          for (int i = 0; i < 3; ++i) {
            const int64_t offset = tap_offset(g.axis(i), tap[i], g.flip);
            at[i] = backward ? residue[i] - offset : offset;
            if (!backward) continue;
            reaches = reaches && at[i] % g.stride[i] == 0;
            at[i] = floor_div(at[i], g.stride[i]);
          }
          if (reaches) body(index, plane.place(at[0], at[1], at[2]));
        }
      }
    }
  }

  Lattice lattice(const Sizes &residue) const {
    Lattice result;
    result.residue = residue;
    for (int i = 0; i < 3; ++i) {
      result.count[i] = residue[i] < target_sizes[i] ? ceil_div(target_sizes[i] - residue[i], lattice_step[i]) : 0;
    }
    for_residue_taps(residue, [&](int64_t index, int64_t place) {
      result.indices[result.taps] = index;
      result.places[result.taps++] = place;
    });
    return result;
  }
  int64_t sources() const { return backward ? g.group_outputs() : g.group_inputs(); }
  int64_t targets() const { return backward ? g.group_inputs() : g.group_outputs(); }
  // Positions of the padded grid from the first to the last of a residue.
  int64_t positions(const Sizes &count) const {
    return ((count[0] - 1) * plane.axes[1].extent + count[1] - 1) * plane.axes[2].extent + count[2];
  }
  int64_t most_positions() const {
    Sizes most;
    for (int i = 0; i < 3; ++i) most[i] = ceil_div(target_sizes[i], lattice_step[i]);
    return positions(most);
  }
};

void Lattice::offsets(const Passage &passage, int64_t *offsets) const {
  for (int64_t s = 0; s < passage.sources(); ++s) {
    for (int64_t t = 0; t < taps; ++t) offsets[s * taps + t] = s * passage.plane.size() + places[t];
  }
}

// Scratch of one thread.
struct Share {
  size_t planes, weights, offsets, rows;
  size_t total() const { return planes + weights + offsets + rows; }
};

Share share(const Problem &problem) {
  const Geometry &g = problem.geometry;
  const size_t item = size_of(problem.dtype);
  const bool weight = problem.pass == Pass::backward_weight;
  const Passage passage(g, problem.pass == Pass::backward_input);
  const int64_t taps = passage.sources() * g.kernel_area();
  return {rounded(passage.sources() * passage.plane.size(), item), weight ? 0 : rounded(passage.targets() * taps, item),
          rounded(taps, sizeof(int64_t)), rounded(passage.targets() * passage.most_positions(), item)};
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
  T *rows;

  Scratch(const Problem &problem, void *workspace, int part) {
    const Share sizes = share(problem);
    std::byte *at = static_cast<std::byte *>(workspace) + sizes.total() * static_cast<size_t>(part);
    planes = reinterpret_cast<T *>(at);
    weights = reinterpret_cast<T *>(at + sizes.planes);
    offsets = reinterpret_cast<int64_t *>(at + sizes.planes + sizes.weights);
    rows = reinterpret_cast<T *>(at + sizes.planes + sizes.weights + sizes.offsets);
  }
};

// One residue of one group: target[r + S j] = sum over sources and taps.
template <class T>
void correlate(const Passage &passage, const Lattice &lattice, const T *w, const Scratch<T> &scratch, T *target,
               int64_t channel_stride, const Sizes &strides) {
  const Geometry &g = passage.g;
  const int64_t area = g.kernel_area(), patch = g.patch_size(), taps = passage.sources() * lattice.taps;
  const int64_t target_stride = passage.backward ? area : patch, source_stride = passage.backward ? patch : area;
  for (int64_t s = 0; s < passage.sources(); ++s) {
    for (int64_t t = 0; t < lattice.taps; ++t) {
      for (int64_t k = 0; k < passage.targets(); ++k) {
        scratch.weights[k * taps + s * lattice.taps + t] =
            w[k * target_stride + s * source_stride + lattice.indices[t]];
      }
    }
  }
  const auto kernel = kernels().shifted<T>().correlate;
  const auto copy = kernels().plane<T>().copy;
  const int64_t row_step = passage.plane.axes[2].extent, depth_step = passage.plane.axes[1].extent * row_step;
  const int64_t apart = passage.lattice_step[2] * strides[2];
  const bool in_place = apart == 1 && lattice.count[2] >= wide_row;
  const int64_t positions = passage.positions(lattice.count);
  if (!in_place) {
    kernel(passage.targets(), positions, taps, scratch.weights, taps, 1, scratch.planes, scratch.offsets, scratch.rows,
           positions, false);
  }
  for (int64_t d = 0; d < lattice.count[0]; ++d) {
    T *rows = target + (lattice.residue[0] + d * passage.lattice_step[0]) * strides[0] +
              lattice.residue[1] * strides[1] + lattice.residue[2] * strides[2];
    const int64_t target_row = passage.lattice_step[1] * strides[1];
    if (in_place) {
      for (int64_t h = 0; h < lattice.count[1]; ++h) {
        kernel(passage.targets(), lattice.count[2], taps, scratch.weights, taps, 1,
               scratch.planes + d * depth_step + h * row_step, scratch.offsets, rows + h * target_row, channel_stride,
               false);
      }
      continue;
    }
    for (int64_t k = 0; k < passage.targets(); ++k) {
      copy(lattice.count[1], lattice.count[2], scratch.rows + k * positions + d * depth_step, row_step, 1,
           rows + k * channel_stride, target_row, apart);
    }
  }
}

// One plane for one plane, unit strides: rows are stacked, so that a load serves all the rows of the kernel.
template <class T>
bool correlate_stacked(const Passage &passage, const T *w, const Scratch<T> &scratch, T *target, const Sizes &strides) {
  const Geometry &g = passage.g;
  if (passage.sources() != 1 || passage.targets() != 1 || g.kernel[0] != 1 || g.stride != Sizes{1, 1, 1} ||
      g.dilation[1] != 1 || strides[2] != 1) {
    return false;
  }
  const int64_t area = g.kernel_area(), row_step = passage.plane.axes[2].extent;
  const int64_t depth_step = passage.plane.axes[1].extent * row_step;
  // In the order of the padded plane; turned for true convolution, and turned again for the input gradient.
  for (int64_t t = 0; t < area; ++t) scratch.weights[t] = w[g.flip != passage.backward ? area - 1 - t : t];
  for (int64_t d = 0; d < passage.target_sizes[0]; ++d) {
    if (!kernels().plane<T>().stacked(passage.target_sizes[1], passage.target_sizes[2], g.kernel[1], g.kernel[2],
                                      scratch.weights, scratch.planes + d * depth_step, row_step, g.dilation[2],
                                      target + d * strides[0], strides[1])) {
      return false;
    }
  }
  return true;
}

template <class T>
void run(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  const Geometry &g = problem.geometry;
  const bool backward = problem.pass == Pass::backward_input;
  const Passage passage(g, backward);
  const Strides from = backward ? g.y_strides() : g.x_strides(), to = backward ? g.x_strides() : g.y_strides();
  const T *source = static_cast<const T *>(arguments.first), *w = static_cast<const T *>(arguments.second);
  T *target = static_cast<T *>(arguments.out);
  const int threads = threads_that_fit(problem, execution);
  const int64_t tasks = g.batch * g.groups;
  parallel(threads, [&](int part) {
    const Scratch<T> scratch(problem, arguments.workspace, part);
    const int64_t begin = tasks * part / threads, end = tasks * (part + 1) / threads;
    std::fill_n(scratch.planes, passage.sources() * passage.plane.size(), T(0));
    const auto residues = [&](int axis) { return std::min(passage.lattice_step[axis], passage.target_sizes[axis]); };
    for (int64_t residue = 0; residue < residues(0) * residues(1) * residues(2); ++residue) {
      const Lattice lattice = passage.lattice(
          {residue / residues(2) / residues(1), residue / residues(2) % residues(1), residue % residues(2)});
      lattice.offsets(passage, scratch.offsets);
      for (int64_t task = begin; task < end; ++task) {
        const int64_t image = task / g.groups, group = task % g.groups;
        for (int64_t s = 0; s < passage.sources(); ++s) {
          fill_padded(passage.plane, passage.used,
                      source + image * from.image + (group * passage.sources() + s) * from.channel, from.axis,
                      scratch.planes + s * passage.plane.size());
        }
        const T *group_w = w + group * g.group_outputs() * g.patch_size();
        T *out = target + image * to.image + group * passage.targets() * to.channel;
        if (!correlate_stacked(passage, group_w, scratch, out, to.axis)) {
          correlate(passage, lattice, group_w, scratch, out, to.channel, to.axis);
        }
      }
    }
  });
  finish_tensor(g.layout, execution.threads, problem.activation, static_cast<const T *>(arguments.bias), target,
                g.batch, g.groups * passage.targets(), product(passage.target_sizes));
}

template <class T>
void weight_gradient(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  const Geometry &g = problem.geometry;
  const Passage passage(g, false);
  const Lattice lattice = passage.lattice({0, 0, 0});
  const Strides xs = g.x_strides(), ys = g.y_strides();
  const T *dy = static_cast<const T *>(arguments.first), *x = static_cast<const T *>(arguments.second);
  T *dw = static_cast<T *>(arguments.out);
  const int64_t patch = g.patch_size(), positions = passage.most_positions();
  const int64_t row_step = passage.plane.axes[2].extent;
  const int threads = threads_that_fit(problem, execution);
  parallel(threads, [&](int part) {
    const Scratch<T> scratch(problem, arguments.workspace, part);
    lattice.offsets(passage, scratch.offsets);
    std::fill_n(scratch.planes, passage.sources() * passage.plane.size(), T(0));
    // dy takes the places of the padded grid, zeros in its gaps.
    std::fill_n(scratch.rows, g.group_outputs() * positions, T(0));
    for (int64_t group = g.groups * part / threads; group < g.groups * (part + 1) / threads; ++group) {
      T *group_dw = dw + group * g.group_outputs() * patch;
      std::fill_n(group_dw, g.group_outputs() * patch, T(0));
      for (int64_t image = 0; image < g.batch; ++image) {
        for (int64_t c = 0; c < g.group_inputs(); ++c) {
          fill_padded(passage.plane, passage.used, x + image * xs.image + (group * g.group_inputs() + c) * xs.channel,
                      xs.axis, scratch.planes + c * passage.plane.size());
        }
        for (int64_t k = 0; k < g.group_outputs(); ++k) {
          const T *from = dy + image * ys.image + (group * g.group_outputs() + k) * ys.channel;
          for (int64_t d = 0; d < g.output[0]; ++d) {
            kernels().plane<T>().copy(g.output[1], g.output[2], from + d * ys.axis[0], ys.axis[1], ys.axis[2],
                                      scratch.rows + k * positions + d * passage.plane.axes[1].extent * row_step,
                                      row_step, 1);
          }
        }
        kernels().shifted<T>().dots(g.group_outputs(), positions, patch, scratch.rows, positions, scratch.planes,
                                    scratch.offsets, group_dw, patch);
      }
    }
  });
}

// Calls body(T()) with the type of the problem.
template <class Body>
void with_type(const Problem &problem, const Body &body) {
  if (problem.dtype == DType::float32) {
    body(float());
  } else {
    body(double());
  }
}

}  // namespace

const char *refuses(const Problem &problem, const Execution &) {
  const Geometry &g = problem.geometry;
  if (g.groups == 1) return "it is for grouped convolutions, and this one has a single group";
  if (g.group_inputs() > most_channels || g.group_outputs() > most_channels) {
    return "it is for groups of at most 16 input and 16 output channels, and these are larger";
  }
  if (g.kernel_area() > most_taps) return "it is for kernels of at most 1024 taps";
  // In double, which large strides, paddings and dilations do not overflow.
  double phases = 1, cells = 1;
  for (int i = 0; i < 3; ++i) {
    const double stride = static_cast<double>(g.stride[i]);
    const double outputs = static_cast<double>(problem.pass == Pass::backward_input ? g.input[i] : g.output[i]);
    phases *= stride;
    cells *= (outputs + 4) * stride + static_cast<double>(g.dilation[i] * (g.kernel[i] - 1));
  }
  if (phases > most_phases) return "it is for strides whose product is at most 64";
  if (cells > most_cells) return "it is for padded planes of at most 10^12 cells, and this one would be larger";
  return nullptr;
}

size_t workspace_bytes(const Problem &problem, const Execution &execution) {
  return share(problem).total() * static_cast<size_t>(threads_that_fit(problem, execution));
}

size_t packed_bytes(const Problem &problem, const Execution &) {
  return static_cast<size_t>(problem.geometry.w_size()) * size_of(problem.dtype);
}

void pack(const Problem &problem, const Execution &execution, const void *w, void *packed) {
  std::memcpy(packed, w, packed_bytes(problem, execution));
}

void forward(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  with_type(problem, [&](auto type) { run<decltype(type)>(problem, execution, arguments); });
}

void backward_input(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  with_type(problem, [&](auto type) { run<decltype(type)>(problem, execution, arguments); });
}

void backward_weight(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  with_type(problem, [&](auto type) { weight_gradient<decltype(type)>(problem, execution, arguments); });
}

// Fitted on a Zen 5 core with AVX-512: 90 GFLOP/s in float32, and for each plane of x and dy 6 GB/s for its copies.
double seconds(const Problem &problem, const Execution &execution) {
  const Geometry &g = problem.geometry;
  const double item = static_cast<double>(size_of(problem.dtype));
  const double flops = 2.0 * static_cast<double>(g.y_size()) * static_cast<double>(g.patch_size());
  const double bytes = static_cast<double>(g.x_size() + g.y_size()) * item;
  const double scattered = g.layout == Layout::nhwc ? 4 : 1;
  return (flops * item / 4 / 90e9 + bytes * scattered / 6e9 + static_cast<double>(g.batch * g.groups) * 0.3e-6) /
         execution.threads;
}

}  // namespace gemmconv::depthwise
