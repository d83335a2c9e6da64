// Correlation of a plane with a kernel, read in place, written once over Simd<T>: see PlaneWindowKernel. A vector of
// outputs along a row reads its inputs with the lanes masked that lie in the padding; rows in the padding are left out.
// No copy of the plane is made: for a 3x3 kernel a padded copy took longer than the arithmetic.

// Operands of one plane.
template <class T>
struct PlaneOperands {
  const T *w;
  TapSteps tap;
  const T *x;
  T *y;
  bool accumulate;
  int64_t x_ahead, y_ahead;  // elements to what is read and written some tiles later

  void move(const Series &planes) {
    w += planes.w;
    x += planes.x;
    y += planes.y;
  }
};

// sum += column s of the kernel, whose tap 0 lies over (top, cell). A row of x is loaded once for all output rows that
// it reaches, kernel_rows of them where outputs are neighbours. `inside`: no row and no lane lies in the padding; else
// `present` says which rows do not.
template <class T, int kernel_rows, int rows, int step, bool inside>
[[gnu::always_inline]] inline void add_column(const PlaneWindow &v, const PlaneOperands<T> &at, int64_t top,
                                              uint32_t present, int64_t cell, int64_t s, const Reach<T, step> reach,
                                              typename Simd<T>::Vector (&sum)[rows][1]) {
  using S = Simd<T>;
  const int64_t row_step = v.row_step;
  const T *from = at.x + (top * row_step + cell), *w = at.w + s * at.tap.column;
  typename S::Vector left[kernel_rows];
#pragma GCC unroll 32
  for (int r = 0; r < kernel_rows; ++r) left[r] = S::broadcast(w[r * at.tap.row]);
#pragma GCC unroll 32
  for (int l = 0; l < (rows - 1) * step + kernel_rows; ++l, from += row_step) {
    if (!inside && !(present >> l & 1)) continue;
    const typename S::Vector right = reach.template load<inside>(from);
    // Output row i meets this one under kernel row l - i * step.
#pragma GCC unroll 32
    for (int i = 0; i < rows; ++i) {
      if (l - i * step < 0 || l - i * step >= kernel_rows) continue;
      sum[i][0] = S::fma(left[l - i * step], right, sum[i][0]);
    }
  }
}

// The same for a kernel of any number of rows: each output row loads its own inputs.
template <class T, int rows, int step, bool inside>
[[gnu::always_inline]] inline void add_tall_column(const PlaneWindow &v, const PlaneOperands<T> &at, int64_t top,
                                                   int64_t cell, int64_t s, const Reach<T, step> reach,
                                                   typename Simd<T>::Vector (&sum)[rows][1]) {
  using S = Simd<T>;
  const int64_t row_step = v.row_step;
  const T *from = at.x + (top * row_step + cell), *w = at.w + s * at.tap.column;
  for (int64_t r = 0; r < v.kernel_rows; ++r, w += at.tap.row, from += row_step) {
    const typename S::Vector left = S::broadcast(*w);
#pragma GCC unroll 32
    for (int i = 0; i < rows; ++i) {
      const int64_t at_row = top + r + i * step;
      if (!inside && (at_row < 0 || at_row >= v.rows)) continue;
      sum[i][0] = S::fma(left, reach.template load<inside>(from + i * step * row_step), sum[i][0]);
    }
  }
}

// `count` columns of a kernel from `first` on. kernel_rows 0 stands for any number; a 3x3 kernel is unrolled whole.
template <class T, int kernel_rows, int kernel_columns, int rows, int step, bool inside, int most>
[[gnu::always_inline]] inline void add_columns(const PlaneWindow &v, const PlaneOperands<T> &at, int64_t top,
                                               uint32_t present, int64_t cell, int first, int count,
                                               const Reaches<T, step, most> &reaches,
                                               typename Simd<T>::Vector (&sum)[rows][1]) {
  const int64_t column_step = v.column_step;
  if constexpr (kernel_columns > 0) {
#pragma GCC unroll 32
    for (int s = 0; s < kernel_columns; ++s, cell += column_step) {
      add_column<T, kernel_rows, rows, step, inside>(v, at, top, present, cell, s, reaches.of[s], sum);
    }
  } else {
    for (int s = 0; s < count; ++s, cell += column_step) {
      if constexpr (kernel_rows > 0) {
        add_column<T, kernel_rows, rows, step, inside>(v, at, top, present, cell, first + s, reaches.of[s], sum);
      } else {
        add_tall_column<T, rows, step, inside>(v, at, top, cell, first + s, reaches.of[s], sum);
      }
    }
  }
}

// Columns of a kernel whose reaches are worked out at a time; wider kernels add to what the first ones wrote.
constexpr int most_across = 8;

// Output rows row .. row + rows - 1 and one vector of columns, of every plane: what the borders leave is worked out
// once.
template <class T, int kernel_rows, int kernel_columns, int rows, int step, bool inside, bool full>
[[gnu::noinline]] void plane_tiles(const PlaneWindow &v, const Series &planes, PlaneOperands<T> at, int64_t top,
                                   uint32_t present, int64_t cell, int first, int count,
                                   const Reaches<T, step, most_across> &reaches, typename Simd<T>::Part part) {
  using S = Simd<T>;
  for (int64_t p = 0; p < planes.count; ++p, at.move(planes)) {
    prefetch_rows<T, rows * step, step, false>(at.x + (top * v.row_step + cell + at.x_ahead), v.row_step);
    prefetch_rows<T, rows, 1, true>(at.y + at.y_ahead, v.out_row_step);
    typename S::Vector sum[rows][1];
#pragma GCC unroll 32
    for (int i = 0; i < rows; ++i) sum[i][0] = S::zero();
    add_columns<T, kernel_rows, kernel_columns, rows, step, inside>(v, at, top, present, cell, first, count, reaches,
                                                                    sum);
    write_tile<T, rows, 1, full>(sum, at.y, v.out_row_step, rows, part, at.accumulate);
  }
}

template <class T, int kernel_rows, int kernel_columns, int rows, int step>
void plane_tile(const PlaneWindow &v, const Series &planes, PlaneOperands<T> at, int64_t row, int64_t column) {
  using S = Simd<T>;
  const int64_t top = v.first_row + row * step, rest = v.out_columns - column;
  const int used = static_cast<int>(rest < S::lanes ? rest : S::lanes);
  const uint32_t present = rows_present(v, top, (rows - 1) * step + kernel_rows);
  const bool all_rows = rows_inside(v, top, (rows - 1) * step + v.kernel_rows);
  at.y += row * v.out_row_step + column;
  for (int64_t first = 0; first == 0 || first < v.kernel_columns; first += most_across) {
    const int64_t left = v.kernel_columns - first, cell = v.first_column + column * step + first * v.column_step;
    const int count = static_cast<int>(left < most_across ? left : most_across);
    const Reaches<T, step, most_across> reaches(v, cell, count, used);
    const int s = static_cast<int>(first);
    if (used == S::lanes && all_rows && reaches.whole) {
      plane_tiles<T, kernel_rows, kernel_columns, rows, step, true, true>(v, planes, at, top, present, cell, s, count,
                                                                          reaches, S::part(0));
    } else if (used == S::lanes) {
      plane_tiles<T, kernel_rows, kernel_columns, rows, step, false, true>(v, planes, at, top, present, cell, s, count,
                                                                           reaches, S::part(0));
    } else {
      plane_tiles<T, kernel_rows, kernel_columns, rows, step, false, false>(v, planes, at, top, present, cell, s, count,
                                                                            reaches, S::part(used));
    }
    at.accumulate = true;
  }
}

// Seven rows at once: planes of many networks have 7 * 2^n rows, and 7 sums, 7 weights and a load fit 16 registers.
template <class T, int kernel_rows, int kernel_columns, int step>
void plane_rows(const PlaneWindow &v, const Series &planes, const PlaneOperands<T> &at) {
  constexpr int lanes = Simd<T>::lanes;
  int64_t row = 0;
  for (; row + 7 <= v.out_rows; row += 7) {
    for (int64_t column = 0; column < v.out_columns; column += lanes) {
      plane_tile<T, kernel_rows, kernel_columns, 7, step>(v, planes, at, row, column);
    }
  }
  for (; row + 3 <= v.out_rows; row += 3) {
    for (int64_t column = 0; column < v.out_columns; column += lanes) {
      plane_tile<T, kernel_rows, kernel_columns, 3, step>(v, planes, at, row, column);
    }
  }
  for (; row < v.out_rows; ++row) {
    for (int64_t column = 0; column < v.out_columns; column += lanes) {
      plane_tile<T, kernel_rows, kernel_columns, 1, step>(v, planes, at, row, column);
    }
  }
}

template <class T, int step>
void plane_kernel_rows(const PlaneWindow &v, const Series &planes, const PlaneOperands<T> &at) {
  if (v.kernel_rows == 3 && v.kernel_columns == 3) return plane_rows<T, 3, 3, step>(v, planes, at);
  switch (v.kernel_rows) {
    case 3: return plane_rows<T, 3, 0, step>(v, planes, at);
    case 5: return plane_rows<T, 5, 0, step>(v, planes, at);
    case 7: return plane_rows<T, 7, 0, step>(v, planes, at);
    default: return plane_rows<T, 0, 0, step>(v, planes, at);
  }
}

template <class T>
void plane_correlate(const PlaneWindow &v, const Series &planes, const T *w, TapSteps tap, const T *x, T *y,
                     bool accumulate) {
  // The same tile of the next planes, or of the next seven rows of one.
  const bool series = planes.count > 1;
  const int64_t x_ahead = series ? planes.count * planes.x : 7 * v.stride * v.row_step;
  const int64_t y_ahead = series ? planes.count * planes.y : 7 * v.out_row_step;
  const PlaneOperands<T> at{w, tap, x, y, accumulate, x_ahead, y_ahead};
  if (v.stride == 1) {
    plane_kernel_rows<T, 1>(v, planes, at);
  } else {
    plane_kernel_rows<T, 2>(v, planes, at);
  }
}
