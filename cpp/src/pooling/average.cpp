// Average pooling over sliding and adaptive windows. Up to 16 cells are summed in the type of x, which costs the last bit
// or two; larger sums are in double.
#include "adaptive_rows.hpp"
#include "bands.hpp"
#include "channels.hpp"
#include "divisor.hpp"
#include "pooling.hpp"
#include "rows.hpp"
#include "whole.hpp"

namespace gemmconv {

namespace pooling {
namespace {

template <class T>
struct Sum {
  using Value = double;
  double neutral() const { return 0; }
  double lift(T x) const { return x; }
  double join(double a, double b) const { return a + b; }
};

template <class T>
void average_of_planes(const Call<T> &call) {
  const int64_t cells = call.geometry.input_pixels();
  const Divisor<T> divisor{call.geometry, call.windows};
  const double count = divisor.rows(0, 0) * divisor.cells(2, 0);
  for_planes(call, [&](int64_t begin, int64_t end) {
    kernels<T>().pools.row_means(end - begin, cells, call.x + begin * cells, cells, count, call.out + begin);
  });
}

// Groups of windows by a kernel, for bands and channels. Windows of one divisor are divided by the kernel; in bands,
// where a group may have many, those of several are summed by it and divided here.
template <class T>
auto average_of_groups(const Call<T> &call, const Divisors<T> &divisors) {
  return [&call, &divisors](const WindowGroup<T> &group) {
    const bool alike = divisors.alike() || !group.planar;
    const double common = divisors.alike() ? divisors.common()
                          : group.planar   ? 1
                                           : divisors.rows(group.o0, group.o1) * divisors.column(group.o2);
    if (group.k == 0 || common == 0) return group.fill(call.out, T(0));
    T *to = call.out + group.y;
    kernels<T>().pools.mean(group.m, group.n, group.k, group.x, group.x_row, group.offsets, common, to, group.y_row);
    if (alike) return;
    for (int64_t i = 0; i < group.m; ++i, to += group.y_row) {
      const double rows = divisors.rows(group.o0, group.o1 + i);
      for (int64_t j = 0; j < group.n; ++j) {
        const double count = rows * divisors.column(group.o2 + j);
        to[j] = static_cast<T>(count != 0 ? to[j] / count : 0.0);
      }
    }
  };
}

template <class T>
void average_by_bands(const Call<T> &call) {
  const Divisors<T> divisors(call.geometry, call.windows);
  for_bands(call, T(0), average_of_groups(call, divisors));
}

template <class T>
void average_by_channels(const Call<T> &call) {
  const Divisors<T> divisors(call.geometry, call.windows);
  for_channel_groups(call, average_of_groups(call, divisors));
}

template <class T>
void average_by_rows(const Call<T> &call) {
  reduce_by_rows(call, Sum<T>{}, Divisor<T>{call.geometry, call.windows});
}

}  // namespace

template <class T>
Variants<T> average_variants() {
  static constexpr Variant<T> list[] = {
      {"whole", refuses_whole<T>, average_of_planes<T>},
      {"adaptive", refuses_adaptive<T>, average_by_adaptive_rows<T>},
      {"bands", refuses_bands<T>, average_by_bands<T>},
      {"channels", refuses_channels_first<T>, average_by_channels<T>},
      {"rows", refuses_channels_last<T>, average_by_rows<T>},
  };
  return {std::begin(list), std::end(list)};
}
template Variants<float> average_variants();
template Variants<double> average_variants();

template <class T>
void average(Call<T> &&call, const T *x, T *y) {
  call.x = x;
  call.out = y;
  run_first(average_variants<T>(), call);
}

}  // namespace pooling

template <class T>
void avg_pool(const PoolGeometry &geometry, int threads, const T *x, T *y) {
  pooling::average(pooling::Call<T>(geometry, threads), x, y);
}

template <class T>
void adaptive_avg_pool(const PoolGeometry &geometry, int threads, const T *x, T *y) {
  pooling::average(pooling::Call<T>::adaptive(geometry, threads), x, y);
}

template void avg_pool(const PoolGeometry &, int, const float *, float *);
template void avg_pool(const PoolGeometry &, int, const double *, double *);
template void adaptive_avg_pool(const PoolGeometry &, int, const float *, float *);
template void adaptive_avg_pool(const PoolGeometry &, int, const double *, double *);

}  // namespace gemmconv
