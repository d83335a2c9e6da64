// Direct convolution: the sum of the formula as nested loops, no scratch memory, for every problem. For one tap and one
// output row the sum over channels is a small matrix product of strided views, done by a kernel that keeps its
// accumulators in registers.
#include "direct.hpp"

#include "../from_functions.hpp"

#include <algorithm>
#include <cstring>

#include "../../kernels/kernels.hpp"
#include "../../threads.hpp"
#include "../finish.hpp"
#include "../taps.hpp"

namespace gemmconv::direct {
namespace {

constexpr int64_t tile_rows = 16, tile_columns = 64;  // stack tiles for strided rows; 8 KiB in float64
constexpr int64_t weight_tile = 64;  // a square of weights laid out for the channels-last loops; 32 KiB

// Calls body(image, group, first, count) for runs of neighbouring channels of one image and one group, in parallel.
template <class Body>
void for_channel_runs(int threads, int64_t images, int64_t channels, int64_t group_channels, const Body &body) {
  parallel_ranges(threads, images * channels, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t image = begin / channels, channel = begin % channels, group = channel / group_channels;
      const int64_t count = std::min({end - begin, (group + 1) * group_channels - channel, tile_rows * 4});
      body(image, group, channel, count);
      begin += count;
    }
  });
}

// c[i][j] += sum_l a[i][l] b[l][j] where neighbours of b lie b_step apart and those of c c_step.
template <class T>
void accumulate(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b, int64_t b_row,
                int64_t b_step, T *c, int64_t c_row, int64_t c_step) {
  const auto outer = kernels().direct<T>().outer;
  if (b_step == 1 && c_step == 1) return outer(m, n, k, a, a_row, a_col, b, b_row, c, c_row);
  alignas(64) T tile[tile_rows * tile_columns];
  for (int64_t j = 0; j < n; j += tile_columns) {
    const int64_t columns = std::min(tile_columns, n - j);
    if (c_step == 1) {
      for (int64_t l = 0; l < k; l += tile_rows) {
        const int64_t rows = std::min(tile_rows, k - l);
        for (int64_t r = 0; r < rows; ++r) {
          const T *source = b + (l + r) * b_row + j * b_step;
          for (int64_t q = 0; q < columns; ++q) tile[r * tile_columns + q] = source[q * b_step];
        }
        outer(m, columns, rows, a + l * a_col, a_row, a_col, tile, tile_columns, c + j, c_row);
      }
    } else {
      for (int64_t i = 0; i < m; i += tile_rows) {
        const int64_t rows = std::min(tile_rows, m - i);
        std::fill_n(tile, rows * tile_columns, T(0));
        outer(rows, columns, k, a + i * a_row, a_row, a_col, b + j, b_row, tile, tile_columns);
        for (int64_t r = 0; r < rows; ++r) {
          T *target = c + (i + r) * c_row + j * c_step;
          for (int64_t q = 0; q < columns; ++q) target[q * c_step] += tile[r * tile_columns + q];
        }
      }
    }
  }
}

// ---- NCHW: rows of pixels are contiguous -------------------------------------------------------------------------

template <class T>
void forward_nchw(const Geometry &g, int threads, const T *x, const T *w, T *y) {
  const Strides xs = g.x_strides(), ys = g.y_strides();
  const int64_t area = g.kernel_area(), patch = g.patch_size();
  for_channel_runs(
      threads, g.batch, g.out_channels, g.group_outputs(),
      [&](int64_t image, int64_t group, int64_t channel, int64_t count) {
        const T *plane = x + image * xs.image + group * g.group_inputs() * xs.channel;
        T *out = y + image * ys.image + channel * ys.channel;
        std::fill_n(out, count * ys.channel, T(0));
        // For each output row, the taps whose input row exists, each over the columns it can reach.
        for (int64_t od = 0; od < g.output[0]; ++od) {
          for (int64_t oh = 0; oh < g.output[1]; ++oh) {
            T *row = out + od * ys.axis[0] + oh * ys.axis[1];
            for_taps(g, [&](const Tap &tap) {
              const int64_t id = od * g.stride[0] + tap.depth_offset, ih = oh * g.stride[1] + tap.row_offset;
              if (id < 0 || id >= g.input[0] || ih < 0 || ih >= g.input[1]) return;
              const int64_t first = tap.columns.begin, columns = tap.columns.end - first;
              accumulate<T>(count, columns, g.group_inputs(), w + channel * patch + tap.index, patch, area,
                            plane + id * xs.axis[0] + ih * xs.axis[1] + first * g.stride[2] + tap.column_offset,
                            xs.channel, g.stride[2], row + first, ys.channel, 1);
            });
          }
        }
      });
}

template <class T>
void backward_input_nchw(const Geometry &g, int threads, const T *dy, const T *w, T *dx) {
  const Strides xs = g.x_strides(), ys = g.y_strides();
  const int64_t area = g.kernel_area(), patch = g.patch_size();
  for_channel_runs(
      threads, g.batch, g.in_channels, g.group_inputs(),
      [&](int64_t image, int64_t group, int64_t channel, int64_t count) {
        const int64_t within = channel - group * g.group_inputs();
        const T *plane = dy + image * ys.image + group * g.group_outputs() * ys.channel;
        const T *weights = w + group * g.group_outputs() * patch + within * area;
        T *out = dx + image * xs.image + channel * xs.channel;
        std::fill_n(out, count * xs.channel, T(0));
        // Each row of dy goes, tap by tap, to the input row that the tap read.
        for (int64_t od = 0; od < g.output[0]; ++od) {
          for (int64_t oh = 0; oh < g.output[1]; ++oh) {
            const T *row = plane + od * ys.axis[0] + oh * ys.axis[1];
            for_taps(g, [&](const Tap &tap) {
              const int64_t id = od * g.stride[0] + tap.depth_offset, ih = oh * g.stride[1] + tap.row_offset;
              if (id < 0 || id >= g.input[0] || ih < 0 || ih >= g.input[1]) return;
              const int64_t first = tap.columns.begin, columns = tap.columns.end - first;
              accumulate<T>(count, columns, g.group_outputs(), weights + tap.index, area, patch, row + first,
                            ys.channel, 1,
                            out + id * xs.axis[0] + ih * xs.axis[1] + first * g.stride[2] + tap.column_offset,
                            xs.channel, g.stride[2]);
            });
          }
        }
      });
}

template <class T>
void backward_weight_nchw(const Geometry &g, int threads, const T *dy, const T *x, T *dw) {
  const Strides xs = g.x_strides(), ys = g.y_strides();
  const int64_t area = g.kernel_area(), patch = g.patch_size();
  const auto dot = kernels().direct<T>().dot;
  for_channel_runs(
      threads, 1, g.out_channels, g.group_outputs(), [&](int64_t, int64_t group, int64_t channel, int64_t count) {
        std::fill_n(dw + channel * patch, count * patch, T(0));
        alignas(64) T tile[tile_rows * tile_columns];
        for (int64_t image = 0; image < g.batch; ++image) {
          const T *plane = x + image * xs.image + group * g.group_inputs() * xs.channel;
          const T *rows = dy + image * ys.image + channel * ys.channel;
          // Each pair of rows adds one inner product to every weight of the tap that joins them.
          for (int64_t od = 0; od < g.output[0]; ++od) {
            for (int64_t oh = 0; oh < g.output[1]; ++oh) {
              for_taps(g, [&](const Tap &tap) {
                const int64_t id = od * g.stride[0] + tap.depth_offset, ih = oh * g.stride[1] + tap.row_offset;
                if (id < 0 || id >= g.input[0] || ih < 0 || ih >= g.input[1]) return;
                const int64_t first = tap.columns.begin, columns = tap.columns.end - first;
                const T *d = rows + od * ys.axis[0] + oh * ys.axis[1] + first;
                const T *source = plane + id * xs.axis[0] + ih * xs.axis[1] + first * g.stride[2] + tap.column_offset;
                T *out = dw + channel * patch + tap.index;
                if (g.stride[2] == 1) {
                  return dot(count, g.group_inputs(), columns, d, ys.channel, source, xs.channel, out, patch, area);
                }
                for (int64_t c = 0; c < g.group_inputs(); c += tile_rows) {
                  const int64_t channels = std::min(tile_rows, g.group_inputs() - c);
                  for (int64_t j = 0; j < columns; j += tile_columns) {
                    const int64_t width = std::min(tile_columns, columns - j);
                    for (int64_t r = 0; r < channels; ++r) {
                      const T *from = source + (c + r) * xs.channel + j * g.stride[2];
                      for (int64_t q = 0; q < width; ++q) tile[r * tile_columns + q] = from[q * g.stride[2]];
                    }
                    dot(count, channels, width, d + j, ys.channel, tile, tile_columns, out + c * area, patch, area);
                  }
                }
              });
            }
          }
        }
      });
}

// ---- NHWC: channels of a pixel are contiguous; weights come through a small tile [from channel][to channel] --------

// Calls body(group, first_output, outputs, first_input, inputs) over weight_tile squares of the channel pairs of each group.
template <class Body>
void for_channel_squares(const Geometry &g, const Body &body) {
  for (int64_t group = 0; group < g.groups; ++group) {
    for (int64_t k = 0; k < g.group_outputs(); k += weight_tile) {
      for (int64_t c = 0; c < g.group_inputs(); c += weight_tile) {
        body(group, k, std::min(weight_tile, g.group_outputs() - k), c, std::min(weight_tile, g.group_inputs() - c));
      }
    }
  }
}

template <class T>
void forward_nhwc(const Geometry &g, int threads, const T *x, const T *w, T *y) {
  const Strides xs = g.x_strides(), ys = g.y_strides();
  const int64_t area = g.kernel_area(), patch = g.patch_size(), rows_per_image = g.output[0] * g.output[1];
  const auto outer = kernels().direct<T>().outer;
  parallel_ranges(threads, g.batch * rows_per_image, [&](int64_t begin, int64_t end) {
    std::fill(y + begin * ys.axis[1], y + end * ys.axis[1], T(0));
    alignas(64) T tile[weight_tile * weight_tile];
    for_channel_squares(g, [&](int64_t group, int64_t k, int64_t outputs, int64_t c, int64_t inputs) {
      const int64_t first_k = group * g.group_outputs() + k, first_c = group * g.group_inputs() + c;
      for_taps(g, [&](const Tap &tap) {
        for (int64_t i = 0; i < inputs; ++i) {
          const T *source = w + first_k * patch + (c + i) * area + tap.index;
          for (int64_t j = 0; j < outputs; ++j) tile[i * weight_tile + j] = source[j * patch];
        }
        const int64_t first = tap.columns.begin, columns = tap.columns.end - first;
        for (int64_t row = begin; row < end; ++row) {
          const int64_t image = row / rows_per_image, od = row % rows_per_image / g.output[1], oh = row % g.output[1];
          const int64_t id = od * g.stride[0] + tap.depth_offset, ih = oh * g.stride[1] + tap.row_offset;
          if (id < 0 || id >= g.input[0] || ih < 0 || ih >= g.input[1]) continue;
          const T *pixels = x + image * xs.image + id * xs.axis[0] + ih * xs.axis[1] +
                            (first * g.stride[2] + tap.column_offset) * xs.axis[2] + first_c;
          outer(columns, outputs, inputs, pixels, g.stride[2] * xs.axis[2], 1, tile, weight_tile,
                y + row * ys.axis[1] + first * ys.axis[2] + first_k, ys.axis[2]);
        }
      });
    });
  });
}

template <class T>
void backward_input_nhwc(const Geometry &g, int threads, const T *dy, const T *w, T *dx) {
  const Strides xs = g.x_strides(), ys = g.y_strides();
  const int64_t area = g.kernel_area(), patch = g.patch_size(), rows_per_image = g.input[0] * g.input[1];
  const auto outer = kernels().direct<T>().outer;
  parallel_ranges(threads, g.batch * rows_per_image, [&](int64_t begin, int64_t end) {
    std::fill(dx + begin * xs.axis[1], dx + end * xs.axis[1], T(0));
    alignas(64) T tile[weight_tile * weight_tile];
    for_channel_squares(g, [&](int64_t group, int64_t k, int64_t outputs, int64_t c, int64_t inputs) {
      const int64_t first_k = group * g.group_outputs() + k, first_c = group * g.group_inputs() + c;
      for_taps(g, [&](const Tap &tap) {
        for (int64_t j = 0; j < outputs; ++j) {
          const T *source = w + (first_k + j) * patch + c * area + tap.index;
          for (int64_t i = 0; i < inputs; ++i) tile[j * weight_tile + i] = source[i * area];
        }
        const int64_t first = tap.columns.begin, columns = tap.columns.end - first;
        // A thread owns whole input rows: it gathers from the output rows that read them.
        for (int64_t row = begin; row < end; ++row) {
          const int64_t image = row / rows_per_image, id = row % rows_per_image / g.input[1], ih = row % g.input[1];
          const int64_t od = output_at(g.axis(0), id, tap.depth_offset);
          const int64_t oh = output_at(g.axis(1), ih, tap.row_offset);
          if (od < 0 || oh < 0) continue;
          const T *pixels = dy + image * ys.image + od * ys.axis[0] + oh * ys.axis[1] + first * ys.axis[2] + first_k;
          T *target = dx + row * xs.axis[1] + (first * g.stride[2] + tap.column_offset) * xs.axis[2] + first_c;
          outer(columns, inputs, outputs, pixels, ys.axis[2], 1, tile, weight_tile, target, g.stride[2] * xs.axis[2]);
        }
      });
    });
  });
}

template <class T>
void backward_weight_nhwc(const Geometry &g, int threads, const T *dy, const T *x, T *dw) {
  const Strides xs = g.x_strides(), ys = g.y_strides();
  const int64_t area = g.kernel_area(), patch = g.patch_size();
  const auto outer = kernels().direct<T>().outer;
  for_channel_runs(
      threads, 1, g.out_channels, g.group_outputs(), [&](int64_t, int64_t group, int64_t channel, int64_t count) {
        std::fill_n(dw + channel * patch, count * patch, T(0));
        alignas(64) T tile[weight_tile * weight_tile];
        for (int64_t c = 0; c < g.group_inputs(); c += weight_tile) {
          const int64_t inputs = std::min(weight_tile, g.group_inputs() - c);
          for_taps(g, [&](const Tap &tap) {
            std::fill_n(tile, count * weight_tile, T(0));
            const int64_t first = tap.columns.begin, columns = tap.columns.end - first;
            for (int64_t image = 0; image < g.batch; ++image) {
              for (int64_t od = 0; od < g.output[0]; ++od) {
                for (int64_t oh = 0; oh < g.output[1]; ++oh) {
                  const int64_t id = od * g.stride[0] + tap.depth_offset, ih = oh * g.stride[1] + tap.row_offset;
                  if (id < 0 || id >= g.input[0] || ih < 0 || ih >= g.input[1]) continue;
                  outer(count, inputs, columns,
                        dy + image * ys.image + od * ys.axis[0] + oh * ys.axis[1] + first * ys.axis[2] + channel, 1,
                        ys.axis[2],
                        x + image * xs.image + id * xs.axis[0] + ih * xs.axis[1] +
                            (first * g.stride[2] + tap.column_offset) * xs.axis[2] + group * g.group_inputs() + c,
                        g.stride[2] * xs.axis[2], tile, weight_tile);
                }
              }
            }
            for (int64_t k = 0; k < count; ++k) {
              T *target = dw + (channel + k) * patch + c * area + tap.index;
              for (int64_t i = 0; i < inputs; ++i) target[i * area] = tile[k * weight_tile + i];
            }
          });
        }
      });
}

// ---- The doors ----------------------------------------------------------------------------------------------------

// 1x1 without stride or padding has no rows: its plane is one long row.
Geometry flattened(const Geometry &geometry) {
  if (!geometry.pointwise()) return geometry;
  Geometry flat = geometry;
  flat.input = flat.output = {1, 1, geometry.input_pixels()};
  return flat;
}

}  // namespace

const char *refuses(const Problem &, const Execution &) { return nullptr; }
size_t workspace_bytes(const Problem &, const Execution &) { return 0; }

size_t packed_bytes(const Problem &problem, const Execution &) {
  return problem.geometry.w_size() * problem.item_bytes();
}

void pack(const Problem &problem, const Execution &execution, const void *w, void *packed) {
  std::memcpy(packed, w, packed_bytes(problem, execution));
}

void forward(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  const Geometry g = flattened(problem.geometry);
  with_type(problem.types.operand, [&](auto type) {
    using T = decltype(type);
    const T *x = static_cast<const T *>(arguments.first), *w = static_cast<const T *>(arguments.second);
    T *y = static_cast<T *>(arguments.out);
    if (g.layout == Layout::nchw) forward_nchw(g, execution.threads, x, w, y);
    else forward_nhwc(g, execution.threads, x, w, y);
    finish_tensor(g.layout, execution.threads, problem.activation, static_cast<const T *>(arguments.bias), y, g.batch,
                  g.out_channels, g.output_pixels());
  });
}

void backward_input(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  const Geometry g = flattened(problem.geometry);
  with_type(problem.types.operand, [&](auto type) {
    using T = decltype(type);
    const T *dy = static_cast<const T *>(arguments.first), *w = static_cast<const T *>(arguments.second);
    T *dx = static_cast<T *>(arguments.out);
    if (g.layout == Layout::nchw) backward_input_nchw(g, execution.threads, dy, w, dx);
    else backward_input_nhwc(g, execution.threads, dy, w, dx);
    finish_tensor(g.layout, execution.threads, problem.activation, static_cast<const T *>(arguments.bias), dx, g.batch,
                  g.in_channels, g.input_pixels());
  });
}

void backward_weight(const Problem &problem, const Execution &execution, const Arguments &arguments) {
  const Geometry g = flattened(problem.geometry);
  with_type(problem.types.operand, [&](auto type) {
    using T = decltype(type);
    const T *dy = static_cast<const T *>(arguments.first), *x = static_cast<const T *>(arguments.second);
    T *dw = static_cast<T *>(arguments.out);
    if (g.layout == Layout::nchw) backward_weight_nchw(g, execution.threads, dy, x, dw);
    else backward_weight_nhwc(g, execution.threads, dy, x, dw);
  });
}

// Fitted on a Zen 5 core with AVX-512 (float32): 100 GFLOP/s in NCHW and 240 where channels come last and fill their
// vectors, less where few channels are summed, 15 ns for each row of each tap, twice the time for weight gradients in NCHW;
// channels last, every thread lays out the weights at 1 ns each.
double seconds(const Problem &problem, const Execution &execution) {
  const Geometry &g = problem.geometry;
  const double item = static_cast<double>(problem.item_bytes()) / 4;
  const double flops = 2.0 * static_cast<double>(g.y_size()) * static_cast<double>(g.patch_size());
  const bool last = g.layout == Layout::nhwc;
  const int64_t lanes = 64 / static_cast<int64_t>(problem.item_bytes());
  const int64_t targets = problem.pass == Pass::forward ? g.group_outputs() : g.group_inputs();
  const double sources = static_cast<double>(problem.pass == Pass::forward ? g.group_inputs() : g.group_outputs());
  // What is contiguous fills the vectors: channels, or the pixels of a row.
  const int64_t along = last ? targets : problem.pass == Pass::backward_input ? g.input[2] : g.output[2];
  const double fill =
      static_cast<double>(along) / static_cast<double>(ceil_div(along, lanes) * lanes) * sources / (sources + 6);
  const double weights = last ? static_cast<double>(g.w_size()) * 1e-9 : 0;
  const double slower = !last && problem.pass == Pass::backward_weight ? 2 : 1;
  const double rows = static_cast<double>(g.batch * g.groups * g.output[0] * g.output[1] * g.kernel_area());
  return (flops * item * slower / ((last ? 240e9 : 100e9) * fill) + rows * 15e-9) / execution.threads + weights;
}

GEMMCONV_VARIANTS_FROM_FUNCTIONS("all")

}  // namespace gemmconv::direct
