// Checks of the kernels of the depthwise strategy on every table that runs here: planes of odd sizes, kernels that hang
// over every border, both ends of the arrays at pages that fault, canaries in the gaps between rows.
#include <algorithm>
#include <utility>
#include <vector>

#include "guarded.hpp"
#include "kernel_checks.hpp"

using namespace gemmconv;

namespace {

// A random window over a plane, its output anywhere from the first cell it can touch to the last.
PlaneWindow random_window(int64_t stride) {
  PlaneWindow v{};
  v.rows = uniform(1, 20);
  v.columns = uniform(1, uniform(0, 2) ? 20 : 70);
  v.row_step = v.columns + uniform(0, 3);
  v.kernel_rows = uniform(0, 3) ? uniform(0, 3) * 2 + 1 : uniform(1, 9);
  v.kernel_columns = uniform(0, 2) ? v.kernel_rows : uniform(1, 10);
  v.column_step = uniform(0, 2) ? 1 : uniform(1, 3);
  v.first_row = -uniform(0, v.kernel_rows + 1);
  v.first_column = -uniform(0, v.kernel_columns * v.column_step + 1);
  v.stride = stride;
  v.out_rows = uniform(1, (v.rows - v.first_row) / stride + 2);
  v.out_columns = uniform(1, (v.columns - v.first_column) / stride + 2);
  v.out_row_step = v.out_columns + uniform(0, 3);
  return v;
}

// Elements from the first of a plane to its last.
int64_t extent(int64_t rows, int64_t columns, int64_t row_step) { return (rows - 1) * row_step + columns; }

// x of one plane at output (i, j) under tap (r, s).
template <class T>
T cell(const PlaneWindow &v, const T *x, int64_t i, int64_t j, int64_t r, int64_t s) {
  const int64_t row = v.first_row + i * v.stride + r;
  const int64_t column = v.first_column + j * v.stride + s * v.column_step;
  if (row < 0 || row >= v.rows || column < 0 || column >= v.columns) return T(0);
  return x[row * v.row_step + column];
}

std::string described(const char *what, const PlaneWindow &v) {
  return std::string(what) + " plane " + std::to_string(v.rows) + "x" + std::to_string(v.columns) + " kernel " +
         std::to_string(v.kernel_rows) + "x" + std::to_string(v.kernel_columns) + " from " +
         std::to_string(v.first_row) + "," + std::to_string(v.first_column) + " stride " + std::to_string(v.stride) +
         " dilation " + std::to_string(v.column_step);
}

// A few planes, their kernels and their outputs.
template <class T>
struct Planes {
  Planes(const PlaneWindow &v, int64_t taps, bool at_start)
      : x_plane(extent(v.rows, v.columns, v.row_step)),
        series{uniform(1, 3), taps, x_plane + uniform(0, 2), 0},
        w(series.count * taps),
        x((series.count - 1) * series.x + x_plane, at_start) {
    w.randomize();
    x.randomize();
  }
  int64_t x_plane;
  Series series;
  Guarded<T> w, x;
};

// Whether y is the sum for its plane, row and column. The kernel may be rotated.
template <class T>
bool right(const PlaneWindow &v, TapSteps tap, const T *w, const T *x, int64_t i, int64_t j, T value, T before) {
  const auto split = [&](int64_t l) { return std::pair<int64_t, int64_t>(l / v.kernel_columns, l % v.kernel_columns); };
  return close(
      value, before, v.kernel_rows * v.kernel_columns,
      [&](int64_t l) { return w[split(l).first * tap.row + split(l).second * tap.column]; },
      [&](int64_t l) { return cell(v, x, i, j, split(l).first, split(l).second); });
}

template <class T>
void check_correlate(const Kernels &table) {
  for (int trial = 0; trial < 600; ++trial) {
    const PlaneWindow v = random_window(trial % 2 + 1);
    const bool at_start = trial / 2 % 2, rotated = trial / 4 % 2, accumulate = trial / 8 % 2;
    Planes<T> planes(v, v.kernel_rows * v.kernel_columns, at_start);
    const int64_t y_plane = extent(v.out_rows, v.out_columns, v.out_row_step);
    planes.series.y = y_plane + uniform(0, 2);
    Guarded<T> y((planes.series.count - 1) * planes.series.y + y_plane, at_start);
    for (int64_t l = 0; l < y.size(); ++l) y[l] = T(canary);
    const TapSteps tap = rotated ? TapSteps{-v.kernel_columns, -1} : TapSteps{v.kernel_columns, 1};
    const T *w = planes.w.data() + (rotated ? v.kernel_rows * v.kernel_columns - 1 : 0);
    table.of<T>().plane_windows.correlate(v, planes.series, w, tap, planes.x.data(), y.data(), accumulate);
    bool good = true;
    for (int64_t p = 0; p < planes.series.count; ++p) {
      for (int64_t i = 0; i < v.out_rows; ++i) {
        for (int64_t j = 0; j < v.out_columns; ++j) {
          T &value = y[p * planes.series.y + i * v.out_row_step + j];
          good &= right(v, tap, w + p * planes.series.w, planes.x.data() + p * planes.series.x, i, j, value,
                        accumulate ? T(canary) : T(0));
          value = T(canary);
        }
      }
    }
    for (int64_t l = 0; l < y.size(); ++l) good &= y[l] == T(canary);
    check(good, name<T>(described("window correlate", v).c_str(), table, v.out_rows, v.out_columns, 0));
  }
}

template <class T>
void check_interleaved(const Kernels &table) {
  for (int trial = 0; trial < 400; ++trial) {
    PlaneWindow even = random_window(1);
    even.kernel_rows = uniform(0, 4);
    even.kernel_columns = uniform(0, 8);
    even.column_step = 1;
    PlaneWindow odd = even;
    odd.kernel_columns = uniform(0, 8);
    odd.first_column = -uniform(0, 3);
    odd.out_columns = even.out_columns - uniform(0, 1);
    even.out_row_step = odd.out_row_step = even.out_columns + odd.out_columns + uniform(0, 2);
    const bool at_start = trial % 2, accumulate = trial / 2 % 2;
    const int64_t width = std::max<int64_t>(1, std::max(even.kernel_columns, odd.kernel_columns));
    Planes<T> planes(even, std::max<int64_t>(1, even.kernel_rows * width), at_start);
    const int64_t columns = even.out_columns + odd.out_columns;
    const int64_t y_plane = extent(even.out_rows, columns, even.out_row_step);
    planes.series.y = y_plane + uniform(0, 2);
    Guarded<T> y((planes.series.count - 1) * planes.series.y + y_plane, at_start);
    for (int64_t l = 0; l < y.size(); ++l) y[l] = T(canary);
    const T *w = planes.w.data();
    table.of<T>().plane_windows.interleaved(even, odd, planes.series, w, w, {width, 1}, planes.x.data(), y.data(),
                                            accumulate);
    bool good = true;
    for (int64_t p = 0; p < planes.series.count; ++p) {
      for (int64_t i = 0; i < even.out_rows; ++i) {
        for (int64_t j = 0; j < columns; ++j) {
          T &value = y[p * planes.series.y + i * even.out_row_step + j];
          good &= right(j % 2 ? odd : even, {width, 1}, w + p * planes.series.w, planes.x.data() + p * planes.series.x,
                        i, j / 2, value, accumulate ? T(canary) : T(0));
          value = T(canary);
        }
      }
    }
    for (int64_t l = 0; l < y.size(); ++l) good &= y[l] == T(canary);
    check(good, name<T>(described("window interleaved", even).c_str(), table, even.out_rows, columns, 0));
  }
}

template <class T>
void check_gradient(const Kernels &table) {
  for (int trial = 0; trial < 400; ++trial) {
    const PlaneWindow v = random_window(trial % 2 + 1);
    const bool at_start = trial / 2 % 2;
    const int64_t taps = v.kernel_rows * v.kernel_columns, images = uniform(1, 2);
    Planes<T> planes(v, taps, at_start);
    const int64_t x_image = planes.series.count * planes.series.x;
    const int64_t y_plane = extent(v.out_rows, v.out_columns, v.out_row_step);
    planes.series.y = y_plane + uniform(0, 2);
    const int64_t y_image = planes.series.count * planes.series.y;
    Guarded<T> x((images - 1) * x_image + planes.x.size(), at_start);
    Guarded<T> dy((images - 1) * y_image + (planes.series.count - 1) * planes.series.y + y_plane, at_start);
    x.randomize();
    dy.randomize();
    const std::vector<T> before(planes.w.data(), planes.w.data() + planes.w.size());
    table.of<T>().plane_windows.gradient(v, planes.series, {images, 0, x_image, y_image}, dy.data(), x.data(),
                                         planes.w.data(), {v.kernel_columns, 1});
    bool good = true;
    const int64_t pixels = v.out_rows * v.out_columns;
    for (int64_t l = 0; l < planes.w.size(); ++l) {
      const int64_t p = l / taps, r = l % taps / v.kernel_columns, s = l % taps % v.kernel_columns;
      good &= close(
          planes.w[l], before[static_cast<size_t>(l)], images * pixels,
          [&](int64_t q) {
            return dy[q / pixels * y_image + p * planes.series.y + q % pixels / v.out_columns * v.out_row_step +
                      q % v.out_columns];
          },
          [&](int64_t q) {
            return cell(v, x.data() + q / pixels * x_image + p * planes.series.x, q % pixels / v.out_columns,
                        q % v.out_columns, r, s);
          });
    }
    check(good, name<T>(described("window gradient", v).c_str(), table, v.out_rows, v.out_columns, images));
  }
}

// Kernels over channels: pixels, taps and places at random distances.
template <class T>
void check_channels(const Kernels &table) {
  for (int trial = 0; trial < 400; ++trial) {
    const int64_t pixels = uniform(0, 11), channels = uniform(1, trial % 4 ? 40 : 150), taps = uniform(0, 30);
    const int64_t x_step = channels + uniform(0, 3), y_step = channels + uniform(0, 3);
    std::vector<int64_t> offsets, places;
    for (int64_t t = 0; t < taps; ++t) {
      offsets.push_back(uniform(0, 20) * channels);
      places.push_back(t * channels);
    }
    const int64_t last = offsets.empty() ? 0 : *std::max_element(offsets.begin(), offsets.end());
    Guarded<T> w(taps * channels), x(last + std::max<int64_t>(0, pixels - 1) * x_step + channels);
    Guarded<T> y(pixels ? (pixels - 1) * y_step + channels : 0);
    w.randomize();
    x.randomize();
    for (int64_t l = 0; l < y.size(); ++l) y[l] = T(canary);
    table.of<T>().channel_windows.correlate(pixels, channels, taps, w.data(), places.data(), x.data(), offsets.data(),
                                            x_step, y.data(), y_step);
    bool good = untouched(y, pixels, channels, y_step);
    for (int64_t p = 0; p < pixels; ++p) {
      for (int64_t c = 0; c < channels; ++c) {
        good &= close(
            y[p * y_step + c], T(0), taps, [&](int64_t t) { return w[t * channels + c]; },
            [&](int64_t t) { return x[offsets[static_cast<size_t>(t)] + p * x_step + c]; });
      }
    }
    check(good, name<T>("channel correlate", table, pixels, channels, taps));
    y.randomize();
    const std::vector<T> before(w.data(), w.data() + w.size());
    table.of<T>().channel_windows.gradient(pixels, channels, taps, y.data(), y_step, x.data(), offsets.data(), x_step,
                                           w.data(), places.data());
    good = true;
    for (int64_t l = 0; l < w.size(); ++l) {
      const int64_t t = l / channels, c = l % channels;
      good &= close(
          w[l], before[static_cast<size_t>(l)], pixels, [&](int64_t p) { return y[p * y_step + c]; },
          [&](int64_t p) { return x[offsets[static_cast<size_t>(t)] + p * x_step + c]; });
    }
    check(good, name<T>("channel gradient", table, pixels, channels, taps));
  }
}

// Every second cell, and two rows into one.
template <class T>
void check_copies(const Kernels &table) {
  for (int trial = 0; trial < 300; ++trial) {
    const int64_t m = uniform(1, 4), n = uniform(1, trial % 3 ? 20 : 80), step = uniform(1, 3);
    const int64_t from_row = (n - 1) * step + 1 + uniform(0, 3), to_row = n + uniform(0, 3);
    Guarded<T> from((m - 1) * from_row + (n - 1) * step + 1), to((m - 1) * to_row + n);
    from.randomize();
    for (int64_t l = 0; l < to.size(); ++l) to[l] = T(canary);
    table.of<T>().moves.copy(m, n, from.data(), from_row, step, to.data(), to_row, 1);
    bool good = untouched(to, m, n, to_row);
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) good &= to[i * to_row + j] == from[i * from_row + j * step];
    }
    check(good, name<T>("copy", table, m, n, step));
    const int64_t half = (n + 1) / 2 + uniform(0, 3);
    Guarded<T> even((m - 1) * half + (n + 1) / 2), odd((m - 1) * half + n / 2);
    even.randomize();
    odd.randomize();
    for (int64_t l = 0; l < to.size(); ++l) to[l] = T(canary);
    table.of<T>().moves.interleave(m, n, even.data(), odd.data(), half, to.data(), to_row);
    good = untouched(to, m, n, to_row);
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) good &= to[i * to_row + j] == (j % 2 ? odd : even)[i * half + j / 2];
    }
    check(good, name<T>("interleave", table, m, n, 0));
  }
}

}  // namespace

template <class T>
void check_depthwise(const Kernels &table) {
  check_correlate<T>(table);
  check_interleaved<T>(table);
  check_gradient<T>(table);
  check_channels<T>(table);
  check_copies<T>(table);
}

template void check_depthwise<float>(const Kernels &);
template void check_depthwise<double>(const Kernels &);
