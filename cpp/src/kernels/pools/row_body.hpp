// Rows reduced to one number each, written once over Simd<T>: see PoolKernel::row_means and row_maxima.

// The sum of a row in the lanes of a vector of double. Lanes of T add up at most 16 numbers before they are widened.
template <class T>
inline typename Simd<double>::Vector sum_row(int64_t n, const T *x, typename Simd<T>::Part last) {
  using S = Simd<T>;
  using D = Simd<double>;
  constexpr int lanes = S::lanes, block = 16 * lanes;
  typename D::Vector total = D::zero();
  for (int64_t begin = 0; begin < n; begin += block) {
    const int64_t end = begin + block < n ? begin + block : n;
    typename S::Vector sum[2] = {S::zero(), S::zero()};
    int64_t j = begin;
    for (; j + 2 * lanes <= end; j += 2 * lanes) {
      sum[0] = S::add(sum[0], S::load(x + j));
      sum[1] = S::add(sum[1], S::load(x + j + lanes));
    }
    if (j + lanes <= end) {
      sum[0] = S::add(sum[0], S::load(x + j));
      j += lanes;
    }
    if (j < end) sum[1] = S::add(sum[1], S::load(x + j, last));
    T each[lanes];
    S::store(each, S::add(sum[0], sum[1]));
#pragma GCC unroll 8
    for (int lane = 0; lane < lanes; lane += D::lanes) total = D::add(total, D::load(each + lane));
  }
  return total;
}

template <class T>
void row_means(int64_t m, int64_t n, const T *x, int64_t x_row, double divisor, T *y) {
  using D = Simd<double>;
  const typename Simd<T>::Part last = Simd<T>::part(static_cast<int>(n % Simd<T>::lanes));
  for (int64_t i = 0; i < m; i += 4) {
    const int rows = static_cast<int>(m - i < 4 ? m - i : 4);
    typename D::Vector sum[4] = {D::zero(), D::zero(), D::zero(), D::zero()};
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
      if (r < rows) sum[r] = sum_row<T>(n, x + (i + r) * x_row, last);
    }
    double sums[4];
    D::sum4(sum[0], sum[1], sum[2], sum[3], sums);
    for (int r = 0; r < rows; ++r) y[i + r] = static_cast<T>(sums[r] / divisor);
  }
}

// The end of a row is read again with what stands before it: a maximum does not mind.
template <class T>
void row_maxima(int64_t m, int64_t n, const T *x, int64_t x_row, T *y) {
  using S = Simd<T>;
  constexpr int lanes = S::lanes;
  for (int64_t i = 0; i < m; ++i, x += x_row) {
    T each[lanes] = {};  // for a compiler that does not know n > 0
    int used = lanes;
    if (n < lanes) {
      used = static_cast<int>(n);
      for (int lane = 0; lane < used; ++lane) each[lane] = x[lane];
    } else {
      typename S::Vector best[2] = {S::load(x), S::load(x + n - lanes)};
      int64_t j = lanes;
      for (; j + 2 * lanes <= n; j += 2 * lanes) {
        best[0] = S::larger(best[0], S::load(x + j));
        best[1] = S::larger(best[1], S::load(x + j + lanes));
      }
      if (j + lanes <= n) best[0] = S::larger(best[0], S::load(x + j));
      S::store(each, S::larger(best[0], best[1]));
      // halves of the lanes against each other, which the compiler makes vectors of
      for (; used > 4; used /= 2) {
        for (int lane = 0; lane < used / 2; ++lane) {
          const T other = each[lane + used / 2];
          each[lane] = (other > each[lane]) | (other != other) ? other : each[lane];
        }
      }
    }
    T best = each[0];
    for (int lane = 1; lane < used; ++lane) best = (each[lane] > best) | (each[lane] != each[lane]) ? each[lane] : best;
    y[i] = best;
  }
}
