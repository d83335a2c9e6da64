// Product of rows that stay where they are with a panel, written once over Simd<T>: see PanelKernel::product. A tile of
// `rows` x `vectors` sums stays in registers while k runs; its columns are one pass over the panel, which all rows share.

// How a tile finds its rows of b: one behind the other, by offsets, or one behind the other to be copied for others.
enum class Rows { even, indexed, kept };

// One tile. `last`: the lanes in use of the last vector, which is read whole and written in part.
template <class T, int rows, int vectors, Rows way>
[[gnu::noinline]] void panel_tile(const Product<T> &p, const T *a, const T *b, T *c, const T *bias,
                                  typename Simd<T>::Part last, bool stream) {
  using S = Simd<T>;
  typename S::Vector sum[rows][vectors];
  if (bias) {
#pragma GCC unroll 32
    for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 32
      for (int j = 0; j < vectors; ++j) sum[i][j] = S::broadcast(bias[i]);
    }
  } else {
#pragma GCC unroll 32
    for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 32
      for (int j = 0; j < vectors; ++j) sum[i][j] = S::zero();
    }
  }
  if (!stream) {  // lines of c come while the sums are made: often no cache has them
#pragma GCC unroll 32
    for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 32
      for (int j = 0; j < vectors; ++j) __builtin_prefetch(c + i * p.c_row + j * S::lanes, 1);
    }
  }
  const T *row[rows];
#pragma GCC unroll 32
  for (int i = 0; i < rows; ++i) row[i] = a + i * p.a_row;
  const int64_t *offset = p.b_offsets;
  T *kept = p.keep;
  int64_t at = 0;
  // The columns of a in two loops: those of a block, and the blocks.
  for (int64_t u = 0; u < p.outer; ++u) {
    for (int64_t t = 0; t < p.inner; ++t) {
      const T *line = way == Rows::indexed ? b + *offset++ : b;
      typename S::Vector right[vectors];
#pragma GCC unroll 32
      for (int j = 0; j < vectors; ++j) right[j] = S::load(line + j * S::lanes);
      if (way == Rows::kept) {
#pragma GCC unroll 32
        for (int j = 0; j < vectors; ++j) S::store(kept + j * S::lanes, right[j]);
        kept += p.keep_row;
      }
#pragma GCC unroll 32
      for (int i = 0; i < rows; ++i) {
        const typename S::Vector left = S::broadcast(row[i][at]);
#pragma GCC unroll 32
        for (int j = 0; j < vectors; ++j) sum[i][j] = S::fma(left, right[j], sum[i][j]);
      }
      at += p.a_inner;
      if (way != Rows::indexed) b += p.b_row;
    }
    at += p.a_skip;
  }
  if (stream) {
#pragma GCC unroll 32
    for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 32
      for (int j = 0; j < vectors; ++j) S::stream(c + j * S::lanes, sum[i][j]);
      c += p.c_row;
    }
  } else {
    write_tile<T, rows, vectors, false>(sum, c, p.c_row, rows, last, p.accumulate);
  }
}

// The last rows, fewer than `rows`, in one tile of exactly so many.
template <class T, int rows, int vectors, Rows way>
void panel_last(int64_t left, const Product<T> &p, const T *a, const T *b, T *c, const T *bias,
                typename Simd<T>::Part last, bool stream) {
  if constexpr (rows > 1) {
    if (left < rows) return panel_last<T, rows - 1, vectors, way>(left, p, a, b, c, bias, last, stream);
  }
  panel_tile<T, rows, vectors, way>(p, a, b, c, bias, last, stream);
}

// Rows of the tile with so many vectors: what fills the registers, but no more than 8 pointers.
template <int registers>
constexpr int panel_rows(int vectors) {
  return (registers - 1 - vectors) / vectors < 8 ? (registers - 1 - vectors) / vectors : 8;
}

// All rows of a strip of `count` <= `vectors` vectors.
template <class T, int registers, int vectors, Rows way>
void panel_strip(int count, const Product<T> &p, typename Simd<T>::Part last, bool stream) {
  if constexpr (vectors > 1) {
    if (count < vectors) return panel_strip<T, registers, vectors - 1, way>(count, p, last, stream);
  }
  constexpr int rows = panel_rows<registers>(vectors);
  int64_t i = 0;
  for (; i + rows <= p.m; i += rows) {
    panel_tile<T, rows, vectors, way>(p, p.a + i * p.a_row, p.b, p.c + i * p.c_row, p.bias ? p.bias + i : nullptr, last,
                                      stream);
  }
  if (i < p.m) {
    panel_last<T, rows, vectors, way>(p.m - i, p, p.a + i * p.a_row, p.b, p.c + i * p.c_row,
                                      p.bias ? p.bias + i : nullptr, last, stream);
  }
}

// The first rows of a strip, which copy the panel.
template <class T, int registers, int vectors>
int64_t panel_keep(int count, const Product<T> &p, typename Simd<T>::Part last, bool stream) {
  if constexpr (vectors > 1) {
    if (count < vectors) return panel_keep<T, registers, vectors - 1>(count, p, last, stream);
  }
  constexpr int rows = panel_rows<registers>(vectors);
  panel_last<T, rows, vectors, Rows::kept>(p.m < rows ? p.m : rows, p, p.a, p.b, p.c, p.bias, last, stream);
  return p.m < rows ? p.m : rows;
}

template <class T, int registers, int vectors>
void panel_product(const Product<T> &p) {
  constexpr int lanes = Simd<T>::lanes;
  const int64_t width = (p.n + lanes - 1) / lanes, strips = (width + vectors - 1) / vectors;
  const bool stream =
      p.stream && !p.accumulate && p.n % lanes == 0 &&
      (reinterpret_cast<uintptr_t>(p.c) | static_cast<uintptr_t>(p.c_row) * sizeof(T)) % (lanes * sizeof(T)) == 0;
  for (int64_t strip = 0; strip < strips; ++strip) {
    const int64_t first = width * strip / strips, end = width * (strip + 1) / strips;
    const int used = static_cast<int>((end * lanes < p.n ? end * lanes : p.n) - (end - 1) * lanes);
    const int count = static_cast<int>(end - first);
    const typename Simd<T>::Part last = Simd<T>::part(used);
    Product<T> own = p;
    own.b += first * lanes;
    own.c += first * lanes;
    if (p.keep) {
      own.keep += first * lanes;
      const int64_t done = panel_keep<T, registers, vectors>(count, own, last, stream);
      own.m -= done;
      own.a += done * p.a_row;
      own.c += done * p.c_row;
      own.bias = p.bias ? p.bias + done : nullptr;
      own.b = own.keep;
      own.b_row = p.keep_row;
    }
    if (p.b_offsets) panel_strip<T, registers, vectors, Rows::indexed>(count, own, last, stream);
    else panel_strip<T, registers, vectors, Rows::even>(count, own, last, stream);
  }
  if (stream) Simd<T>::fence();
}

// The table's row, for an instruction set of so many registers: panels of `vectors` vectors.
template <class T, int registers, int vectors>
constexpr PanelKernel<T> panel_kernel() {
  return PanelKernel<T>{vectors * Simd<T>::lanes, Simd<T>::lanes, panel_product<T, registers, vectors>, gather<T>};
}
