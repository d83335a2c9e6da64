// Checks of the products with panels and of their filling in every table that runs here, against loops, at every size around
// the edges of the tiles. Arrays are guarded.
#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#include "guarded.hpp"
#include "kernel_checks.hpp"
#include "kernels/kernels.hpp"

using namespace gemmconv;

namespace {

// Tiles have at most 8 rows: every size to twice that and one.
constexpr int64_t most_rows = 17;

template <class T>
bool same_bits(Guarded<T> &a, Guarded<T> &b) {
  return !std::memcmp(a.data(), b.data(), static_cast<size_t>(a.size()) * sizeof(T));
}

// Operands of one Product, b by even rows; cells of b behind n, read but of no weight, are NaN.
template <class T>
struct Operands {
  int64_t m, n, inner, outer, k, a_inner, a_skip, a_row, whole, b_row, c_row;
  Guarded<T> a, b, bias, c, before;

  Operands(int64_t rows, int64_t columns, int64_t lanes, bool aligned)
      : m(rows),
        n(columns),
        inner(some_k()),
        outer(uniform(0, 2) ? 1 : uniform(0, 3)),
        k(inner * outer),
        a_inner(uniform(0, 1) ? 1 : uniform(1, 20)),
        a_skip(uniform(0, 5)),
        a_row(uniform(0, 1) ? 1 : uniform(0, 40)),
        whole((n + lanes - 1) / lanes * lanes),
        b_row(whole + uniform(0, 3)),
        c_row(aligned ? whole + uniform(0, 1) * lanes : n + uniform(0, 3)),
        a(k ? (m - 1) * a_row + left_place(k - 1) + 1 : 0),
        b(k ? (k - 1) * b_row + whole : 0),
        bias(m),
        c(n ? (m - 1) * c_row + n : 0),
        before(c.size()) {
    a.randomize();
    for (int64_t i = 0; i < b.size(); ++i) b[i] = std::numeric_limits<T>::quiet_NaN();
    std::normal_distribution<double> normal;
    for (int64_t l = 0; l < k; ++l) {
      for (int64_t j = 0; j < n; ++j) b[l * b_row + j] = static_cast<T>(normal(generator));
    }
    bias.randomize();
    fill(before, m, n, c_row);
  }
  int64_t left_place(int64_t l) const { return l / inner * (inner * a_inner + a_skip) + l % inner * a_inner; }
  PanelProduct<T> product(int start) {
    copy(before, c);
    PanelProduct<T> p{};
    p.m = m, p.n = n;
    p.a = a.data(), p.a_row = a_row, p.inner = inner, p.a_inner = a_inner, p.outer = outer, p.a_skip = a_skip;
    p.b = b.data(), p.b_row = b_row;
    p.c = c.data(), p.c_row = c_row;
    p.accumulate = start == 1;
    p.bias = start == 2 ? bias.data() : nullptr;
    return p;
  }
  bool right(int start) {
    bool good = untouched(c, m, n, c_row);
    for (int64_t i = 0; i < m; ++i) {
      const T *row = a.data() + i * a_row;
      for (int64_t j = 0; j < n; ++j) {
        const T first = start == 1 ? before[i * c_row + j] : start == 2 ? bias[i] : T(0);
        good &= close(
            c[i * c_row + j], first, k, [&](int64_t l) { return row[left_place(l)]; },
            [&](int64_t l) { return b[l * b_row + j]; });
      }
    }
    return good;
  }
};

// The same product from rows of b that lie in any order.
template <class T>
bool indexed_agrees(const PanelKernel<T> &kernel, Operands<T> &o, int start, Guarded<T> &answer) {
  std::vector<int64_t> places;
  for (int64_t l = 0; l < o.k; ++l) places.push_back(l * (o.whole + 1));
  std::shuffle(places.begin(), places.end(), generator);
  Guarded<int64_t> offsets(o.k);
  Guarded<T> b(o.k ? (o.k - 1) * (o.whole + 1) + o.whole : 0);
  for (int64_t i = 0; i < b.size(); ++i) b[i] = std::numeric_limits<T>::quiet_NaN();
  for (int64_t l = 0; l < o.k; ++l) {
    offsets[l] = places[static_cast<size_t>(l)];
    std::memcpy(b.data() + offsets[l], o.b.data() + l * o.b_row, static_cast<size_t>(o.n) * sizeof(T));
  }
  PanelProduct<T> p = o.product(start);
  p.b = b.data();
  p.b_row = 0;
  p.b_offsets = offsets.data();
  kernel.product(p);
  return same_bits(o.c, answer);
}

// The same product, b copied meanwhile to a panel, whose cells behind whole vectors stay as they were.
template <class T>
bool copy_agrees(const PanelKernel<T> &kernel, Operands<T> &o, int start, bool stream, Guarded<T> &answer) {
  PanelProduct<T> p = o.product(start);
  p.copy_row = o.whole + uniform(0, 3);
  p.stream = stream;
  Guarded<T> panel(o.k ? (o.k - 1) * p.copy_row + o.whole : 0);
  fill(panel, 0, 0, p.copy_row);
  p.copy = panel.data();
  kernel.product(p);
  bool good = same_bits(o.c, answer) && untouched(panel, o.k, o.whole, p.copy_row);
  for (int64_t l = 0; l < o.k; ++l) {
    good &= !std::memcmp(panel.data() + l * p.copy_row, o.b.data() + l * o.b_row, static_cast<size_t>(o.n) * sizeof(T));
  }
  return good;
}

template <class T>
void check_product(const Kernels &table) {
  const PanelKernel<T> &kernel = table.of<T>().panel;
  for (int64_t m = 1; m <= most_rows; ++m) {
    for (int64_t n = 0; n <= 2 * kernel.columns + 1; ++n) {
      // whole vectors at their alignment are what streams
      Operands<T> o(m, n, table.of<T>().lanes, n % table.of<T>().lanes == 0 && uniform(0, 3));
      const int start = static_cast<int>(uniform(0, 2));
      PanelProduct<T> p = o.product(start);
      kernel.product(p);
      check(o.right(start), name<T>("product", table, m, n, o.k));
      Guarded<T> answer(o.c.size());
      copy(o.c, answer);
      p = o.product(start);
      p.stream = true;
      kernel.product(p);
      check(same_bits(o.c, answer), name<T>("product, streamed", table, m, n, o.k));
      check(indexed_agrees(kernel, o, start, answer), name<T>("product, indexed", table, m, n, o.k));
      if (n == 0) continue;
      check(copy_agrees(kernel, o, start, m % 2, answer), name<T>("product, copied", table, m, n, o.k));
    }
  }
}

// Runs that follow each other, the last one of a tap anywhere, in rows with a margin of a vector behind it.
template <class T>
void check_gather(const Kernels &table) {
  const int64_t lanes = table.of<T>().lanes;
  for (int trial = 0; trial < 1500; ++trial) {
    const int64_t channels = uniform(1, 3), taps = uniform(1, 4), step = trial % 5 ? 1 + trial % 2 : uniform(3, 4);
    const int64_t margin = uniform(lanes, lanes + 2);
    std::vector<int32_t> first_run{0};
    std::vector<PanelRun> runs;
    std::vector<int64_t> begins, ends;
    int64_t columns = 0, last = -1;
    for (int64_t t = 0; t < taps; ++t) {
      int64_t column = uniform(0, 2);
      begins.push_back(column);
      for (int64_t r = uniform(0, 4); r > 0; --r) {
        const int64_t count = uniform(1, uniform(0, 2) ? 2 * lanes + 1 : 3), from = uniform(0, 4) ? uniform(0, 60) : -1;
        runs.push_back({static_cast<int32_t>(column), static_cast<int32_t>(count), from});
        column += count;
        if (from >= 0) last = std::max(last, from + (count - 1) * step);
      }
      ends.push_back(column);
      columns = std::max(columns, column);
      first_run.push_back(static_cast<int32_t>(runs.size()));
    }
    const int64_t stride = uniform(0, 1) ? last + 1 : uniform(0, 20), row = columns + margin, rows = channels * taps;
    Guarded<T> x(last < 0 ? 0 : (channels - 1) * stride + last + 1), panel(rows * row);
    x.randomize();
    fill(panel, 0, 0, row);
    table.of<T>().moves.gather(channels, taps, first_run.data(), runs.data(), x.data(), stride, step, panel.data(),
                               row);
    bool good = true;
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t t = 0; t < taps; ++t) {
        T *to = panel.data() + (c * taps + t) * row;
        for (int32_t r = first_run[static_cast<size_t>(t)]; r < first_run[static_cast<size_t>(t) + 1]; ++r) {
          const PanelRun &run = runs[static_cast<size_t>(r)];
          for (int64_t j = 0; j < run.count; ++j) {
            good &= to[run.column + j] == (run.from < 0 ? T(0) : x[c * stride + run.from + j * step]);
          }
        }
        for (int64_t j = 0; j < begins[static_cast<size_t>(t)]; ++j) good &= to[j] == T(canary);
        const bool empty = ends[static_cast<size_t>(t)] == begins[static_cast<size_t>(t)];
        for (int64_t j = ends[static_cast<size_t>(t)] + (empty ? 0 : lanes); j < row; ++j) good &= to[j] == T(canary);
      }
    }
    check(good, name<T>("gather", table, channels, columns, step));
  }
}

template <class T>
void check_type(const Kernels &table) {
  check_product<T>(table);
  check_gather<T>(table);
}

}  // namespace

void check_panel_kernels() {
  for (int index = 0; kernels_at(index); ++index) {
    if (!runs_here(*kernels_at(index))) continue;
    check_type<float>(*kernels_at(index));
    check_type<double>(*kernels_at(index));
  }
}
