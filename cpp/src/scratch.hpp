// Scratch memory, described once: a function that names each array and its size is iterated twice, by scratch_bytes
// to measure the memory and by scratch_arrays to hand it out, so the two cannot disagree.
//
//   struct Arrays {
//     float *band, *sums;
//     template <class Visit>
//     void each(const Visit &visit, const Layout &l) { visit(band, l.band_size); visit(sums, l.sums_size); }
//   };
//   size_t bytes = scratch_bytes<Arrays>(layout);              // to announce
//   Arrays arrays = scratch_arrays<Arrays>(memory, layout);     // to use
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace gemmconv {

// Up to a whole cache line: every array of a block of scratch memory begins at one.
inline size_t rounded(size_t bytes) { return (bytes + 63) / 64 * 64; }
inline size_t rounded(int64_t elements, size_t item_bytes) {
  return rounded(static_cast<size_t>(elements) * item_bytes);
}

// Bytes of the arrays that Arrays::each(visit, sizes...) describes.
template <class Arrays, class... Sizes>
size_t scratch_bytes(const Sizes &...sizes) {
  Arrays arrays{};
  size_t bytes = 0;
  arrays.each([&](auto *&array, int64_t count) { bytes += rounded(count, sizeof(*array)); }, sizes...);
  return bytes;
}

// The same arrays, one behind the other from `memory` on, which is aligned to a cache line. An array of size 0 is nullptr.
template <class Arrays, class... Sizes>
Arrays scratch_arrays(void *memory, const Sizes &...sizes) {
  Arrays arrays{};
  std::byte *next = static_cast<std::byte *>(memory);
  arrays.each(
      [&](auto *&array, int64_t count) {
        using Pointer = std::remove_reference_t<decltype(array)>;
        array = count > 0 ? reinterpret_cast<Pointer>(next) : nullptr;
        next += rounded(count, sizeof(*array));
      },
      sizes...);
  return arrays;
}

}  // namespace gemmconv
