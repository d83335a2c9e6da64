// Lp pooling, (sum |x|^p)^(1/p). Sums of powers are taken plainly, in double; only where such a sum comes out so large or
// so small that terms may have been lost is the window read again and scaled by its largest cell.
#include <cmath>

#include "bands.hpp"
#include "channels.hpp"
#include "norm.hpp"
#include "pooling.hpp"
#include "rows.hpp"

namespace gemmconv {

namespace pooling {
namespace {

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

// The norm of one window, each cell divided by the largest.
template <class T>
double scaled_norm(const Call<T> &call, int64_t outer, int64_t o0, int64_t o1, int64_t o2, int64_t channel) {
  const PoolGeometry &geometry = call.geometry;
  const Planes planes(geometry);
  const Span span0 = call.windows.span(0, o0), span1 = call.windows.span(1, o1), span2 = call.windows.span(2, o2);
  const auto each = [&](const auto &visit) {
    for (int64_t t0 = 0; t0 < span0.count; ++t0) {
      for (int64_t t1 = 0; t1 < span1.count; ++t1) {
        const T *row =
            call.x + channel +
            row_offset(planes, geometry.input, outer, span0.begin + t0 * span0.step, span1.begin + t1 * span1.step);
        for (int64_t t2 = 0; t2 < span2.count; ++t2)
          visit(std::abs(static_cast<double>(row[(span2.begin + t2 * span2.step) * planes.inner])));
      }
    }
  };
  double largest = 0, sum = 0;
  each([&](double size) { largest = std::max(largest, size); });
  if (largest == 0 || std::isinf(largest)) return largest;
  each([&](double size) { sum += std::pow(size / largest, geometry.p); });
  return largest * std::pow(sum, 1 / geometry.p);
}

// As a Finish of rows.hpp: the root of a sum of powers.
template <class T, Norm norm>
struct Root {
  const Call<T> &call;

  struct Row {
    const Call<T> &call;
    int64_t outer, o0, o1;
    T operator()(int64_t o2, int64_t channel, double sum) const {
      constexpr double safe = 1e-290;  // above it, terms lost to underflow are below the last bit of the sum
      if constexpr (norm == Norm::one) return static_cast<T>(sum);
      if constexpr (norm == Norm::two && sizeof(T) == 4) return static_cast<T>(std::sqrt(sum));  // no float is so large
      if (sum < safe || std::isinf(sum)) return static_cast<T>(scaled_norm(call, outer, o0, o1, o2, channel));
      return static_cast<T>(norm == Norm::two ? std::sqrt(sum) : std::pow(sum, 1 / call.geometry.p));
    }
  };
  Row row(int64_t outer, int64_t o0, int64_t o1) const { return Row{call, outer, o0, o1}; }
};

// Groups of windows by a kernel, for bands and channels.
template <class T>
auto norm_of_groups(const Call<T> &call) {
  return [&call](const WindowGroup<T> &group) {
    const bool squares = call.geometry.p == 2;
    if (group.k == 0) return group.fill(call.out, T(0));
    T *to = call.out + group.y;
    kernels<T>().pools.norm(squares ? 2 : 1, group.m, group.n, group.k, group.x, group.x_row, group.offsets, to,
                            group.y_row);
    if (sizeof(T) == 4 || !squares) return;  // no float has so large a square
    constexpr double safe = 1e-145;  // of the root: above it, terms lost to underflow are below the last bit of the sum
    for (int64_t i = 0; i < group.m; ++i) {
      for (int64_t j = 0; j < group.n; ++j) {
        T &value = to[i * group.y_row + j];
        if (!(value < safe || std::isinf(value))) continue;
        value = static_cast<T>(
            group.planar ? scaled_norm(call, group.outer, group.o0, group.o1 + i, group.o2 + j, 0)
                         : scaled_norm(call, group.outer, group.o0, group.o1, group.o2 + i, group.channel + j));
      }
    }
  };
}

template <class T>
void norm_by_bands(const Call<T> &call) {
  for_bands(call, T(0), norm_of_groups(call));
}

template <class T>
void norm_by_channels(const Call<T> &call) {
  for_channel_groups(call, norm_of_groups(call));
}

template <class T>
void norm_by_rows(const Call<T> &call) {
  with_norm(call.geometry.p, [&](auto norm) {
    reduce_by_rows(call, Powers<T, decltype(norm)::value>{call.geometry.p}, Root<T, decltype(norm)::value>{call});
  });
}

template <class T>
void norm_by_cells(const Call<T> &call) {
  with_norm(call.geometry.p, [&](auto norm) {
    reduce_by_cells(call, Powers<T, decltype(norm)::value>{call.geometry.p}, Root<T, decltype(norm)::value>{call});
  });
}

template <class T>
const char *refuses_norm_by_bands(const Call<T> &call) {
  if (const char *reason = refuses_powers(call)) return reason;
  return refuses_bands(call);
}

template <class T>
const char *refuses_norm_by_channels(const Call<T> &call) {
  if (const char *reason = refuses_powers(call)) return reason;
  return refuses_channels_first(call);
}

}  // namespace

template <class T>
Variants<T> lp_variants() {
  static constexpr Variant<T> list[] = {
      {"bands", refuses_norm_by_bands<T>, norm_by_bands<T>},
      {"channels", refuses_norm_by_channels<T>, norm_by_channels<T>},
      {"rows", refuses_channels_last<T>, norm_by_rows<T>},
      {"cells", refuses_channels_first<T>, norm_by_cells<T>},
  };
  return {std::begin(list), std::end(list)};
}
template Variants<float> lp_variants();
template Variants<double> lp_variants();

}  // namespace pooling

template <class T>
void lp_pool(const PoolGeometry &geometry, int threads, const T *x, T *y) {
  pooling::Call<T> call(geometry, threads);
  call.x = x;
  call.out = y;
  pooling::run_first(pooling::lp_variants<T>(), call);
}

template void lp_pool(const PoolGeometry &, int, const float *, float *);
template void lp_pool(const PoolGeometry &, int, const double *, double *);

}  // namespace gemmconv
