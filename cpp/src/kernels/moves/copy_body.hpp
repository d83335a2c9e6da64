// Copying and adding of matrices with strides, written once over Simd<T>: see MoveKernel.

// Every `step`-th element, step 2 or 4: vectors are read whole and de-interleaved in registers.
template <class T, int step>
void copy_every(int64_t n, const T *from, T *to) {
  using S = Simd<T>;
  constexpr int lanes = S::lanes;
  int64_t j = 0;
  for (; j + lanes < n; j += lanes) {  // the elements behind the last one that is wanted may not be there
    const T *source = from + step * j;
    typename S::Vector wanted = S::even(S::load(source), S::load(source + lanes));
    if constexpr (step == 4) {
      wanted = S::even(wanted, S::even(S::load(source + 2 * lanes), S::load(source + 3 * lanes)));
    }
    S::store(to + j, wanted);
  }
  if constexpr (step == 2) {
    if (j == n) return;
    const int used = static_cast<int>(n - j), read = 2 * used - 1;
    const typename S::Vector low = S::load(from + 2 * j, S::part(read < lanes ? read : lanes));
    const typename S::Vector high = read > lanes ? S::load(from + 2 * j + lanes, S::part(read - lanes)) : S::zero();
    S::store(to + j, S::even(low, high), S::part(used));
  } else {
    for (; j < n; ++j) to[j] = from[step * j];
  }
}

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
      copy_every<T, 2>(n, from, to);
    } else if (from_col == 4 && to_col == 1) {
      copy_every<T, 4>(n, from, to);
    } else {
      for (int64_t j = 0; j < n; ++j) to[j * to_col] = from[j * from_col];
    }
  }
}

template <class T>
void add_rows(int64_t m, int64_t n, const T *from, int64_t from_row, int64_t from_col, T *to, int64_t to_row,
              int64_t to_col) {
  using S = Simd<T>;
  const int64_t whole = n / S::lanes * S::lanes;
  const typename S::Part last = S::part(static_cast<int>(n - whole));
  for (; m > 0; --m, from += from_row, to += to_row) {
    if (from_col == 1 && to_col == 1) {
      for (int64_t j = 0; j < whole; j += S::lanes) S::store(to + j, S::add(S::load(to + j), S::load(from + j)));
      if (whole < n) S::store(to + whole, S::add(S::load(to + whole, last), S::load(from + whole, last)), last);
    } else {
      for (int64_t j = 0; j < n; ++j) to[j * to_col] += from[j * from_col];
    }
  }
}
