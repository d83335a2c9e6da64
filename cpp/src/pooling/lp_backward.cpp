// The gradient of Lp pooling: what a window gives one of its cells is dy sign(x) (|x| / y)^(p-1).
#include <cmath>

#include "bands_backward.hpp"
#include "norm.hpp"
#include "pooling.hpp"

namespace gemmconv {

namespace pooling {
namespace {

// What one window gives one of its cells.
template <Norm norm>
double share(double p, double dy, double x, double y) {
  if (y == 0) return 0;
  const double sign = x > 0 ? 1 : x < 0 ? -1 : x;  // x itself: 0 or NaN
  if constexpr (norm == Norm::one) return dy * sign;
  if constexpr (norm == Norm::two) return dy * (x / y);
  if (x == 0) return 0;
  const double size = std::abs(x);
  // below 1 the two powers stay in range and their quotient may not; above 1 it is the other way round
  const double slope = p < 1 ? std::pow(y, 1 - p) * std::pow(size, p - 1) : std::pow(size / y, p - 1);
  return dy * sign * slope;
}

// p = 1 and p = 2: what the windows over a cell give it is their sum of dy / y^(p-1), times sign(x) |x|^(p-1). In double,
// where no quotient of floats overflows; for float alone, therefore.
template <Norm norm>
void share_by_bands_of(const Call<float> &call) {
  const Sizes &output = call.geometry.output, &input = call.geometry.input;
  const auto fill = [&](int64_t outer, int64_t o0, Range rows, Range columns, double *to, int64_t to_row) {
    for (int64_t o1 = rows.begin; o1 < rows.end; ++o1, to += to_row) {
      const int64_t row = ((outer * output[0] + o0) * output[1] + o1) * output[2] + columns.begin;
      for (int64_t j = 0; j < columns.end - columns.begin; ++j) {
        const double delta = call.dy[row + j], size = call.y[row + j];
        const double quotient = norm == Norm::one ? delta : delta / (size == 0 ? 1 : size);
        to[j] = size == 0 ? 0 : quotient;
      }
    }
  };
  const auto finish = [&](int64_t outer, int64_t i0, int64_t i1, int64_t i2, int64_t m, int64_t n, const double *sums,
                          int64_t sums_row) {
    for (int64_t i = 0; i < m; ++i) {
      const int64_t row = ((outer * input[0] + i0) * input[1] + i1 + i * call.geometry.stride[1]) * input[2] + i2;
      for (int64_t j = 0; j < n; ++j) {
        const double cell = call.x[row + j];
        const double slope = norm == Norm::two ? cell : cell > 0 ? 1 : cell < 0 ? -1 : cell;
        call.out[row + j] = static_cast<float>(slope * sums[i * sums_row + j]);
      }
    }
  };
  for_bands_backward<double>(call, fill, finish);
}

template <class T>
void share_by_bands(const Call<T> &call) {
  if constexpr (sizeof(T) == 4) {
    if (call.geometry.p == 1) share_by_bands_of<Norm::one>(call);
    else share_by_bands_of<Norm::two>(call);
  }
}

template <class T>
const char *refuses_share_by_bands(const Call<T> &call) {
  if (sizeof(T) != 4) return "it is for float32, whose quotients do not overflow in double";
  if (const char *reason = refuses_powers(call)) return reason;
  return refuses_bands_backward<double>(call);
}

template <Norm norm, class T>
void share_by_rows_of(const Call<T> &call) {
  const PoolGeometry &geometry = call.geometry;
  const Windows &windows = call.windows;
  const Planes planes(geometry);
  for_tiles(call.threads, Tiles(planes, geometry.input, row_cells, 1), [&](const Tile &tile) {
    double cells[row_cells];
    std::fill(cells, cells + (tile.end - tile.begin), 0.0);
    const int64_t to = row_offset(planes, geometry.input, tile.outer, tile.row0, tile.row1);
    const Range outputs = windows.outputs_touching(2, tile.begin, tile.end);
    for_rows_over(windows, tile.row0, tile.row1, [&](int64_t o0, int64_t o1) {
      const int64_t from = row_offset(planes, geometry.output, tile.outer, o0, o1);
      for_reads(windows, outputs, tile.begin, tile.end, [&](int64_t o, int64_t i) {
        cells[i - tile.begin] += share<norm>(geometry.p, call.dy[from + o], call.x[to + i], call.y[from + o]);
      });
    });
    for (int64_t i = tile.begin; i < tile.end; ++i) call.out[to + i] = static_cast<T>(cells[i - tile.begin]);
  });
}

template <Norm norm, class T>
void share_by_cells_of(const Call<T> &call) {
  const PoolGeometry &geometry = call.geometry;
  const Windows &windows = call.windows;
  const Planes planes(geometry);
  for_tiles(call.threads, Tiles(planes, geometry.input, tile_columns, tile_channels), [&](const Tile &tile) {
    double sums[tile_channels];
    for (int64_t i = tile.begin; i < tile.end; ++i) {
      std::fill(sums, sums + tile.channels, 0.0);
      const int64_t to =
          row_offset(planes, geometry.input, tile.outer, tile.row0, tile.row1) + i * planes.inner + tile.channel;
      const Range outputs = windows.outputs_touching(2, i, i + 1);
      for_rows_over(windows, tile.row0, tile.row1, [&](int64_t o0, int64_t o1) {
        const int64_t row = row_offset(planes, geometry.output, tile.outer, o0, o1) + tile.channel;
        for (int64_t o = outputs.begin; o < outputs.end; ++o) {
          if (!windows.reads(2, o, i)) continue;
          const int64_t from = row + o * planes.inner;
          for (int64_t c = 0; c < tile.channels; ++c)
            sums[c] += share<norm>(geometry.p, call.dy[from + c], call.x[to + c], call.y[from + c]);
        }
      });
      for (int64_t c = 0; c < tile.channels; ++c) call.out[to + c] = static_cast<T>(sums[c]);
    }
  });
}

template <class T>
void share_by_rows(const Call<T> &call) {
  with_norm(call.geometry.p, [&](auto norm) { share_by_rows_of<decltype(norm)::value>(call); });
}

template <class T>
void share_by_cells(const Call<T> &call) {
  with_norm(call.geometry.p, [&](auto norm) { share_by_cells_of<decltype(norm)::value>(call); });
}

}  // namespace

template <class T>
Variants<T> lp_backward_variants() {
  static constexpr Variant<T> list[] = {
      {"bands", refuses_share_by_bands<T>, share_by_bands<T>},
      {"rows", refuses_channels_last<T>, share_by_rows<T>},
      {"cells", refuses_channels_first<T>, share_by_cells<T>},
  };
  return {std::begin(list), std::end(list)};
}
template Variants<float> lp_backward_variants();
template Variants<double> lp_backward_variants();

}  // namespace pooling

template <class T>
void lp_pool_backward(const PoolGeometry &geometry, int threads, const T *dy, const T *x, const T *y, T *dx) {
  pooling::Call<T> call(geometry, threads);
  call.dy = dy;
  call.x = x;
  call.y = y;
  call.out = dx;
  pooling::run_first(pooling::lp_backward_variants<T>(), call);
}

template void lp_pool_backward(const PoolGeometry &, int, const float *, const float *, const float *, float *);
template void lp_pool_backward(const PoolGeometry &, int, const double *, const double *, const double *, double *);

}  // namespace gemmconv
