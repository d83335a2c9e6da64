// Product of a strided matrix with a panel, written once over Simd<T>: see PanelKernel::product. A tile of `rows` x
// `vectors` sums stays in registers while k runs. A strip, the columns of one tile, is read again for each tile of rows.

// How a tile finds its rows of b: at a fixed step, by offsets, or at a fixed step and copied to a panel meanwhile.
enum class Rows { stepped, offset, copied };

// One tile. `last`: the lanes in use of the last vector, which is read whole and written in part.
template <class T, int rows, int vectors, Rows access>
[[gnu::noinline]] void panel_tile(const PanelProduct<T> &p, const T *a, const T *b, T *c, const T *bias,
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
    clear_tile<T, rows, vectors>(sum);
  }
  if (!stream) {  // often no cache has c: it is fetched while the sums are made
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
  T *panel = p.copy;
  int64_t at = 0;
  // The columns of a in two loops: those of a block, and the blocks.
  for (int64_t u = 0; u < p.outer; ++u) {
    for (int64_t t = 0; t < p.inner; ++t) {
      const T *from = access == Rows::offset ? b + *offset++ : b;
      typename S::Vector right[vectors];
      load_row<T, vectors, true>(from, last, right);
      if (access == Rows::copied) {
#pragma GCC unroll 32
        for (int j = 0; j < vectors; ++j) S::store(panel + j * S::lanes, right[j]);
        panel += p.copy_row;
      }
      add_outer<T, rows, vectors>(row, at, right, sum);
      at += p.a_inner;
      if (access != Rows::offset) b += p.b_row;
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
template <class T, int rows, int vectors, Rows access>
void panel_last(int64_t left, const PanelProduct<T> &p, const T *a, const T *b, T *c, const T *bias,
                typename Simd<T>::Part last, bool stream) {
  if constexpr (rows > 1) {
    if (left < rows) return panel_last<T, rows - 1, vectors, access>(left, p, a, b, c, bias, last, stream);
  }
  panel_tile<T, rows, vectors, access>(p, a, b, c, bias, last, stream);
}

// Rows of the tile with so many vectors: what fills the registers, but no more than 8 pointers.
template <int registers>
constexpr int panel_rows(int vectors) {
  return (registers - 1 - vectors) / vectors < 8 ? (registers - 1 - vectors) / vectors : 8;
}

// All rows of a strip of `count` <= `vectors` vectors.
template <class T, int registers, int vectors, Rows access>
void panel_strip(int count, const PanelProduct<T> &p, typename Simd<T>::Part last, bool stream) {
  if constexpr (vectors > 1) {
    if (count < vectors) return panel_strip<T, registers, vectors - 1, access>(count, p, last, stream);
  }
  constexpr int rows = panel_rows<registers>(vectors);
  int64_t i = 0;
  for (; i + rows <= p.m; i += rows) {
    panel_tile<T, rows, vectors, access>(p, p.a + i * p.a_row, p.b, p.c + i * p.c_row, p.bias ? p.bias + i : nullptr,
                                         last, stream);
  }
  if (i < p.m) {
    panel_last<T, rows, vectors, access>(p.m - i, p, p.a + i * p.a_row, p.b, p.c + i * p.c_row,
                                         p.bias ? p.bias + i : nullptr, last, stream);
  }
}

// The first rows of a strip, which copy the panel.
template <class T, int registers, int vectors>
int64_t panel_copy(int count, const PanelProduct<T> &p, typename Simd<T>::Part last, bool stream) {
  if constexpr (vectors > 1) {
    if (count < vectors) return panel_copy<T, registers, vectors - 1>(count, p, last, stream);
  }
  constexpr int rows = panel_rows<registers>(vectors);
  panel_last<T, rows, vectors, Rows::copied>(p.m < rows ? p.m : rows, p, p.a, p.b, p.c, p.bias, last, stream);
  return p.m < rows ? p.m : rows;
}

template <class T, int registers, int vectors>
void panel_product(const PanelProduct<T> &p) {
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
    PanelProduct<T> own = p;
    own.b += first * lanes;
    own.c += first * lanes;
    if (p.copy) {
      own.copy += first * lanes;
      const int64_t done = panel_copy<T, registers, vectors>(count, own, last, stream);
      own.m -= done;
      own.a += done * p.a_row;
      own.c += done * p.c_row;
      own.bias = p.bias ? p.bias + done : nullptr;
      own.b = own.copy;
      own.b_row = p.copy_row;
    }
    if (p.b_offsets) panel_strip<T, registers, vectors, Rows::offset>(count, own, last, stream);
    else panel_strip<T, registers, vectors, Rows::stepped>(count, own, last, stream);
  }
  if (stream) Simd<T>::fence();
}
