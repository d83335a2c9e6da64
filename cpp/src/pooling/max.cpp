// Maximum pooling over sliding and adaptive windows, with or without the position of the largest cell.
#include <limits>

#include "adaptive_rows.hpp"
#include "argmax_rows.hpp"
#include "bands.hpp"
#include "channels.hpp"
#include "pooling.hpp"
#include "rows.hpp"
#include "whole.hpp"

namespace gemmconv {

namespace pooling {
namespace {

template <class T>
constexpr T lowest = -std::numeric_limits<T>::infinity();

template <class T>
struct Largest {
  using Value = T;
  T neutral() const { return lowest<T>; }
  T lift(T x) const { return x; }
  T join(T best, T x) const { return (x > best) | (x != x) ? x : best; }
  struct Row {
    T operator()(int64_t, int64_t, T value) const { return value; }
  };
  Row row(int64_t, int64_t, int64_t) const { return Row{}; }
};

// Each plane as a whole. The position is found by looking for what is the largest.
template <class T>
void largest_of_planes(const Call<T> &call) {
  const int64_t cells = call.geometry.input_pixels();
  for_planes(call, [&](int64_t begin, int64_t end) {
    kernels<T>().pools.row_maxima(end - begin, cells, call.x + begin * cells, cells, call.out + begin);
    for (int64_t plane = begin; call.indices && plane < end; ++plane) {
      const T *from = call.x + plane * cells, best = call.out[plane];
      int64_t cell = 0;
      while (!ties(from[cell], best)) ++cell;
      call.indices[plane] = cell;
    }
  });
}

// Whether some window lies wholly in padding.
inline bool some_empty(const Windows &windows) {
  const auto empty = [&](int a) {
    const Axis &axis = windows.axis[a];
    const int64_t extent = (axis.kernel - 1) * axis.dilation + 1;
    if (axis.dilation > axis.input) return true;  // it may step over the input
    return axis.padding_low >= extent || (axis.output - 1) * axis.stride - axis.padding_low >= axis.input;
  };
  return !windows.adaptive && (empty(0) || empty(1) || empty(2));
}

// Windows that lie wholly in padding have no position: -1. In NHWC such a window is a group of its own, without cells.
template <class T>
void clear_empty(const Windows &windows, const WindowGroup<T> &group, int64_t *indices) {
  if (!group.planar) return;
  for (int64_t i = 0; i < group.m; ++i)
    if (windows.span(1, group.o1 + i).count == 0)
      std::fill_n(indices + group.y + i * group.y_row, group.n, int64_t(-1));
  for (int64_t j = 0; j < group.n; ++j)
    if (windows.span(2, group.o2 + j).count == 0)
      for (int64_t i = 0; i < group.m; ++i) indices[group.y + i * group.y_row + j] = -1;
}

// Groups of windows by a kernel, for bands and channels.
template <class T>
auto largest_of_groups(const Call<T> &call) {
  return [&call, empties = some_empty(call.windows)](const WindowGroup<T> &group) {
    const PoolKernel<T> &kernel = kernels<T>().pools;
    T *to = call.out + group.y;
    if (group.k == 0) {
      group.fill(call.out, lowest<T>);
      if (call.indices) group.fill(call.indices, int64_t(-1));
    } else if (call.indices) {
      kernel.argmax(group.m, group.n, group.k, group.x, group.x_row, group.offsets, group.places, to,
                    call.indices + group.y, group.y_row);
      if (empties) clear_empty(call.windows, group, call.indices);
    } else {
      kernel.largest(group.m, group.n, group.k, group.x, group.x_row, group.offsets, to, group.y_row);
    }
  };
}

template <class T>
void largest_by_bands(const Call<T> &call) {
  for_bands(call, lowest<T>, largest_of_groups(call));
}

template <class T>
void largest_by_channels(const Call<T> &call) {
  for_channel_groups(call, largest_of_groups(call));
}

template <class T>
const char *refuses_groups_of_channels(const Call<T> &call) {
  if (const char *reason = refuses_channels_first(call)) return reason;
  return refuses_positions(call);
}

template <class T>
const char *refuses_adaptive_positions(const Call<T> &call) {
  if (const char *reason = refuses_adaptive(call)) return reason;
  return refuses_positions(call);
}

template <class T>
void largest_by_rows(const Call<T> &call) {
  if (call.indices) argmax_by_rows(call);
  else reduce_by_rows(call, Largest<T>{}, Largest<T>{});
}

template <class T>
void largest_by_cells(const Call<T> &call) {
  if (call.indices) argmax_by_cells(call);
  else reduce_by_cells(call, Largest<T>{}, Largest<T>{});
}

}  // namespace

template <class T>
Variants<T> max_variants() {
  static constexpr Variant<T> list[] = {
      {"whole", refuses_whole<T>, largest_of_planes<T>},
      {"adaptive", refuses_adaptive_positions<T>, largest_by_adaptive_rows<T>},
      {"bands", refuses_bands<T>, largest_by_bands<T>},
      {"channels", refuses_groups_of_channels<T>, largest_by_channels<T>},
      {"rows", refuses_channels_last<T>, largest_by_rows<T>},
      {"cells", refuses_channels_first<T>, largest_by_cells<T>},
  };
  return {std::begin(list), std::end(list)};
}
template Variants<float> max_variants();
template Variants<double> max_variants();

template <class T>
void largest(Call<T> &&call, const T *x, T *y, int64_t *indices) {
  call.x = x;
  call.out = y;
  call.indices = indices;
  run_first(max_variants<T>(), call);
}

}  // namespace pooling

template <class T>
void max_pool(const PoolGeometry &geometry, int threads, const T *x, T *y, int64_t *indices) {
  pooling::largest(pooling::Call<T>(geometry, threads), x, y, indices);
}

template <class T>
void adaptive_max_pool(const PoolGeometry &geometry, int threads, const T *x, T *y, int64_t *indices) {
  pooling::largest(pooling::Call<T>::adaptive(geometry, threads), x, y, indices);
}

template void max_pool(const PoolGeometry &, int, const float *, float *, int64_t *);
template void max_pool(const PoolGeometry &, int, const double *, double *, int64_t *);
template void adaptive_max_pool(const PoolGeometry &, int, const float *, float *, int64_t *);
template void adaptive_max_pool(const PoolGeometry &, int, const double *, double *, int64_t *);

}  // namespace gemmconv
