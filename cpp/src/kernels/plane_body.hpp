// Kernels over the rows of one padded plane, written once over Simd<T>: see PlaneKernel.

// Every `step`-th element, step 2 or 4: vectors are read whole and taken apart in registers.
template <class T, int step>
void copy_spread(int64_t n, const T *from, T *to) {
  using S = Simd<T>;
  constexpr int lanes = S::lanes;
  typename S::Vector rest;
  int64_t j = 0;
  for (; j + lanes < n; j += lanes) {  // the elements behind the last one that is wanted may not be there
    const T *source = from + step * j;
    typename S::Vector first, second;
    S::split(S::load(source), S::load(source + lanes), first, rest);
    if constexpr (step == 4) {
      S::split(S::load(source + 2 * lanes), S::load(source + 3 * lanes), second, rest);
      S::split(first, second, first, rest);
    }
    S::store(to + j, first);
  }
  if constexpr (step == 2) {
    if (j == n) return;
    const int used = static_cast<int>(n - j), wanted = 2 * used - 1;
    typename S::Vector first;
    S::split(S::load(from + 2 * j, S::part(wanted < lanes ? wanted : lanes)),
             wanted > lanes ? S::load(from + 2 * j + lanes, S::part(wanted - lanes)) : S::zero(), first, rest);
    S::store(to + j, first, S::part(used));
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
      copy_spread<T, 2>(n, from, to);
    } else if (from_col == 4 && to_col == 1) {
      copy_spread<T, 4>(n, from, to);
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
  return PlaneKernel<T>{copy_rows<T>, add_rows<T>, interleave<T>};
}
