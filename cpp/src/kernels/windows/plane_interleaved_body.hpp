// Correlation of a plane with two kernels at once, whose sums go to the even and to the odd columns: a row of an input
// gradient at stride 2. Written once over Simd<T>: see PlaneWindowKernel.

// The rows and the two vectors of columns from (row, 2 * column) on, of every plane.
template <class T, int kernel_rows, int rows, bool inside>
[[gnu::noinline]] void interleaved_tiles(const PlaneWindow &even, const PlaneWindow &odd, const Series &planes,
                                         PlaneOperands<T> at, const T *w_odd, int64_t top, uint32_t present,
                                         int64_t column, const Reaches<T, 1, most_across> &even_reaches,
                                         const Reaches<T, 1, most_across> &odd_reaches, int64_t width) {
  using S = Simd<T>;
  constexpr int lanes = S::lanes;
  const typename S::Part part = S::part(static_cast<int>(width > lanes ? width - lanes : width));
  for (int64_t p = 0; p < planes.count; ++p, at.move(planes), w_odd += planes.w) {
    prefetch_rows<T, rows, 2, true>(at.y + at.y_ahead, even.out_row_step);
    typename S::Vector sums[2][rows][1];
#pragma GCC unroll 32
    for (int i = 0; i < rows; ++i) sums[0][i][0] = sums[1][i][0] = S::zero();
    add_columns<T, kernel_rows, 0, rows, 1, inside>(even, at, top, present, even.first_column + column, 0,
                                                    static_cast<int>(even.kernel_columns), even_reaches, sums[0]);
    const PlaneOperands<T> other{w_odd, at.tap, at.x, at.y, at.accumulate, 0, 0};
    add_columns<T, kernel_rows, 0, rows, 1, inside>(odd, other, top, present, odd.first_column + column, 0,
                                                    static_cast<int>(odd.kernel_columns), odd_reaches, sums[1]);
    typename S::Vector both[rows][2], low[rows][1];
#pragma GCC unroll 32
    for (int i = 0; i < rows; ++i) {
      low[i][0] = both[i][0] = S::zip_low(sums[0][i][0], sums[1][i][0]);
      both[i][1] = S::zip_high(sums[0][i][0], sums[1][i][0]);
    }
    if (width == 2 * lanes) {
      write_tile<T, rows, 2, true>(both, at.y, even.out_row_step, rows, part, at.accumulate);
    } else if (width > lanes) {
      write_tile<T, rows, 2, false>(both, at.y, even.out_row_step, rows, part, at.accumulate);
    } else {
      write_tile<T, rows, 1, false>(low, at.y, even.out_row_step, rows, part, at.accumulate);
    }
  }
}

template <class T, int kernel_rows, int rows>
void interleaved_tile(const PlaneWindow &even, const PlaneWindow &odd, const Series &planes, PlaneOperands<T> at,
                      const T *w_odd, int64_t row, int64_t column) {
  constexpr int lanes = Simd<T>::lanes;
  const auto used = [&](const PlaneWindow &v) {
    const int64_t rest = v.out_columns - column;
    return static_cast<int>(rest < 0 ? 0 : rest < lanes ? rest : lanes);
  };
  const auto reaches = [&](const PlaneWindow &v) {
    return Reaches<T, 1, most_across>(v, v.first_column + column, static_cast<int>(v.kernel_columns), used(v));
  };
  const Reaches<T, 1, most_across> even_reaches = reaches(even), odd_reaches = reaches(odd);
  const int64_t top = even.first_row + row, rest = even.out_columns + odd.out_columns - 2 * column;
  const uint32_t present = rows_present(even, top, rows - 1 + kernel_rows);
  at.y += row * even.out_row_step + 2 * column;
  if (rest >= 2 * lanes && rows_inside(even, top, rows - 1 + even.kernel_rows) && even_reaches.whole &&
      odd_reaches.whole) {
    interleaved_tiles<T, kernel_rows, rows, true>(even, odd, planes, at, w_odd, top, present, column, even_reaches,
                                                  odd_reaches, 2 * lanes);
  } else {
    interleaved_tiles<T, kernel_rows, rows, false>(even, odd, planes, at, w_odd, top, present, column, even_reaches,
                                                   odd_reaches, rest < 2 * lanes ? rest : 2 * lanes);
  }
}

template <class T, int kernel_rows>
void interleaved_rows(const PlaneWindow &even, const PlaneWindow &odd, const Series &planes, const PlaneOperands<T> &at,
                      const T *w_odd) {
  constexpr int rows = 7;
  int64_t row = 0;
  for (; row + rows <= even.out_rows; row += rows) {
    for (int64_t column = 0; column < even.out_columns; column += Simd<T>::lanes) {
      interleaved_tile<T, kernel_rows, rows>(even, odd, planes, at, w_odd, row, column);
    }
  }
  for (; row < even.out_rows; ++row) {
    for (int64_t column = 0; column < even.out_columns; column += Simd<T>::lanes) {
      interleaved_tile<T, kernel_rows, 1>(even, odd, planes, at, w_odd, row, column);
    }
  }
}

// Kernels of 3 rows fall into phases of 1 and 2 rows.
template <class T>
void plane_interleaved(const PlaneWindow &even, const PlaneWindow &odd, const Series &planes, const T *w_even,
                       const T *w_odd, TapSteps tap, const T *x, T *y, bool accumulate) {
  const int64_t ahead = planes.count > 1 ? planes.count * planes.y : 7 * even.out_row_step;
  const PlaneOperands<T> at{w_even, tap, x, y, accumulate, 0, ahead};
  switch (even.kernel_rows) {
    case 1: return interleaved_rows<T, 1>(even, odd, planes, at, w_odd);
    case 2: return interleaved_rows<T, 2>(even, odd, planes, at, w_odd);
    default: return interleaved_rows<T, 0>(even, odd, planes, at, w_odd);
  }
}
