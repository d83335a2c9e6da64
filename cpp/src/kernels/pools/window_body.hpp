// Pooling by windows that all read the same offsets, written once over Simd<T>: see PoolKernel. A vector lies along the
// contiguous axis (channels of NHWC, columns of an NCHW plane, de-interleaved by its stride), the taps are the inner loop, and
// four vectors at a time hide the latency of the chain of each.

// A running reduction in the lanes of S.
template <class S>
struct Maxima {
  using Lanes = S;
  static typename S::Vector first(typename S::Vector x) { return x; }
  static typename S::Vector join(typename S::Vector best, typename S::Vector x) { return S::larger(best, x); }
};
template <class S>
struct Sums {
  using Lanes = S;
  static typename S::Vector first(typename S::Vector x) { return x; }
  static typename S::Vector join(typename S::Vector sum, typename S::Vector x) { return S::add(sum, x); }
};
template <class S>
struct Absolutes {
  using Lanes = S;
  static typename S::Vector first(typename S::Vector x) { return S::abs(x); }
  static typename S::Vector join(typename S::Vector sum, typename S::Vector x) { return S::add(sum, S::abs(x)); }
};
template <class S>
struct Squares {
  using Lanes = S;
  static typename S::Vector first(typename S::Vector x) { return S::mul(x, x); }
  static typename S::Vector join(typename S::Vector sum, typename S::Vector x) { return S::fma(x, x, sum); }
};

// What is done with a window's reduction before it is written.
template <class S>
struct Plain {
  typename S::Vector operator()(typename S::Vector value) const { return value; }
};
template <class S>
struct Divided {
  typename S::Vector by;
  typename S::Vector operator()(typename S::Vector value) const { return S::div(value, by); }
};
template <class S>
struct Scaled {
  typename S::Vector by;
  typename S::Vector operator()(typename S::Vector value) const { return S::mul(value, by); }
};
template <class S>
struct Rooted {
  typename S::Vector operator()(typename S::Vector value) const { return S::sqrt(value); }
};

// `vectors` vectors of one row of windows, the last one possibly in part.
template <class T, class Reduce, int vectors, bool whole, class Finish>
inline void reduce_vectors(int64_t k, const T *x, const int64_t *offsets, T *y, typename Reduce::Lanes::Part last,
                           const Finish &finish) {
  using S = typename Reduce::Lanes;
  typename S::Vector value[vectors];
  const T *first = x + offsets[0];
#pragma GCC unroll 8
  for (int v = 0; v < vectors; ++v) {
    value[v] =
        Reduce::first(whole || v < vectors - 1 ? S::load(first + v * S::lanes) : S::load(first + v * S::lanes, last));
  }
  for (int64_t l = 1; l < k; ++l) {
    const T *cells = x + offsets[l];
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) {
      value[v] = Reduce::join(
          value[v], whole || v < vectors - 1 ? S::load(cells + v * S::lanes) : S::load(cells + v * S::lanes, last));
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < vectors; ++v) {
    if (whole || v < vectors - 1) {
      S::store(y + v * S::lanes, finish(value[v]));
    } else {
      S::store(y + v * S::lanes, finish(value[v]), last);
    }
  }
}

template <class T, class Reduce, class Finish>
void reduce_windows(int64_t m, int64_t n, int64_t k, const T *x, int64_t x_row, const int64_t *offsets, T *y,
                    int64_t y_row, const Finish &finish) {
  using S = typename Reduce::Lanes;
  constexpr int lanes = S::lanes;
  const int64_t whole = n / lanes * lanes;
  const typename S::Part last = S::part(static_cast<int>(n - whole)), none = S::part(0);
  for (int64_t i = 0; i < m; ++i, x += x_row, y += y_row) {
    int64_t j = 0;
    for (; j + 4 * lanes <= n; j += 4 * lanes) {
      reduce_vectors<T, Reduce, 4, true>(k, x + j, offsets, y + j, none, finish);
    }
    for (; j + lanes <= n; j += lanes) reduce_vectors<T, Reduce, 1, true>(k, x + j, offsets, y + j, none, finish);
    if (j < n) reduce_vectors<T, Reduce, 1, false>(k, x + j, offsets, y + j, last, finish);
  }
}

template <class T>
void largest(int64_t m, int64_t n, int64_t k, const T *x, int64_t x_row, const int64_t *offsets, T *y, int64_t y_row) {
  using S = Simd<T>;
  reduce_windows<T, Maxima<S>>(m, n, k, x, x_row, offsets, y, y_row, Plain<S>{});
}

// Division by a power of two is a multiplication, bit for bit, and that of 2x2 windows.
template <class T, class S>
void mean_in(int64_t m, int64_t n, int64_t k, const T *x, int64_t x_row, const int64_t *offsets, double divisor, T *y,
             int64_t y_row) {
  const double inverse = 1 / divisor;
  if (inverse * divisor == 1 && (divisor == 1 || divisor == 2 || divisor == 4 || divisor == 8 || divisor == 16)) {
    reduce_windows<T, Sums<S>>(m, n, k, x, x_row, offsets, y, y_row, Scaled<S>{S::broadcast(inverse)});
  } else {
    reduce_windows<T, Sums<S>>(m, n, k, x, x_row, offsets, y, y_row, Divided<S>{S::broadcast(divisor)});
  }
}

// Up to 16 cells are summed in T, at most 15 roundings; more of them in double.
template <class T>
void mean(int64_t m, int64_t n, int64_t k, const T *x, int64_t x_row, const int64_t *offsets, double divisor, T *y,
          int64_t y_row) {
  if (k > 16) {
    mean_in<T, Simd<double>>(m, n, k, x, x_row, offsets, divisor, y, y_row);
  } else {
    mean_in<T, Simd<T>>(m, n, k, x, x_row, offsets, divisor, y, y_row);
  }
}

template <class T>
void norm(int p, int64_t m, int64_t n, int64_t k, const T *x, int64_t x_row, const int64_t *offsets, T *y,
          int64_t y_row) {
  using S = Simd<double>;
  if (p == 1) {
    reduce_windows<T, Absolutes<S>>(m, n, k, x, x_row, offsets, y, y_row, Plain<S>{});
  } else {
    reduce_windows<T, Squares<S>>(m, n, k, x, x_row, offsets, y, y_row, Rooted<S>{});
  }
}

template <class T, int vectors, bool whole>
inline void weigh_vectors(int64_t k, const T *x, const int64_t *offsets, const T *w, T *y,
                          typename Simd<T>::Part last) {
  using S = Simd<T>;
  typename S::Vector sum[vectors];
#pragma GCC unroll 8
  for (int v = 0; v < vectors; ++v) sum[v] = S::zero();
  for (int64_t l = 0; l < k; ++l) {
    const T *cells = x + offsets[l];
    const typename S::Vector weight = S::broadcast(w[l]);
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) {
      sum[v] =
          S::fma(weight, whole || v < vectors - 1 ? S::load(cells + v * S::lanes) : S::load(cells + v * S::lanes, last),
                 sum[v]);
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < vectors; ++v) {
    if (whole || v < vectors - 1) {
      S::store(y + v * S::lanes, sum[v]);
    } else {
      S::store(y + v * S::lanes, sum[v], last);
    }
  }
}

template <class T>
void weighted(int64_t m, int64_t n, int64_t k, const T *x, int64_t x_row, const int64_t *offsets, const T *w, T *y,
              int64_t y_row) {
  constexpr int lanes = Simd<T>::lanes;
  const typename Simd<T>::Part last = Simd<T>::part(static_cast<int>(n % lanes)), none = Simd<T>::part(0);
  for (int64_t i = 0; i < m; ++i, x += x_row, y += y_row) {
    int64_t j = 0;
    for (; j + 4 * lanes <= n; j += 4 * lanes) weigh_vectors<T, 4, true>(k, x + j, offsets, w, y + j, none);
    for (; j + lanes <= n; j += lanes) weigh_vectors<T, 1, true>(k, x + j, offsets, w, y + j, none);
    if (j < n) weigh_vectors<T, 1, false>(k, x + j, offsets, w, y + j, last);
  }
}

// The largest cell and its place. A place is the one that the windows begin with until a cell beats -inf.
template <class T, int vectors, bool whole>
inline void argmax_vectors(int64_t k, const T *x, const int64_t *offsets, const PlaceOf<T> *places,
                           typename Simd<T>::Place here, typename Simd<T>::Place start[vectors], T *y, int64_t *indices,
                           typename Simd<T>::Place step, typename Simd<T>::Part last) {
  using S = Simd<T>;
  typename S::Vector best[vectors];
  typename S::Place at[vectors];
#pragma GCC unroll 4
  for (int v = 0; v < vectors; ++v) {
    best[v] = S::broadcast(-static_cast<T>(__builtin_inf()));
    at[v] = start[v];
  }
  for (int64_t l = 0; l < k; ++l) {
    const T *cells = x + offsets[l];
    typename S::Place place = S::add_places(here, S::places(places[l]));
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      const typename S::Vector value =
          whole || v < vectors - 1 ? S::load(cells + v * S::lanes) : S::load(cells + v * S::lanes, last);
      const typename S::Mask better = S::beats(value, best[v]);
      best[v] = S::choose(better, value, best[v]);
      at[v] = S::choose_places(better, place, at[v]);
      if (v < vectors - 1) place = S::add_places(place, step);
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < vectors; ++v) {
    if (whole || v < vectors - 1) {
      S::store(y + v * S::lanes, best[v]);
      S::store_places(indices + v * S::lanes, at[v]);
    } else {
      S::store(y + v * S::lanes, best[v], last);
      S::store_places(indices + v * S::lanes, at[v], last);
    }
  }
}

template <class T>
void argmax(int64_t m, int64_t n, int64_t k, const T *x, int64_t x_row, const int64_t *offsets,
            const PoolPlaces<T> &places, T *y, int64_t *indices, int64_t y_row) {
  using S = Simd<T>;
  using Place = typename S::Place;
  constexpr int lanes = S::lanes;
  PlaceOf<T> ramp[lanes];
  for (int lane = 0; lane < lanes; ++lane) ramp[lane] = static_cast<PlaceOf<T>>(lane * places.column);
  const Place lane_places = S::load_places(ramp), step = S::places(static_cast<PlaceOf<T>>(lanes * places.column));
  const typename S::Part last = S::part(static_cast<int>(n % lanes)), none = S::part(0);
  const auto start_at = [&](int64_t i, int64_t j, Place here, bool whole) {
    if (!places.column_starts) return S::add_places(here, S::places(places.taps[0]));
    const Place columns =
        whole ? S::load_places(places.column_starts + j) : S::load_places(places.column_starts + j, last);
    return S::add_places(columns, S::places(places.row_starts[i]));
  };
  for (int64_t i = 0; i < m; ++i, x += x_row, y += y_row, indices += y_row) {
    const Place row = S::add_places(lane_places, S::places(static_cast<PlaceOf<T>>(places.first + i * places.row)));
    int64_t j = 0;
    for (; j + 2 * lanes <= n; j += 2 * lanes) {
      const Place here = S::add_places(row, S::places(static_cast<PlaceOf<T>>(j * places.column)));
      Place start[2] = {start_at(i, j, here, true), start_at(i, j + lanes, S::add_places(here, step), true)};
      argmax_vectors<T, 2, true>(k, x + j, offsets, places.taps, here, start, y + j, indices + j, step, none);
    }
    for (; j < n; j += lanes) {
      const Place here = S::add_places(row, S::places(static_cast<PlaceOf<T>>(j * places.column)));
      const bool whole = j + lanes <= n;
      Place start[1] = {start_at(i, j, here, whole)};
      if (whole) {
        argmax_vectors<T, 1, true>(k, x + j, offsets, places.taps, here, start, y + j, indices + j, step, none);
      } else {
        argmax_vectors<T, 1, false>(k, x + j, offsets, places.taps, here, start, y + j, indices + j, step, last);
      }
    }
  }
}
