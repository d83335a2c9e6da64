// Panels: the layout in which the register tile of the GEMM reads its operands, and the packer of a plain matrix.
//
// A packer fills a block of panels, packer(destination, k0, kc, i0, ic): for indices i = i0 .. i0+ic-1 along its side of
// the product (rows of a, columns of b) and l = k0 .. k0+kc-1 along k, element (i, l) goes to
//   destination[(i - i0) / width * width * kc + (l - k0) * width + (i - i0) % width]
// with zeros behind the last index up to a multiple of `width`. It knows its source: here a matrix, for an implicit
// GEMM the patches of an image.
#pragma once

#include <cstdint>
#include <cstring>

namespace gemmconv {

inline int64_t rounded_up(int64_t size, int64_t step) { return (size + step - 1) / step * step; }

// One panel of `count` <= width indices; element (i, l) is source[i * across + l * along].
template <class T>
void pack_panel(int64_t width, int64_t kc, int64_t count, const T *source, int64_t across, int64_t along, T *panel) {
  if (count < width) std::memset(panel, 0, static_cast<size_t>(width * kc) * sizeof(T));
  if (across == 1) {
    for (int64_t l = 0; l < kc; ++l) std::memcpy(panel + l * width, source + l * along, static_cast<size_t>(count) * sizeof(T));
  } else {
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t l = 0; l < kc; ++l) panel[l * width + i] = source[i * across + l * along];
    }
  }
}

// Packs a strided matrix.
template <class T>
struct MatrixPacker {
  int64_t width;          // mr or nr
  const T *source;
  int64_t across, along;  // strides between neighbours on its side of the product, and along k

  void operator()(T *destination, int64_t k0, int64_t kc, int64_t i0, int64_t ic) const {
    for (int64_t i = 0; i < ic; i += width) {
      pack_panel(width, kc, ic - i < width ? ic - i : width, source + (i0 + i) * across + k0 * along, across, along,
                 destination + i * kc);
    }
  }
};

}  // namespace gemmconv
