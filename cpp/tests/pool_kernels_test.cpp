// Checks of the kernels of pooling and patches in every table that runs here, against loops. Arrays are guarded.
#include <cmath>
#include <limits>
#include <vector>

#include "guarded.hpp"
#include "kernel_checks.hpp"

using namespace gemmconv;

namespace {

template <class T>
bool same(T a, T b) {
  return a == b || (std::isnan(a) && std::isnan(b));
}

// Small whole numbers, so that ties are many and sums are exact, with some odd values among them.
template <class T>
void fill(Guarded<T> &x, bool odd) {
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  const T odd_values[] = {nan, inf, -inf, T(-0.0)};
  for (int64_t i = 0; i < x.size(); ++i)
    x[i] = odd && uniform(0, 3) == 0 ? odd_values[uniform(0, 3)] : static_cast<T>(uniform(-3, 3));
}

// m x n windows of k cells that read anywhere in x.
template <class T>
struct Windows {
  int64_t m = uniform(1, 5), n = uniform(1, 90), k = uniform(1, 20), x_row = uniform(0, 40), y_row = n + uniform(0, 3);
  std::vector<int64_t> offsets;
  int64_t last = 0;
  Guarded<T> x, y;

  Windows() : offsets(offsets_of(k)), last(most(offsets)), x((m - 1) * x_row + last + n), y((m - 1) * y_row + n) {}
  T cell(int64_t i, int64_t j, int64_t l) { return x[i * x_row + offsets[static_cast<size_t>(l)] + j]; }
  void poison() {
    for (int64_t i = 0; i < y.size(); ++i) y[i] = T(77);
  }
  // Whether between the rows of y nothing was written.
  bool untouched() {
    bool good = true;
    for (int64_t i = 0; i < y.size(); ++i) good &= i % y_row < n || y[i] == T(77);
    return good;
  }

 private:
  static std::vector<int64_t> offsets_of(int64_t k) {
    std::vector<int64_t> found(static_cast<size_t>(k));
    for (int64_t &offset : found) offset = uniform(0, 60);
    return found;
  }
  static int64_t most(const std::vector<int64_t> &offsets) {
    int64_t found = 0;
    for (const int64_t offset : offsets) found = offset > found ? offset : found;
    return found;
  }
};

template <class T>
void check_largest(const Kernels &table) {
  for (int trial = 0; trial < 300; ++trial) {
    Windows<T> w;
    fill(w.x, trial % 2);
    w.poison();
    table.of<T>().pools.largest(w.m, w.n, w.k, w.x.data(), w.x_row, w.offsets.data(), w.y.data(), w.y_row);
    bool good = w.untouched();
    // with places: those of NHWC (one a window) or of NCHW (columns apart, starts given)
    const bool planar = trial % 3 == 0;
    std::vector<PlaceOf<T>> taps, rows, columns;
    for (int64_t l = 0; l < w.k; ++l) taps.push_back(static_cast<PlaceOf<T>>(uniform(0, 1000)));
    for (int64_t i = 0; i < w.m; ++i) rows.push_back(static_cast<PlaceOf<T>>(uniform(0, 1000)));
    for (int64_t j = 0; j < w.n; ++j) columns.push_back(static_cast<PlaceOf<T>>(uniform(0, 1000)));
    const PoolPlaces<T> places{uniform(-50, 50),
                               uniform(0, 90),
                               planar ? uniform(1, 4) : 0,
                               taps.data(),
                               planar ? rows.data() : nullptr,
                               planar ? columns.data() : nullptr};
    Guarded<T> values((w.m - 1) * w.y_row + w.n);
    Guarded<int64_t> indices(values.size());
    for (int64_t i = 0; i < values.size(); ++i) values[i] = T(77), indices[i] = 77;
    table.of<T>().pools.argmax(w.m, w.n, w.k, w.x.data(), w.x_row, w.offsets.data(), places, values.data(),
                               indices.data(), w.y_row);
    for (int64_t i = 0; i < w.m; ++i) {
      for (int64_t j = 0; j < w.n; ++j) {
        T best = -std::numeric_limits<T>::infinity();
        int64_t place = planar ? rows[static_cast<size_t>(i)] + columns[static_cast<size_t>(j)]
                               : places.first + i * places.row + taps[0];
        for (int64_t l = 0; l < w.k; ++l) {
          const T value = w.cell(i, j, l);
          if (!(value > best || (std::isnan(value) && !std::isnan(best)))) continue;
          best = value;
          place = places.first + i * places.row + j * places.column + taps[static_cast<size_t>(l)];
        }
        good &= same(w.y[i * w.y_row + j], best);
        good &= same(values[i * w.y_row + j], best) && indices[i * w.y_row + j] == place;
      }
    }
    for (int64_t i = 0; i < values.size(); ++i) good &= i % w.y_row < w.n || (values[i] == T(77) && indices[i] == 77);
    check(good, name<T>("largest", table, w.m, w.n, w.k));
  }
}

template <class T>
void check_sums(const Kernels &table) {
  const PoolKernel<T> &kernel = table.of<T>().pools;
  const T epsilon = std::numeric_limits<T>::epsilon();
  for (int trial = 0; trial < 300; ++trial) {
    Windows<T> w;
    fill(w.x, false);
    const double divisor = trial % 3 ? static_cast<double>(uniform(1, 9)) : -2.5;
    std::vector<T> weights;
    for (int64_t l = 0; l < w.k; ++l) weights.push_back(static_cast<T>(uniform(-3, 3)));
    const int what = trial % 4;
    w.poison();
    if (what == 0) kernel.mean(w.m, w.n, w.k, w.x.data(), w.x_row, w.offsets.data(), divisor, w.y.data(), w.y_row);
    else if (what == 1)
      kernel.weighted(w.m, w.n, w.k, w.x.data(), w.x_row, w.offsets.data(), weights.data(), w.y.data(), w.y_row);
    else kernel.norm(what - 1, w.m, w.n, w.k, w.x.data(), w.x_row, w.offsets.data(), w.y.data(), w.y_row);
    bool good = w.untouched();
    for (int64_t i = 0; i < w.m; ++i) {
      for (int64_t j = 0; j < w.n; ++j) {
        double sum = 0;
        for (int64_t l = 0; l < w.k; ++l) {
          const double cell = w.cell(i, j, l);
          sum += what == 0   ? cell
                 : what == 1 ? cell * weights[static_cast<size_t>(l)]
                 : what == 2 ? std::abs(cell)
                             : cell * cell;
        }
        const double right = what == 0 ? sum / divisor : what == 3 ? std::sqrt(sum) : sum;
        good &= std::abs(w.y[i * w.y_row + j] - right) <= epsilon * std::abs(right);
      }
    }
    check(good, name<T>("sums", table, w.m, w.n, w.k));
  }
}

template <class T>
void check_rows(const Kernels &table) {
  for (int trial = 0; trial < 300; ++trial) {
    const int64_t m = uniform(1, 9), n = uniform(1, trial % 3 ? 60 : 700), x_row = n + uniform(0, 3);
    Guarded<T> x((m - 1) * x_row + n), sums(m), maxima(m);
    fill(x, trial % 2);
    table.of<T>().pools.row_maxima(m, n, x.data(), x_row, maxima.data());
    table.of<T>().pools.row_means(m, n, x.data(), x_row, 4, sums.data());
    bool good = true;
    for (int64_t i = 0; i < m; ++i) {
      double sum = 0;
      T best = -std::numeric_limits<T>::infinity();
      for (int64_t j = 0; j < n; ++j) {
        const T value = x[i * x_row + j];
        sum += value;
        if (value > best || std::isnan(value)) best = value;
        if (std::isnan(best)) break;
      }
      good &= same(maxima[i], best);
      if (trial % 2 == 0) good &= sums[i] == static_cast<T>(sum / 4);  // whole numbers: exact in any order
    }
    check(good, name<T>("rows", table, m, n, 0));
  }
}

// De-interleaving columns and interleaving them again, copies and sums with steps.
template <class T>
void check_moves(const Kernels &table) {
  for (int trial = 0; trial < 400; ++trial) {
    const int64_t m = uniform(1, 5), n = uniform(1, 80), half = (n + 1) / 2, half_row = half + uniform(0, 2);
    const int64_t row = n + uniform(0, 3);
    Guarded<T> x((m - 1) * row + n), even((m - 1) * half_row + half), odd(n > 1 ? (m - 1) * half_row + n / 2 : 1);
    Guarded<T> back(x.size());
    fill(x, false);
    for (int64_t i = 0; i < back.size(); ++i) back[i] = T(77);
    table.of<T>().moves.deinterleave(m, n, x.data(), row, even.data(), odd.data(), half_row);
    table.of<T>().moves.interleave(m, n, even.data(), odd.data(), half_row, back.data(), row);
    bool good = true;
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j)
        good &= (j % 2 ? odd : even)[i * half_row + j / 2] == x[i * row + j] && back[i * row + j] == x[i * row + j];
    for (int64_t i = 0; i < back.size(); ++i) good &= i % row < n || back[i] == T(77);
    check(good, name<T>("split and join", table, m, n, 0));

    const int64_t from_col = uniform(1, 5), to_col = trial % 2 ? 1 : uniform(1, 3);
    const int64_t from_row = (n - 1) * from_col + 1, to_row = (n - 1) * to_col + 1;
    Guarded<T> from((m - 1) * from_row + (n - 1) * from_col + 1), to((m - 1) * to_row + (n - 1) * to_col + 1);
    fill(from, false);
    const bool add = trial % 3 == 0;
    for (int64_t i = 0; i < to.size(); ++i) to[i] = T(77);
    (add ? table.of<T>().moves.add : table.of<T>().moves.copy)(m, n, from.data(), from_row, from_col, to.data(), to_row,
                                                               to_col);
    good = true;
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        T &value = to[i * to_row + j * to_col];
        good &= value == from[i * from_row + j * from_col] + (add ? T(77) : T(0));
        value = T(77);
      }
    }
    for (int64_t i = 0; i < to.size(); ++i) good &= to[i] == T(77);
    check(good, name<T>(add ? "add" : "copy", table, m, n, from_col));
  }
}

template <class T>
void check_type(const Kernels &table) {
  check_largest<T>(table);
  check_sums<T>(table);
  check_rows<T>(table);
  check_moves<T>(table);
}

}  // namespace

void check_pool_kernels() {
  for (int index = 0; kernels_at(index); ++index) {
    if (!runs_here(*kernels_at(index))) continue;
    check_type<float>(*kernels_at(index));
    check_type<double>(*kernels_at(index));
  }
}
