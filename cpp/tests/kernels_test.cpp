// Checks of what the shared library hides: every table of kernels that runs here, the blocked GEMM on each of them, and
// BLAS through gemm(). Inputs and outputs end at a page that faults, so that a tail read or written too far is a crash.
// Prints the table in use and a line for each failure; exit code 0 when there is none.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "gemm/gemm.hpp"
#include "gemm/unpacked.hpp"
#include "guarded.hpp"
#include "kernel_checks.hpp"
#include "kernels/kernels.hpp"

using namespace gemmconv;

namespace {

template <class T>
void check_tile(const Kernels &table) {
  const GemmKernel<T> &kernel = table.of<T>().gemm;
  for (int trial = 0; trial < 400; ++trial) {
    const int rows = static_cast<int>(trial % 3 ? uniform(1, kernel.mr) : kernel.mr);
    const int columns = static_cast<int>(trial % 5 ? uniform(1, kernel.nr) : kernel.nr);
    const int64_t k = trial % 50 ? uniform(1, 40) : 0, ldc = columns + uniform(0, 3);
    const bool accumulate = trial % 2;
    Guarded<T> a(kernel.mr * k), b(kernel.nr * k), c((rows - 1) * ldc + columns), before(c.size());
    a.randomize();
    b.randomize();
    fill(c, rows, columns, ldc);
    std::memcpy(before.data(), c.data(), static_cast<size_t>(c.size()) * sizeof(T));
    kernel.tile(k, a.data(), b.data(), c.data(), ldc, rows, columns, accumulate);
    bool good = untouched(c, rows, columns, ldc);
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < columns; ++j) {
        good &= close(
            c[i * ldc + j], accumulate ? before[i * ldc + j] : T(0), k, [&](int64_t l) { return a[l * kernel.mr + i]; },
            [&](int64_t l) { return b[l * kernel.nr + j]; });
      }
    }
    check(good, name<T>("tile", table, rows, columns, k));
  }
}

template <class T>
void check_pack(const Kernels &table) {
  const GemmKernel<T> &kernel = table.of<T>().gemm;
  for (int trial = 0; trial < 400; ++trial) {
    const int64_t width = trial % 2 ? kernel.mr : kernel.nr, k = uniform(1, 40);
    const int64_t count = trial % 3 ? uniform(1, width) : width;
    const int kind = trial % 5;  // side by side, contiguous along k, neither
    const int64_t across = kind < 2   ? 1
                           : kind < 4 ? k + uniform(0, 9)
                                      : 2,
                  along = kind < 2   ? count + uniform(0, 9)
                          : kind < 4 ? 1
                                     : 2 * count;
    Guarded<T> source((count - 1) * across + (k - 1) * along + 1), panel(width * k);
    source.randomize();
    fill(panel, k, width, width);
    kernel.pack(width, k, count, source.data(), across, along, panel.data());
    bool good = true;
    for (int64_t l = 0; l < k; ++l) {
      for (int64_t i = 0; i < width; ++i) {
        good &= panel[l * width + i] == (i < count ? source[i * across + l * along] : T(0));
      }
    }
    check(good, name<T>("pack", table, width, count, k));
  }
}

template <class T>
void check_outer(const Kernels &table) {
  for (int trial = 0; trial < 400; ++trial) {
    const int64_t m = uniform(1, 40), n = uniform(1, trial % 4 ? 70 : 230), k = uniform(0, 30);
    const bool transposed = trial % 2;
    const int64_t a_col = transposed ? m + uniform(0, 3) : uniform(1, 4);
    const int64_t a_row = transposed ? 1 : k * a_col + uniform(0, 3);
    const int64_t b_row = n + uniform(0, 5), c_row = n + uniform(0, 5);
    Guarded<T> a(k ? (m - 1) * a_row + (k - 1) * a_col + 1 : 0), b(k ? (k - 1) * b_row + n : 0);
    Guarded<T> c((m - 1) * c_row + n), before(c.size());
    a.randomize();
    b.randomize();
    fill(c, m, n, c_row);
    std::memcpy(before.data(), c.data(), static_cast<size_t>(c.size()) * sizeof(T));
    table.of<T>().strided.outer(m, n, k, a.data(), a_row, a_col, b.data(), b_row, c.data(), c_row);
    bool good = untouched(c, m, n, c_row);
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        good &= close(
            c[i * c_row + j], before[i * c_row + j], k, [&](int64_t l) { return a[i * a_row + l * a_col]; },
            [&](int64_t l) { return b[l * b_row + j]; });
      }
    }
    check(good, name<T>("outer", table, m, n, k));
  }
}

template <class T>
void check_dot(const Kernels &table) {
  for (int trial = 0; trial < 400; ++trial) {
    const int64_t m = uniform(1, 20), n = uniform(1, 20), k = uniform(0, trial % 4 ? 40 : 230);
    const int64_t a_row = k + uniform(0, 5), b_row = k + uniform(0, 5);
    const int64_t c_col = uniform(1, 3), c_row = n * c_col + uniform(0, 3);
    Guarded<T> a(k ? (m - 1) * a_row + k : 0), b(k ? (n - 1) * b_row + k : 0);
    Guarded<T> c((m - 1) * c_row + (n - 1) * c_col + 1), before(c.size());
    a.randomize();
    b.randomize();
    for (int64_t i = 0; i < c.size(); ++i) c[i] = T(canary);
    std::memcpy(before.data(), c.data(), static_cast<size_t>(c.size()) * sizeof(T));
    table.of<T>().strided.dot(m, n, k, a.data(), a_row, b.data(), b_row, c.data(), c_row, c_col);
    bool good = true;
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        good &= close(
            c[i * c_row + j * c_col], before[i * c_row + j * c_col], k, [&](int64_t l) { return a[i * a_row + l]; },
            [&](int64_t l) { return b[j * b_row + l]; });
        c[i * c_row + j * c_col] = T(canary);
      }
    }
    for (int64_t i = 0; i < c.size(); ++i) good &= c[i] == T(canary);
    check(good, name<T>("dot", table, m, n, k));
  }
}

// A rows x columns matrix with some strides, at a guarded end.
template <class T>
struct Matrix {
  Matrix(int64_t rows, int64_t columns, int kind)
      : row(kind == 0   ? columns + uniform(0, 3)
            : kind == 1 ? 1
                        : 3 * columns + 1),
        col(kind == 0   ? 1
            : kind == 1 ? rows + uniform(0, 3)
                        : 3),
        values(rows && columns ? (rows - 1) * row + (columns - 1) * col + 1 : 0) {
    values.randomize();
  }
  View<T> view() { return View<T>{values.data(), row, col}; }
  T operator()(int64_t i, int64_t j) { return values[i * row + j * col]; }
  int64_t row, col;
  Guarded<T> values;
};

// The product into a fresh c, by `multiply(c, ldc, workspace)`.
template <class T, class Multiply>
std::vector<T> product(int64_t m, int64_t n, int64_t ldc, size_t workspace_bytes, const Multiply &multiply) {
  Guarded<char> workspace(static_cast<int64_t>((workspace_bytes + 63) / 64 * 64));
  std::memset(workspace.data(), 0xA5, static_cast<size_t>(workspace.size()));
  Guarded<T> c(m && n ? (m - 1) * ldc + n : 0);
  fill(c, 0, n, ldc);
  multiply(c.data(), ldc, workspace.data());
  check(untouched(c, m, n, ldc), "a product wrote outside of c");
  std::vector<T> result;
  for (int64_t i = 0; i < m; ++i) result.insert(result.end(), c.data() + i * ldc, c.data() + i * ldc + n);
  return result;
}

// By our own GEMM, with or without packing as chance has it: the bits are to be the same.
template <class T>
std::vector<T> blocked(const GemmKernel<T> &kernel, int threads, int64_t m, int64_t n, int64_t k, View<T> a, View<T> b,
                       bool accumulate = false) {
  return product<T>(m, n, n + uniform(0, 3), blocked_workspace_bytes(kernel, threads, m, n, k),
                    [&](T *c, int64_t ldc, void *workspace) {
                      if (uniform(0, 1)) {
                        unpacked_gemm(kernel, threads, m, n, k, a, b, c, ldc, accumulate, workspace);
                      } else {
                        blocked_gemm(kernel, threads, m, n, k, left_packer(kernel, a), right_packer(kernel, b), c, ldc,
                                     accumulate, workspace);
                      }
                    });
}

template <class T>
bool right(const std::vector<T> &c, T before, int64_t m, int64_t n, int64_t k, Matrix<T> &a, Matrix<T> &b) {
  bool good = static_cast<int64_t>(c.size()) == m * n;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      good &= close(
          c[static_cast<size_t>(i * n + j)], before, k, [&](int64_t l) { return a(i, l); },
          [&](int64_t l) { return b(l, j); });
    }
  }
  return good;
}

template <class T>
void check_blocked(const Kernels &table) {
  GemmKernel<T> kernel = table.of<T>().gemm;
  kernel.mc = 3 * kernel.mr;  // small blocks, so that small products cross their edges
  kernel.nc = 2 * kernel.nr;
  kernel.kc = 19;
  for (int trial = 0; trial < 240; ++trial) {
    const int64_t m = uniform(1, trial % 3 ? 30 : 90), n = uniform(1, trial % 4 ? 60 : 200), k = uniform(0, 80);
    const int threads = static_cast<int>(uniform(1, 3));
    Matrix<T> a(m, k, trial % 3), b(k, n, trial / 3 % 3);
    const bool accumulate = trial % 2;
    const auto c = blocked(kernel, threads, m, n, k, a.view(), b.view(), accumulate);
    check(right(c, accumulate ? T(canary) : T(0), m, n, k, a, b), name<T>("blocked", table, m, n, k));
  }
}

// Bits are those of a product of one element with the same k, on any number of threads.
template <class T>
void check_same_bits(const Kernels &table) {
  const GemmKernel<T> &kernel = table.of<T>().gemm;
  for (const int64_t k : {7, 300, 900}) {
    const int64_t m = 3 * kernel.mr + 1, n = 2 * kernel.nr + 3;
    Matrix<T> a(m, k, 0), b(k, n, 0), a_turned(m, k, 1);
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t l = 0; l < k; ++l) a_turned.values[i * a_turned.row + l * a_turned.col] = a(i, l);
    }
    const std::vector<T> whole = blocked(kernel, 1, m, n, k, a.view(), b.view());
    for (const int threads : {2, 3, 7}) {
      check(blocked(kernel, threads, m, n, k, a.view(), b.view()) == whole,
            name<T>("same bits, threads", table, m, n, k));
    }
    check(blocked(kernel, 2, m, n, k, a_turned.view(), b.view()) == whole,
          name<T>("same bits, strides", table, m, n, k));
    for (int trial = 0; trial < 60; ++trial) {
      const int64_t i0 = uniform(0, m - 1), j0 = uniform(0, n - 1), rows = uniform(1, m - i0),
                    columns = uniform(1, n - j0);
      View<T> a_part = a.view(), b_part = b.view();
      a_part.data += i0 * a_part.row;
      b_part.data += j0 * b_part.col;
      const auto part = blocked(kernel, static_cast<int>(uniform(1, 2)), rows, columns, k, a_part, b_part);
      bool same = true;
      for (int64_t i = 0; i < rows; ++i) {
        same &= !std::memcmp(&part[static_cast<size_t>(i * columns)], &whole[static_cast<size_t>((i0 + i) * n + j0)],
                             static_cast<size_t>(columns) * sizeof(T));
      }
      check(same, name<T>("same bits, part", table, rows, columns, k));
    }
  }
}

// One NaN or infinity reaches its own row or column and nothing else.
template <class T>
void check_contained(const Kernels &table) {
  const GemmKernel<T> &kernel = table.of<T>().gemm;
  const int64_t m = kernel.mr + 1, n = kernel.nr + 1, k = 9;
  Matrix<T> a(m, k, 0), b(k, n, 0);
  a.values[(m - 1) * a.row + 4] = std::numeric_limits<T>::quiet_NaN();
  b.values[3 * b.row + n - 1] = std::numeric_limits<T>::infinity();
  const std::vector<T> c = blocked(kernel, 1, m, n, k, a.view(), b.view());
  bool good = true;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      good &= std::isfinite(c[static_cast<size_t>(i * n + j)]) == (i < m - 1 && j < n - 1);
    }
  }
  check(good, name<T>("non-finite stays in its row and column", table, m, n, k));
}

// gemm() as the strategies call it, by the blocked GEMM and by BLAS, on every kind of strides.
template <class T>
void check_gemm(bool blas) {
  for (int trial = 0; trial < 90; ++trial) {
    const int64_t m = trial % 10 ? uniform(1, 40) : 1, n = trial % 11 ? uniform(1, 100) : 1;
    const int64_t k = trial % 12 ? uniform(1, 400) : trial % 24 ? 1 : 0;
    const GemmEngine engine{blas, static_cast<int>(uniform(1, 3))};
    Matrix<T> a(m, k, trial % 3), b(k, n, trial / 3 % 3);
    const bool accumulate = trial % 2;
    const auto c = product<T>(m, n, n + uniform(0, 2), gemm_workspace_bytes<T>(engine, m, n, k),
                              [&](T *target, int64_t ldc, void *workspace) {
                                gemm<T>(engine, m, n, k, a.view(), b.view(), target, ldc, accumulate, workspace);
                              });
    check(right(c, accumulate ? T(canary) : T(0), m, n, k, a, b), name<T>(blas ? "BLAS" : "gemm", kernels(), m, n, k));
  }
}

template <class T>
void check_type() {
  for (int index = 0; kernels_at(index); ++index) {
    const Kernels &table = *kernels_at(index);
    if (!runs_here(table)) continue;
    check_tile<T>(table);
    check_pack<T>(table);
    check_outer<T>(table);
    check_dot<T>(table);
    check_blocked<T>(table);
    check_same_bits<T>(table);
    check_contained<T>(table);
    check_depthwise<T>(table);
  }
  check_gemm<T>(false);
  if (blas_name()) check_gemm<T>(true);
}

}  // namespace

int main() {
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);  // what failed before a crash is to be seen
  std::printf("kernels: %s\n", kernels().name);
  if (kernels_error()) std::printf("error: %s\n", kernels_error());
  std::printf("BLAS: %s, %d threads\n", blas_name() ? blas_name() : "none", blas_threads());
  check_type<float>();
  check_type<double>();
  check_pool_kernels();
  check_pool_variants();
  check_panel_kernels();
  check_lanes_kernels();
  std::printf("%d failures\n", failures);
  return failures ? 1 : 0;
}
