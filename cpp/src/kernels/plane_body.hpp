// Kernels over the rows of one padded plane, written once over Simd<T>: see PlaneKernel.

// Short rows are one masked vector each, where memcpy would take longer to be called than to copy.
template <class T>
void copy_rows(int64_t m, int64_t n, const T *from, int64_t from_row, int64_t from_col, T *to, int64_t to_row,
               int64_t to_col) {
  using S = Simd<T>;
  const int64_t whole = n / S::lanes * S::lanes;
  const typename S::Part last = S::part(static_cast<int>(n - whole));
  for (; m > 0; --m, from += from_row, to += to_row) {
    if (from_col == 1 && to_col == 1) {
      for (int64_t j = 0; j < whole; j += S::lanes) S::store(to + j, S::load(from + j));
      if (whole < n) S::store(to + whole, S::load(from + whole, last), last);
    } else if (from_col == 2 && to_col == 1) {
      int64_t j = 0;
      for (; j + S::lanes < n; j += S::lanes) {
        S::store(to + j, S::even(S::load(from + 2 * j), S::load(from + 2 * j + S::lanes)));
      }
      // What is left ends with a cell that has no neighbour to skip.
      const int left = static_cast<int>(n - j), cells = 2 * left - 1;
      const typename S::Vector low = S::load(from + 2 * j, S::part(cells < S::lanes ? cells : S::lanes));
      const int behind = cells < S::lanes ? 0 : cells - S::lanes;
      S::store(to + j, S::even(low, S::load(from + 2 * j + S::lanes, S::part(behind))), S::part(left));
    } else {
      for (int64_t j = 0; j < n; ++j) to[j * to_col] = from[j * from_col];
    }
  }
}

template <class T>
void interleave(int64_t m, int64_t n, const T *__restrict even, const T *__restrict odd, int64_t from_row,
                T *__restrict to, int64_t to_row) {
  using S = Simd<T>;
  for (; m > 0; --m, even += from_row, odd += from_row, to += to_row) {
    int64_t j = 0;  // of the pairs
    for (; 2 * (j + S::lanes) <= n; j += S::lanes) {
      const typename S::Vector a = S::load(even + j), b = S::load(odd + j);
      S::store(to + 2 * j, S::zip_low(a, b));
      S::store(to + 2 * j + S::lanes, S::zip_high(a, b));
    }
    for (; 2 * j < n; ++j) {
      to[2 * j] = even[j];
      if (2 * j + 1 < n) to[2 * j + 1] = odd[j];
    }
  }
}

template <class T>
constexpr PlaneKernel<T> plane_kernel() {
  return PlaneKernel<T>{copy_rows<T>, interleave<T>};
}
