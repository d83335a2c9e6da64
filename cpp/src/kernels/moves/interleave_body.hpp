// Even and odd columns of a matrix to two arrays and back, written once over Simd<T>: see MoveKernel.

// Even and odd columns, separated in registers.
template <class T>
void deinterleave(int64_t m, int64_t n, const T *from, int64_t from_row, T *even, T *odd, int64_t to_row) {
  using S = Simd<T>;
  constexpr int lanes = S::lanes;
  const int64_t pairs = n / 2, whole = pairs / lanes * lanes;
  const int rest = static_cast<int>(n - 2 * whole);  // fewer than 2 * lanes elements
  const typename S::Part low = S::part(rest < lanes ? rest : lanes), high = S::part(rest < lanes ? 0 : rest - lanes);
  const typename S::Part evens = S::part((rest + 1) / 2), odds = S::part(rest / 2);
  for (; m > 0; --m, from += from_row, even += to_row, odd += to_row) {
    for (int64_t j = 0; j < whole; j += lanes) {
      const typename S::Vector first = S::load(from + 2 * j), second = S::load(from + 2 * j + lanes);
      S::store(even + j, S::even(first, second));
      S::store(odd + j, S::odd(first, second));
    }
    if (rest > 0) {
      const T *tail = from + 2 * whole;
      const typename S::Vector first = S::load(tail, low);
      const typename S::Vector second = rest > lanes ? S::load(tail + lanes, high) : S::zero();
      S::store(even + whole, S::even(first, second), evens);
      if (rest > 1) S::store(odd + whole, S::odd(first, second), odds);
    }
  }
}

// The inverse of deinterleave().
template <class T>
void interleave(int64_t m, int64_t n, const T *even, const T *odd, int64_t from_row, T *to, int64_t to_row) {
  using S = Simd<T>;
  constexpr int lanes = S::lanes;
  const int64_t whole = n / 2 / lanes * lanes;
  const int rest = static_cast<int>(n - 2 * whole);
  const typename S::Part low = S::part(rest < lanes ? rest : lanes), high = S::part(rest < lanes ? 0 : rest - lanes);
  const typename S::Part evens = S::part((rest + 1) / 2), odds = S::part(rest / 2);
  for (; m > 0; --m, even += from_row, odd += from_row, to += to_row) {
    for (int64_t j = 0; j < whole; j += lanes) {
      const typename S::Vector first = S::load(even + j), second = S::load(odd + j);
      S::store(to + 2 * j, S::zip_low(first, second));
      S::store(to + 2 * j + lanes, S::zip_high(first, second));
    }
    if (rest > 0) {
      T *tail = to + 2 * whole;
      const typename S::Vector first = S::load(even + whole, evens);
      const typename S::Vector second = rest > 1 ? S::load(odd + whole, odds) : S::zero();
      S::store(tail, S::zip_low(first, second), low);
      if (rest > lanes) S::store(tail + lanes, S::zip_high(first, second), high);
    }
  }
}
