// The gradient of average pooling: each input cell sums the shares of the windows that read it.
#include "adaptive_rows.hpp"
#include "bands_backward.hpp"
#include "channels_backward.hpp"
#include "pooling.hpp"
#include "whole.hpp"

namespace gemmconv {

namespace pooling {
namespace {

constexpr int64_t most_terms_in_type = 16;  // of a sum in the type of dy; longer sums are in double

template <class T>
void spread_over_planes(const Call<T> &call) {
  const int64_t cells = call.geometry.input_pixels();
  const Divisor<T> divisor{call.geometry, call.windows};
  const double count = divisor.rows(0, 0) * divisor.cells(2, 0);
  for_planes(call, [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane)
      std::fill_n(call.out + plane * cells, cells, static_cast<T>(call.dy[plane] / count));
  });
}

// Shares and sums held as Q.
template <class Q, class T>
void spread_by_bands_in(const Call<T> &call) {
  const Divisors<T> divisors(call.geometry, call.windows);
  const Sizes &output = call.geometry.output, &input = call.geometry.input;
  const int64_t here = 0;
  const auto fill = [&](int64_t outer, int64_t o0, Range rows, Range columns, Q *to, int64_t to_row) {
    const int64_t n = columns.end - columns.begin;
    const T *from = call.dy + ((outer * output[0] + o0) * output[1] + rows.begin) * output[2] + columns.begin;
    if constexpr (sizeof(Q) == sizeof(T)) {
      if (divisors.alike())
        return kernels<T>().pools.mean(rows.end - rows.begin, n, 1, from, output[2], &here, divisors.common(), to,
                                       to_row);
    }
    for (int64_t o1 = rows.begin; o1 < rows.end; ++o1, from += output[2], to += to_row) {
      const double row_count = divisors.rows(o0, o1);
      for (int64_t j = 0; j < n; ++j) {
        const double count = row_count * divisors.column(columns.begin + j);
        to[j] = static_cast<Q>(count != 0 ? from[j] / count : 0.0);
      }
    }
  };
  const auto finish = [&](int64_t outer, int64_t i0, int64_t i1, int64_t i2, int64_t m, int64_t n, const Q *sums,
                          int64_t sums_row) {
    const int64_t to_row = call.geometry.stride[1] * input[2];
    T *to = call.out + ((outer * input[0] + i0) * input[1] + i1) * input[2] + i2;
    if constexpr (sizeof(Q) == sizeof(T)) {
      kernels<T>().moves.copy(m, n, sums, sums_row, 1, to, to_row, 1);
    } else {
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) to[i * to_row + j] = static_cast<T>(sums[i * sums_row + j]);
    }
  };
  for_bands_backward<Q>(call, fill, finish);
}

template <class T>
void spread_by_bands(const Call<T> &call) {
  if (most_windows(call.windows) > most_terms_in_type) spread_by_bands_in<double>(call);
  else spread_by_bands_in<T>(call);
}

template <class T>
const char *refuses_spread_by_bands(const Call<T> &call) {
  return most_windows(call.windows) > most_terms_in_type ? refuses_bands_backward<double>(call)
                                                         : refuses_bands_backward<T>(call);
}

// Per tile of an input row, the rows of dy that reach it are summed first, then spread over the columns.
template <class T>
void spread_by_rows(const Call<T> &call) {
  const PoolGeometry &geometry = call.geometry;
  const Windows &windows = call.windows;
  const Planes planes(geometry);
  const Divisor<T> divisor{geometry, windows};
  for_tiles(call.threads, Tiles(planes, geometry.input, row_cells, 1), [&](const Tile &tile) {
    double cells[row_cells], shares[row_cells];
    std::fill(cells, cells + (tile.end - tile.begin), 0.0);
    const Range reaching = windows.outputs_touching(2, tile.begin, tile.end);
    for (int64_t begin = reaching.begin; begin < reaching.end; begin += row_cells) {
      const Range outputs{begin, std::min(begin + row_cells, reaching.end)};
      const int64_t count = outputs.end - outputs.begin;
      std::fill(shares, shares + count, 0.0);
      for_rows_over(windows, tile.row0, tile.row1, [&](int64_t o0, int64_t o1) {
        const T *from = call.dy + row_offset(planes, geometry.output, tile.outer, o0, o1) + outputs.begin;
        const double rows = divisor.rows(o0, o1);
        for (int64_t o = 0; o < count; ++o) shares[o] += from[o] / rows;
      });
      for (int64_t o = 0; o < count; ++o) {
        const double columns = divisor.cells(2, outputs.begin + o);
        shares[o] = columns != 0 ? shares[o] / columns : 0;
      }
      for_reads(windows, outputs, tile.begin, tile.end,
                [&](int64_t o, int64_t i) { cells[i - tile.begin] += shares[o - outputs.begin]; });
    }
    T *to = call.out + row_offset(planes, geometry.input, tile.outer, tile.row0, tile.row1);
    for (int64_t i = tile.begin; i < tile.end; ++i) to[i] = static_cast<T>(cells[i - tile.begin]);
  });
}

}  // namespace

template <class T>
Variants<T> average_backward_variants() {
  static constexpr Variant<T> list[] = {
      {"whole", refuses_whole<T>, spread_over_planes<T>},
      {"adaptive", refuses_adaptive<T>, average_backward_by_adaptive_rows<T>},
      {"bands", refuses_spread_by_bands<T>, spread_by_bands<T>},
      {"channels", refuses_channels_first<T>, spread_by_channels<T>},
      {"rows", refuses_channels_last<T>, spread_by_rows<T>},
  };
  return {std::begin(list), std::end(list)};
}
template Variants<float> average_backward_variants();
template Variants<double> average_backward_variants();

template <class T>
void average_backward(Call<T> &&call, const T *dy, T *dx) {
  call.dy = dy;
  call.out = dx;
  run_first(average_backward_variants<T>(), call);
}

}  // namespace pooling

template <class T>
void avg_pool_backward(const PoolGeometry &geometry, int threads, const T *dy, T *dx) {
  pooling::average_backward(pooling::Call<T>(geometry, threads), dy, dx);
}

template <class T>
void adaptive_avg_pool_backward(const PoolGeometry &geometry, int threads, const T *dy, T *dx) {
  pooling::average_backward(pooling::Call<T>::adaptive(geometry, threads), dy, dx);
}

template void avg_pool_backward(const PoolGeometry &, int, const float *, float *);
template void avg_pool_backward(const PoolGeometry &, int, const double *, double *);
template void adaptive_avg_pool_backward(const PoolGeometry &, int, const float *, float *);
template void adaptive_avg_pool_backward(const PoolGeometry &, int, const double *, double *);

}  // namespace gemmconv
