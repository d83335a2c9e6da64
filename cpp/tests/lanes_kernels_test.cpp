// Checks of the kernels whose lanes are channels, and of transposing to and from that order, in every table that runs here,
// against loops, at every size around the edges of the tiles. Arrays are guarded.
#include <algorithm>

#include "guarded.hpp"
#include "kernel_checks.hpp"
#include "kernels/kernels.hpp"

using namespace gemmconv;

namespace {

// Tiles have at most 14 rows (lanes), 8 (weights), 16 (transposing): every size to twice that and one.
constexpr int64_t most_pixels = 29, most_taps = 17, most_transposed = 33;

template <class T>
void check_lanes(const Kernels &table) {
  const PixelBroadcastKernel<T> &kernel = table.of<T>().pixel_broadcast;
  for (int64_t m = 0; m <= most_pixels; ++m) {
    for (int trial = 0; trial < 16; ++trial) {
      const int64_t vectors = 1 + trial % 2, n = vectors * table.of<T>().lanes, k = some_k();
      const int64_t w_row = n + uniform(0, 3), sums_row = n + uniform(0, 3);
      const bool accumulate = trial / 2 % 2;
      Guarded<int64_t> offsets(k);
      int64_t last = 0;
      for (int64_t l = 0; l < k; ++l) last = std::max(last, offsets[l] = uniform(0, 50));
      Guarded<T> x(k && m ? last + m : 0), w(k ? (k - 1) * w_row + n : 0), sums(m ? (m - 1) * sums_row + n : 0);
      Guarded<T> before(sums.size());
      x.randomize();
      w.randomize();
      fill(before, m, n, sums_row);
      copy(before, sums);
      kernel.row[vectors - 1](m, k, x.data(), offsets.data(), w.data(), w_row, sums.data(), sums_row, accumulate);
      bool good = untouched(sums, m, n, sums_row);
      for (int64_t i = 0; i < m; ++i) {
        for (int64_t j = 0; j < n; ++j) {
          good &= close(
              sums[i * sums_row + j], accumulate ? before[i * sums_row + j] : T(0), k,
              [&](int64_t l) { return x[offsets[l] + i]; }, [&](int64_t l) { return w[l * w_row + j]; });
        }
      }
      check(good, name<T>("lanes", table, m, n, k));
    }
  }
}

template <class T>
void check_weights(const Kernels &table) {
  const WeightGradientKernel<T> &kernel = table.of<T>().weight_gradient;
  for (int64_t m = 0; m <= most_taps; ++m) {
    for (int trial = 0; trial < 24; ++trial) {
      const int count = 1 + trial % kernel.vectors;
      const int64_t n = int64_t{count} * table.of<T>().lanes, height = uniform(0, 3), width = some_k(),
                    k = height * width;
      const int64_t x_line = uniform(0, 12), b_row = n + uniform(0, 3), c_row = n + uniform(0, 3);
      Guarded<int64_t> offsets(m);
      int64_t last = 0;
      for (int64_t i = 0; i < m; ++i) last = std::max(last, offsets[i] = uniform(0, 50));
      Guarded<T> x(k && m ? last + (height - 1) * x_line + width : 0), b(k ? (k - 1) * b_row + n : 0);
      Guarded<T> c(m ? (m - 1) * c_row + n : 0), before(c.size());
      x.randomize();
      b.randomize();
      fill(before, m, n, c_row);
      copy(before, c);
      kernel.sums(count, m, height, width, x.data(), offsets.data(), x_line, b.data(), b_row, c.data(), c_row);
      bool good = untouched(c, m, n, c_row);
      for (int64_t i = 0; i < m; ++i) {
        for (int64_t j = 0; j < n; ++j) {
          good &= close(
              c[i * c_row + j], before[i * c_row + j], k,
              [&](int64_t l) { return x[offsets[i] + l / width * x_line + l % width]; },
              [&](int64_t l) { return b[l * b_row + j]; });
        }
      }
      check(good, name<T>("weights", table, m, n, k));
    }
  }
}

template <class T>
void check_transpose(const Kernels &table) {
  for (int64_t m = 0; m <= most_transposed; ++m) {
    for (int64_t n = 0; n <= most_transposed; ++n) {
      const int64_t from_row = n + uniform(0, 3), to_row = m + uniform(0, 3);
      const bool empty = m == 0 || n == 0;
      Guarded<T> from(empty ? 0 : (m - 1) * from_row + n), to(empty ? 0 : (n - 1) * to_row + m);
      from.randomize();
      fill(to, 0, 0, to_row + 1);
      table.of<T>().moves.transpose(m, n, from.data(), from_row, to.data(), to_row);
      bool good = empty || untouched(to, n, m, to_row);
      for (int64_t i = 0; i < m; ++i) {
        for (int64_t j = 0; j < n; ++j) good &= to[j * to_row + i] == from[i * from_row + j];
      }
      check(good, name<T>("transpose", table, m, n, 0));
    }
  }
}

template <class T>
void check_type(const Kernels &table) {
  check_lanes<T>(table);
  check_weights<T>(table);
  check_transpose<T>(table);
}

}  // namespace

void check_lanes_kernels() {
  for (int index = 0; kernels_at(index); ++index) {
    if (!runs_here(*kernels_at(index))) continue;
    check_type<float>(*kernels_at(index));
    check_type<double>(*kernels_at(index));
  }
}
