// The weight gradient of planes that are read in place, written once over Simd<T>: see PlaneWindowKernel. A block of
// at most 3x3 taps keeps its sums in registers over all images, rows and columns; larger kernels are several blocks.

// sum[r][s] += dy * x for `rows` rows of one vector of columns, where tap 0 of the first lies over (top, cell). A row of x is
// loaded once for all the rows of dy that it meets.
template <class T, int taps_down, int taps_across, int rows, int step, bool inside>
[[gnu::always_inline]] inline void gradient_rows(const PlaneWindow &v, const T *dy, const T *x, int64_t dy_ahead,
                                                 int64_t x_ahead, int64_t top, uint32_t present, int64_t cell,
                                                 typename Simd<T>::Part part,
                                                 const Reaches<T, step, taps_across> &reaches,
                                                 typename Simd<T>::Vector (&sum)[taps_down][4]) {
  using S = Simd<T>;
  prefetch_rows<T, rows, 1, false>(dy + dy_ahead, v.out_row_step);
  prefetch_rows<T, rows * step, step, false>(x + (top * v.row_step + cell + x_ahead), v.row_step);
  typename S::Vector left[rows];
#pragma GCC unroll 32
  for (int i = 0; i < rows; ++i) {
    left[i] = S::held(inside ? S::load(dy + i * v.out_row_step) : S::load(dy + i * v.out_row_step, part));
  }
  const int64_t row_step = v.row_step, column_step = v.column_step;
  const T *from = x + (top * row_step + cell);
#pragma GCC unroll 32
  for (int l = 0; l < (rows - 1) * step + taps_down; ++l, from += row_step) {
    if (!inside && !(present >> l & 1)) continue;
#pragma GCC unroll 32
    for (int s = 0; s < taps_across; ++s) {
      const typename S::Vector right = reaches.of[s].template load<inside>(from + s * column_step);
#pragma GCC unroll 32
      for (int i = 0; i < rows; ++i) {
        if (l - i * step < 0 || l - i * step >= taps_down) continue;
        sum[l - i * step][s] = S::fma(left[i], right, sum[l - i * step][s]);
      }
    }
  }
}

// Output rows first .. end-1 of one vector of columns.
template <class T, int taps_down, int taps_across, int rows, int step>
[[gnu::always_inline]] inline void gradient_strip(const PlaneWindow &v, const T *dy, const T *x, int64_t dy_ahead,
                                                  int64_t x_ahead, int64_t first, int64_t end, int64_t row0,
                                                  int64_t cell, int used, const Reaches<T, step, taps_across> &reaches,
                                                  typename Simd<T>::Vector (&sum)[taps_down][4]) {
  using S = Simd<T>;
  const typename S::Part part = S::part(used);
  const bool whole = used == S::lanes && reaches.whole;
  dy += first * v.out_row_step;
  int64_t row = first, top = v.first_row + first * step + row0;
  for (; row + rows <= end; row += rows, top += rows * step, dy += rows * v.out_row_step) {
    const uint32_t present = rows_present(v, top, (rows - 1) * step + taps_down);
    if (whole && rows_inside(v, top, (rows - 1) * step + taps_down)) {
      gradient_rows<T, taps_down, taps_across, rows, step, true>(v, dy, x, dy_ahead, x_ahead, top, 0, cell, part,
                                                                 reaches, sum);
    } else {
      gradient_rows<T, taps_down, taps_across, rows, step, false>(v, dy, x, dy_ahead, x_ahead, top, present, cell, part,
                                                                  reaches, sum);
    }
  }
  for (; row < end; ++row, top += step, dy += v.out_row_step) {
    const uint32_t present = rows_present(v, top, taps_down);
    gradient_rows<T, taps_down, taps_across, 1, step, false>(v, dy, x, dy_ahead, x_ahead, top, present, cell, part,
                                                             reaches, sum);
  }
}

// One block of taps, from (row0, column0) on, of every channel.
template <class T, int taps_down, int taps_across, int rows, int step>
[[gnu::noinline]] void gradient_block(const PlaneWindow &v, const Series &channels, const Series &images, const T *dy,
                                      const T *x, int64_t row0, int64_t column0, T *dw, TapSteps tap) {
  using S = Simd<T>;
  constexpr int64_t band = 28;  // rows, so that columns of them stay in the first-level cache while strips run
  const auto used_at = [&](int64_t column) {
    return static_cast<int>(v.out_columns - column < S::lanes ? v.out_columns - column : S::lanes);
  };
  const auto cell_at = [&](int64_t column) { return v.first_column + column * step + column0 * v.column_step; };
  // The same rows of the next band, or of a channel about a thousand elements on.
  const int64_t later = 1 + 1024 / (v.out_rows * v.out_columns);
  const int64_t dy_ahead = v.out_rows > band ? band * v.out_row_step : later * channels.y;
  const int64_t x_ahead = v.out_rows > band ? band * step * v.row_step : later * channels.x;
  Reaches<T, step, taps_across> reaches(v, cell_at(0), taps_across, used_at(0));
  for (int64_t channel = 0; channel < channels.count; ++channel, dy += channels.y, x += channels.x, dw += channels.w) {
    typename S::Vector sum[taps_down][4];  // those behind taps_across stay zero
#pragma GCC unroll 32
    for (int r = 0; r < taps_down; ++r) {
#pragma GCC unroll 32
      for (int s = 0; s < 4; ++s) sum[r][s] = S::zero();
    }
    for (int64_t image = 0; image < images.count; ++image) {
      const T *image_dy = dy + image * images.y, *image_x = x + image * images.x;
      for (int64_t first = 0; first < v.out_rows; first += band) {
        const int64_t end = first + band < v.out_rows ? first + band : v.out_rows;
        for (int64_t column = 0; column < v.out_columns; column += S::lanes) {
          const int64_t cell = cell_at(column);
          const int used = used_at(column);
          // Planes of one vector of columns, the small ones, keep what was found for the first.
          if (v.out_columns > S::lanes) reaches = Reaches<T, step, taps_across>(v, cell, taps_across, used);
          gradient_strip<T, taps_down, taps_across, rows, step>(v, image_dy + column, image_x, dy_ahead, x_ahead, first,
                                                                end, row0, cell, used, reaches, sum);
        }
      }
    }
#pragma GCC unroll 32
    for (int r = 0; r < taps_down; ++r) {
      T total[4];
      S::sum4(sum[r][0], sum[r][1], sum[r][2], sum[r][3], total);
#pragma GCC unroll 32
      for (int s = 0; s < taps_across; ++s) dw[(row0 + r) * tap.row + (column0 + s) * tap.column] += total[s];
    }
  }
}

// The kernel in blocks: threes, and at the ends what is left of them.
template <class T, int taps_down, int taps_across, int rows, int step>
void gradient_blocks(const PlaneWindow &v, const Series &channels, const Series &images, const T *dy, const T *x,
                     int64_t row0, int64_t column0, T *dw, TapSteps tap) {
  if constexpr (taps_down > 1) {
    if (v.kernel_rows - row0 < taps_down) {
      return gradient_blocks<T, taps_down - 1, taps_across, rows, step>(v, channels, images, dy, x, row0, column0, dw,
                                                                        tap);
    }
  }
  if constexpr (taps_across > 1) {
    if (v.kernel_columns - column0 < taps_across) {
      return gradient_blocks<T, taps_down, taps_across - 1, rows, step>(v, channels, images, dy, x, row0, column0, dw,
                                                                        tap);
    }
  }
  gradient_block<T, taps_down, taps_across, rows, step>(v, channels, images, dy, x, row0, column0, dw, tap);
}

// `rows` rows of dy are kept in registers.
template <class T, int rows>
void plane_gradient(const PlaneWindow &v, const Series &channels, const Series &images, const T *dy, const T *x, T *dw,
                    TapSteps tap) {
  for (int64_t row0 = 0; row0 < v.kernel_rows; row0 += 3) {
    for (int64_t column0 = 0; column0 < v.kernel_columns; column0 += 3) {
      if (v.stride == 1) {
        gradient_blocks<T, 3, 3, rows, 1>(v, channels, images, dy, x, row0, column0, dw, tap);
      } else {
        gradient_blocks<T, 3, 3, rows, 2>(v, channels, images, dy, x, row0, column0, dw, tap);
      }
    }
  }
}
