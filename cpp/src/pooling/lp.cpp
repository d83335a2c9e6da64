// Lp pooling, (sum |x|^p)^(1/p). Sums of powers are taken plainly, in double; only where such a sum comes out so large or
// so small that terms may have been lost is the window read again and scaled by its largest cell.
#include <cmath>
#include <limits>

#include "channels.hpp"
#include "planes.hpp"
#include "planes_backward.hpp"
#include "pooling.hpp"
#include "reduce.hpp"
#include "spread.hpp"

namespace gemmconv {

namespace {

enum class Norm { one, two, any };

template <class T, Norm norm>
struct Powers {
  using Value = double;
  double p;
  double neutral() const { return 0; }
  double lift(T x) const {
    const double size = std::abs(static_cast<double>(x));
    if constexpr (norm == Norm::one) return size;
    if constexpr (norm == Norm::two) return size * size;
    return std::pow(size, p);
  }
  double join(double a, double b) const { return a + b; }
};

template <class T, Norm norm>
struct Root {
  const PoolGeometry &geometry;
  const Windows &windows;
  const T *x;

  // The window's norm, each cell divided by the largest.
  double scaled(int64_t outer, int64_t o0, int64_t o1, int64_t o2, int64_t channel) const {
    const Planes planes(geometry);
    const Span span0 = windows.span(0, o0), span1 = windows.span(1, o1), span2 = windows.span(2, o2);
    const auto size = [&](int64_t t0, int64_t t1, int64_t t2) {
      const int64_t i0 = span0.begin + t0 * span0.step, i1 = span1.begin + t1 * span1.step;
      const int64_t cell =
          row_offset(planes, geometry.input, outer, i0, i1) + (span2.begin + t2 * span2.step) * planes.inner + channel;
      return std::abs(static_cast<double>(x[cell]));
    };
    const auto each = [&](const auto &visit) {
      for (int64_t t0 = 0; t0 < span0.count; ++t0)
        for (int64_t t1 = 0; t1 < span1.count; ++t1)
          for (int64_t t2 = 0; t2 < span2.count; ++t2) visit(size(t0, t1, t2));
    };
    double largest = 0, sum = 0;
    each([&](double size) { largest = std::max(largest, size); });
    if (largest == 0 || std::isinf(largest)) return largest;
    each([&](double size) { sum += std::pow(size / largest, geometry.p); });
    return largest * std::pow(sum, 1 / geometry.p);
  }

  struct Row {
    const Root &root;
    int64_t outer, o0, o1;
    T operator()(int64_t o2, int64_t channel, double sum) const {
      constexpr double safe = 1e-290;  // above it, terms lost to underflow are below the last bit of the sum
      if constexpr (norm == Norm::one) return static_cast<T>(sum);
      if constexpr (norm == Norm::two && sizeof(T) == 4) return static_cast<T>(std::sqrt(sum));  // no float is so large
      if (sum < safe || std::isinf(sum)) return static_cast<T>(root.scaled(outer, o0, o1, o2, channel));
      return static_cast<T>(norm == Norm::two ? std::sqrt(sum) : std::pow(sum, 1 / root.geometry.p));
    }
  };
  Row row(int64_t outer, int64_t o0, int64_t o1) const { return Row{*this, outer, o0, o1}; }
};

// dy sign(x) (|x| / y)^(p-1): what one window gives one of its cells.
template <Norm norm>
double share(double p, double dy, double x, double y) {
  if (y == 0) return 0;
  const double sign = x > 0 ? 1 : x < 0 ? -1 : x;  // x itself: 0 or NaN
  if constexpr (norm == Norm::one) return dy * sign;
  if constexpr (norm == Norm::two) return dy * (x / y);
  if (x == 0) return 0;
  const double size = std::abs(x);
  // below 1 the two powers are tame and their quotient is not; above 1 it is the other way round
  const double slope = p < 1 ? std::pow(y, 1 - p) * std::pow(size, p - 1) : std::pow(size / y, p - 1);
  return dy * sign * slope;
}

template <class T, Norm norm>
void forward(const PoolGeometry &geometry, int threads, const T *x, T *y) {
  const Windows windows(geometry, false);
  reduce_windows(geometry, windows, threads, x, y, Powers<T, norm>{geometry.p}, Root<T, norm>{geometry, windows, x});
}

// p = 1 and p = 2 by kernels; false where there is none for the windows.
template <class T>
bool forward_by_kernel(const PoolGeometry &geometry, int threads, const T *x, T *y) {
  const Windows windows(geometry, false);
  const bool squares = geometry.p == 2;
  const Root<T, Norm::two> root{geometry, windows, x};
  threads = threads_for(threads, geometry.batch * geometry.channels * geometry.input_pixels());
  const auto op = [&](const Sweep<T> &sweep) {
    T *to = y + sweep.y;
    if (sweep.k == 0) {
      for (int64_t i = 0; i < sweep.m; ++i) std::fill_n(to + i * sweep.y_row, sweep.n, T(0));
      return;
    }
    kernels<T>().pools.norm(squares ? 2 : 1, sweep.m, sweep.n, sweep.k, sweep.x, sweep.x_row, sweep.offsets, to,
                            sweep.y_row);
    if (sizeof(T) == 4 || !squares) return;  // no float has so large a square
    constexpr double safe = 1e-145;  // of the root: above it, terms lost to underflow are below the last bit of the sum
    for (int64_t i = 0; i < sweep.m; ++i) {
      for (int64_t j = 0; j < sweep.n; ++j) {
        T &value = to[i * sweep.y_row + j];
        if (!(value < safe || std::isinf(value))) continue;
        value = static_cast<T>(sweep.planar
                                   ? root.scaled(sweep.outer, sweep.o0, sweep.o1 + i, sweep.o2 + j, 0)
                                   : root.scaled(sweep.outer, sweep.o0, sweep.o1, sweep.o2 + i, sweep.channel + j));
      }
    }
  };
  if (geometry.layout == Layout::nchw || geometry.channels == 1)
    return sweep_planes(geometry, windows, threads, x, T(0), op);
  sweep_channels(geometry, windows, threads, x, op);
  return true;
}

// NCHW, p = 1 and p = 2: what the windows over a cell give it is their sum of dy / y^(p-1), times sign(x) |x|^(p-1).
// In double, where no quotient of floats overflows; a float alone, therefore. False where there are no blocks.
template <Norm norm>
bool backward_planes(const PoolGeometry &geometry, int threads, const float *dy, const float *x, const float *y,
                     float *dx) {
  const Windows windows(geometry, false);
  const Sizes &output = geometry.output, &input = geometry.input;
  threads = threads_for(threads, geometry.batch * geometry.channels * geometry.input_pixels());
  const auto fill = [&](int64_t outer, int64_t o0, Range rows, Range columns, double *to, int64_t to_row) {
    for (int64_t o1 = rows.begin; o1 < rows.end; ++o1, to += to_row) {
      const int64_t row = ((outer * output[0] + o0) * output[1] + o1) * output[2] + columns.begin;
      for (int64_t j = 0; j < columns.end - columns.begin; ++j) {
        const double delta = dy[row + j], size = y[row + j];
        const double quotient = norm == Norm::one ? delta : delta / (size == 0 ? 1 : size);
        to[j] = size == 0 ? 0 : quotient;
      }
    }
  };
  const auto finish = [&](int64_t outer, int64_t i0, int64_t i1, int64_t i2, int64_t m, int64_t n, const double *sums,
                          int64_t sums_row) {
    for (int64_t i = 0; i < m; ++i) {
      const int64_t row = ((outer * input[0] + i0) * input[1] + i1 + i * geometry.stride[1]) * input[2] + i2;
      for (int64_t j = 0; j < n; ++j) {
        const double cell = x[row + j];
        const double slope = norm == Norm::two ? cell : cell > 0 ? 1 : cell < 0 ? -1 : cell;
        dx[row + j] = static_cast<float>(slope * sums[i * sums_row + j]);
      }
    }
  };
  return spread_planes<double>(geometry, windows, threads, fill, finish);
}

template <class T, Norm norm>
void backward_rows(const PoolGeometry &geometry, int threads, const T *dy, const T *x, const T *y, T *dx) {
  const Windows windows(geometry, false);
  const Planes planes(geometry);
  for_tiles(threads, planes, geometry.input, row_cells, 1, [&](const Tile &tile) {
    double cells[row_cells];
    std::fill(cells, cells + (tile.end - tile.begin), 0.0);
    const int64_t to = row_offset(planes, geometry.input, tile.outer, tile.row0, tile.row1);
    const Range outputs = windows.outputs_touching(2, tile.begin, tile.end);
    for_rows_over(windows, tile.row0, tile.row1, [&](int64_t o0, int64_t o1) {
      const int64_t from = row_offset(planes, geometry.output, tile.outer, o0, o1);
      for_meetings(windows, outputs, tile.begin, tile.end, [&](int64_t o, int64_t i) {
        cells[i - tile.begin] += share<norm>(geometry.p, dy[from + o], x[to + i], y[from + o]);
      });
    });
    for (int64_t i = tile.begin; i < tile.end; ++i) dx[to + i] = static_cast<T>(cells[i - tile.begin]);
  });
}

template <class T, Norm norm>
void backward_channels(const PoolGeometry &geometry, int threads, const T *dy, const T *x, const T *y, T *dx) {
  const Windows windows(geometry, false);
  const Planes planes(geometry);
  for_tiles(threads, planes, geometry.input, tile_columns, tile_channels, [&](const Tile &tile) {
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
            sums[c] += share<norm>(geometry.p, dy[from + c], x[to + c], y[from + c]);
        }
      });
      for (int64_t c = 0; c < tile.channels; ++c) dx[to + c] = static_cast<T>(sums[c]);
    }
  });
}

template <class T, Norm norm>
void backward(const PoolGeometry &geometry, int threads, const T *dy, const T *x, const T *y, T *dx) {
  threads = threads_for(threads, geometry.batch * geometry.channels * geometry.input_pixels());
  if (geometry.layout == Layout::nchw || geometry.channels == 1)
    backward_rows<T, norm>(geometry, threads, dy, x, y, dx);
  else backward_channels<T, norm>(geometry, threads, dy, x, y, dx);
}

}  // namespace

template <class T>
void lp_pool(const PoolGeometry &geometry, int threads, const T *x, T *y) {
  if ((geometry.p == 1 || geometry.p == 2) && forward_by_kernel(geometry, threads, x, y)) return;
  if (geometry.p == 1) forward<T, Norm::one>(geometry, threads, x, y);
  else if (geometry.p == 2) forward<T, Norm::two>(geometry, threads, x, y);
  else forward<T, Norm::any>(geometry, threads, x, y);
}

template <class T>
void lp_pool_backward(const PoolGeometry &geometry, int threads, const T *dy, const T *x, const T *y, T *dx) {
  if constexpr (sizeof(T) == 4) {
    if (geometry.layout == Layout::nchw || geometry.channels == 1) {
      if (geometry.p == 1 && backward_planes<Norm::one>(geometry, threads, dy, x, y, dx)) return;
      if (geometry.p == 2 && backward_planes<Norm::two>(geometry, threads, dy, x, y, dx)) return;
    }
  }
  if (geometry.p == 1) backward<T, Norm::one>(geometry, threads, dy, x, y, dx);
  else if (geometry.p == 2) backward<T, Norm::two>(geometry, threads, dy, x, y, dx);
  else backward<T, Norm::any>(geometry, threads, dy, x, y, dx);
}

template void lp_pool(const PoolGeometry &, int, const float *, float *);
template void lp_pool(const PoolGeometry &, int, const double *, double *);
template void lp_pool_backward(const PoolGeometry &, int, const float *, const float *, const float *, float *);
template void lp_pool_backward(const PoolGeometry &, int, const double *, const double *, const double *, double *);

}  // namespace gemmconv
