// Direct convolution of NCHW, where rows of pixels are contiguous: for one tap and one output row, the sum over channels
// is a small matrix product of strided views.
#include "../../kernels/kernels.hpp"
#include "loops.hpp"

namespace gemmconv::direct {
namespace {

// Rows that are strided in memory are copied into tiles on the stack: 8 KiB in float64.
constexpr int64_t tile_rows = 16, tile_columns = 64;

// tile[r][q] = from[r * row + q * step]
template <class T>
void copy_strided(int64_t rows, int64_t columns, const T *from, int64_t row, int64_t step, T *tile) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t q = 0; q < columns; ++q) tile[r * tile_columns + q] = from[r * row + q * step];
  }
}

// c[i][j] += sum_l a[i][l] b[l][j] where neighbours of b lie b_step apart and those of c c_step.
template <class T>
void accumulate(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b, int64_t b_row,
                int64_t b_step, T *c, int64_t c_row, int64_t c_step) {
  const auto outer = kernels<T>().strided.outer;
  if (b_step == 1 && c_step == 1) return outer(m, n, k, a, a_row, a_col, b, b_row, c, c_row);
  alignas(64) T tile[tile_rows * tile_columns];
  for (int64_t j = 0; j < n; j += tile_columns) {
    const int64_t columns = std::min(tile_columns, n - j);
    if (c_step == 1) {
      for (int64_t l = 0; l < k; l += tile_rows) {
        const int64_t rows = std::min(tile_rows, k - l);
        copy_strided(rows, columns, b + l * b_row + j * b_step, b_row, b_step, tile);
        outer(m, columns, rows, a + l * a_col, a_row, a_col, tile, tile_columns, c + j, c_row);
      }
      continue;
    }
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

// c[i * c_row + j * c_col] += sum_l a[i * a_row + l] * b[j * b_row + l * b_step]
template <class T>
void accumulate_dots(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, const T *b, int64_t b_row,
                     int64_t b_step, T *c, int64_t c_row, int64_t c_col) {
  const auto dot = kernels<T>().strided.dot;
  if (b_step == 1) return dot(m, n, k, a, a_row, b, b_row, c, c_row, c_col);
  alignas(64) T tile[tile_rows * tile_columns];
  for (int64_t j = 0; j < n; j += tile_rows) {
    const int64_t rows = std::min(tile_rows, n - j);
    for (int64_t l = 0; l < k; l += tile_columns) {
      const int64_t columns = std::min(tile_columns, k - l);
      copy_strided(rows, columns, b + j * b_row + l * b_step, b_row, b_step, tile);
      dot(m, rows, columns, a + l, a_row, tile, tile_columns, c + j * c_col, c_row, c_col);
    }
  }
}

// Calls body(tap, columns, x offset, y offset) for each output row and each tap whose input row exists, over the columns
// that the tap reaches: the order of the additions.
template <class Body>
void for_row_pairs(const Geometry &g, const Body &body) {
  const Strides x = g.x_strides(), y = g.y_strides();
  for (int64_t od = 0; od < g.output[0]; ++od) {
    for (int64_t oh = 0; oh < g.output[1]; ++oh) {
      for_taps(g, [&](const Tap &tap) {
        const InputRow at = input_row(g, od, oh, tap);
        if (!exists(g, at)) return;
        body(tap, tap.columns.end - tap.columns.begin, x_offset(g, x, at, tap), y_offset(y, od, oh, tap));
      });
    }
  }
}

// Forward: y += w . x. Input gradient: dx += w^T . dy, where each row of dy goes to the input row that the tap read.
template <class T, Pass pass>
void loops(const Problem &problem, int threads, const T *from, const T *w, T *to) {
  const Geometry &g = problem.geometry;
  const Sides sides(problem);
  const Side &source = sides.source, &target = sides.target;
  const int64_t from_step = pass == Pass::forward ? g.stride[2] : 1, to_step = pass == Pass::forward ? 1 : g.stride[2];
  const auto add_to_channels = [&](int64_t image, int64_t group, int64_t channel, int64_t count) {
    const T *planes = from + source.offset(image, group);
    const T *weights =
        w + group * g.group_outputs() * g.patch_size() + (channel - group * target.channels) * sides.target_weights;
    T *out = to + image * target.strides.image + channel * target.strides.channel;
    std::fill_n(out, count * target.strides.channel, T(0));
    for_row_pairs(g, [&](const Tap &tap, int64_t columns, int64_t x_at, int64_t y_at) {
      const int64_t from_at = pass == Pass::forward ? x_at : y_at, to_at = pass == Pass::forward ? y_at : x_at;
      accumulate<T>(count, columns, source.channels, weights + tap.index, sides.target_weights, sides.source_weights,
                    planes + from_at, source.strides.channel, from_step, out + to_at, target.strides.channel, to_step);
    });
  };
  for_channel_runs(threads, g.batch, g.groups * target.channels, target.channels, add_to_channels);
}

// Each pair of rows adds one inner product to every weight of the tap that joins them.
template <class T>
void weight_loops(const Problem &problem, int threads, const T *dy, const T *x, T *dw) {
  const Geometry &g = problem.geometry;
  const Strides x_strides = g.x_strides(), y_strides = g.y_strides();
  const auto sum_channels = [&](int64_t, int64_t group, int64_t channel, int64_t count) {
    T *out = dw + channel * g.patch_size();
    std::fill_n(out, count * g.patch_size(), T(0));
    for (int64_t image = 0; image < g.batch; ++image) {
      const T *x_planes = x + image * x_strides.image + group * g.group_inputs() * x_strides.channel;
      const T *dy_planes = dy + image * y_strides.image + channel * y_strides.channel;
      for_row_pairs(g, [&](const Tap &tap, int64_t columns, int64_t x_at, int64_t y_at) {
        accumulate_dots(count, g.group_inputs(), columns, dy_planes + y_at, y_strides.channel, x_planes + x_at,
                        x_strides.channel, g.stride[2], out + tap.index, g.patch_size(), g.kernel_area());
      });
    }
  };
  for_channel_runs(threads, 1, g.out_channels, g.group_outputs(), sum_channels);
}

}  // namespace

template <class T>
Loops<T> nchw_loops(Pass pass) {
  switch (pass) {
    case Pass::forward: return loops<T, Pass::forward>;
    case Pass::backward_input: return loops<T, Pass::backward_input>;
    case Pass::backward_weight: return weight_loops<T>;
  }
  return nullptr;  // not reached: the switch is exhaustive
}

template Loops<float> nchw_loops<float>(Pass);
template Loops<double> nchw_loops<double>(Pass);

}  // namespace gemmconv::direct
