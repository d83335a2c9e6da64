// Packing a matrix into panels, written once over Simd<T>: see GemmKernel::pack. Its cost matters where the other side
// of the product is short: an element of a is used once for every column of b.

// Rows of the panel are contiguous in the source: copies.
template <class T>
void pack_copied(int64_t width, int64_t k, int64_t count, const T *source, int64_t along, T *panel) {
  using S = Simd<T>;
  const int64_t whole = count / S::lanes * S::lanes;
  const typename S::Part rest = S::part(static_cast<int>(count - whole));
  for (int64_t l = 0; l < k; ++l) {
    for (int64_t i = 0; i < whole; i += S::lanes) S::store(panel + i, S::load(source + i));
    if (whole < count) S::store(panel + whole, S::load(source + whole, rest), rest);
    source += along;
    panel += width;
  }
}

// Any strides.
template <class T>
void pack_strided(int64_t width, int64_t k, int64_t count, const T *source, int64_t across, int64_t along, T *panel) {
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t l = 0; l < k; ++l) panel[l * width + i] = source[i * across + l * along];
  }
}

template <class T>
void pack(int64_t width, int64_t k, int64_t count, const T *source, int64_t across, int64_t along, T *panel) {
  if (count < width) {
    for (int64_t l = 0; l < k; ++l) {
      for (int64_t i = count; i < width; ++i) panel[l * width + i] = T(0);
    }
  }
  if (across == 1) {
    pack_copied(width, k, count, source, along, panel);
  } else if (along == 1) {
    transpose(count, k, source, across, panel, width);
  } else {
    pack_strided(width, k, count, source, across, along, panel);
  }
}
