// What vectors of outputs read from the rows of a plane whose padding is not in memory: which lanes exist. For the
// kernels of PlaneWindowKernel.

// Cells `column`, column + step, ... for the first `used` lanes, of a row that has cells 0 .. columns-1.
template <class T, int step>
struct Reach {
  using S = Simd<T>;
  typename S::Span spans[step];

  Reach() {}
  Reach(int64_t column, int64_t columns, int used) {
    constexpr int cells = S::lanes * step;
    const int64_t left = -column, right = columns - column, asked = used * step;
    const int first = static_cast<int>(left < 0 ? 0 : left < cells ? left : cells);
    const int64_t last = right < asked ? right : asked;
    const int end = static_cast<int>(last < first ? first : last);
#pragma GCC unroll 2
    for (int h = 0; h < step; ++h) spans[h] = S::span(clamped(first - h * S::lanes), clamped(end - h * S::lanes));
  }
  static int clamped(int lane) { return lane < 0 ? 0 : lane < S::lanes ? lane : S::lanes; }

  // `from` points to cell `column`, which may lie outside the row. Held in a register: GCC 12 would repeat the load in
  // every product that uses it, 63 loads instead of 27 for seven rows of a 3x3 kernel.
  template <bool all>
  [[gnu::always_inline]] typename S::Vector load(const T *from) const {
    if constexpr (step == 1) {
      return S::held(all ? S::load(from) : S::load(from, spans[0]));
    } else if constexpr (all) {
      return S::even(S::load(from), S::load(from + S::lanes));
    } else {
      return S::even(S::load(from, spans[0]), S::load(from + S::lanes, spans[1]));
    }
  }
};

// The reaches of some columns of a kernel, for one vector of output columns.
template <class T, int step, int most>
struct Reaches {
  Reach<T, step> of[most];
  bool whole = true;

  Reaches(const PlaneWindow &v, int64_t cell, int count, int used) {
    const int64_t end = cell + (count - 1) * v.column_step + Simd<T>::lanes * step;
    if (used == Simd<T>::lanes && cell >= 0 && end <= v.columns) {  // as everywhere but at the borders
      const Reach<T, step> all(0, Simd<T>::lanes * step, used);
      for (int s = 0; s < count; ++s) of[s] = all;
      return;
    }
    whole = false;
    for (int s = 0; s < count; ++s) of[s] = Reach<T, step>(cell + s * v.column_step, v.columns, used);
  }
};

// Asks for `vectors` vectors of each of `rows` rows. Tiles jump from row to row, which the hardware does not foresee:
// without this, 512 planes of 56x56 took 1.7 times as long on a Sapphire Rapids core.
template <class T, int rows, int vectors, bool write>
[[gnu::always_inline]] inline void prefetch_rows(const T *from, int64_t row_step) {
#pragma GCC unroll 32
  for (int i = 0; i < rows; ++i, from += row_step) {
#pragma GCC unroll 2
    for (int j = 0; j < vectors; ++j) __builtin_prefetch(from + j * Simd<T>::lanes, write);
  }
}

// Which of the `count` rows from `row` on lie in the plane, a bit for each of them.
inline uint32_t rows_present(const PlaneWindow &v, int64_t row, int count) {
  const auto clamped = [count](int64_t r) { return static_cast<int>(r < 0 ? 0 : r < count ? r : count); };
  const int first = clamped(-row), end = clamped(v.rows - row);
  return first < end ? (1u << end) - (1u << first) : 0;
}

// Whether all of them do.
inline bool rows_inside(const PlaneWindow &v, int64_t row, int64_t count) { return row >= 0 && row + count <= v.rows; }
