// Panels: the layout in which the register tile of the GEMM reads its operands, and the packer of a plain matrix.
//
// A packer fills a block of panels, packer(destination, k0, kc, i0, ic): for indices i = i0 .. i0+ic-1 along its side
// of the product (rows of a, columns of b) and l = k0 .. k0+kc-1 along k, element (i, l) goes to
//   destination[(i - i0) / width * width * kc + (l - k0) * width + (i - i0) % width]
// with zeros behind the last index up to a multiple of `width`. It knows its source: here a matrix, for an implicit
// GEMM the patches of an image.
#pragma once

#include <cstdint>

#include "../kernels/kernels.hpp"
#include "gemm.hpp"

namespace gemmconv {

inline int64_t rounded_up(int64_t size, int64_t step) { return (size + step - 1) / step * step; }

// Packs a strided matrix.
template <class T>
struct MatrixPacker {
  const GemmKernel<T> &kernel;
  int64_t width;  // kernel.mr or kernel.nr
  const T *source;
  int64_t across, along;  // strides between neighbours on its side of the product, and along k

  void operator()(T *destination, int64_t k0, int64_t kc, int64_t i0, int64_t ic) const {
    for (int64_t i = 0; i < ic; i += width) {
      kernel.pack(width, kc, ic - i < width ? ic - i : width, source + (i0 + i) * across + k0 * along, across, along,
                  destination + i * kc);
    }
  }
};

// The operands of c = a b.
template <class T>
MatrixPacker<T> left_packer(const GemmKernel<T> &kernel, const View<T> &a) {
  return MatrixPacker<T>{kernel, kernel.mr, a.data, a.row, a.col};
}
template <class T>
MatrixPacker<T> right_packer(const GemmKernel<T> &kernel, const View<T> &b) {
  return MatrixPacker<T>{kernel, kernel.nr, b.data, b.col, b.row};
}

}  // namespace gemmconv
