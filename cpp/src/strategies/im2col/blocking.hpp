// How the column matrix is divided into blocks, so that scratch memory fits the workspace limit.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "../../problem.hpp"

namespace gemmconv::im2col {

// The column matrix is made for `images` whole images or for `pixels` outputs of one image at a time.
struct ColumnBlocking {
  int64_t images, pixels;
  int threads;  // that need scratch memory of their own

  int64_t count() const { return images * pixels; }
};

// A block of the column matrix: of the images [image, image + images) the outputs [pixel, pixel + pixels), in one group.
struct ColumnBlock {
  int64_t group, image, images, pixel, pixels;

  int64_t count() const { return images * pixels; }
};

// Calls body(block) for the blocks of images [first, end), in order. Their group is to be filled in.
template <class Body>
void for_blocks(const ColumnBlocking &blocking, int64_t plane, int64_t first, int64_t end, const Body &body) {
  for (int64_t image = first; image < end; image += blocking.images) {
    const int64_t images = std::min(blocking.images, end - image);
    for (int64_t pixel = 0; pixel < plane; pixel += blocking.pixels) {
      body(ColumnBlock{0, image, images, pixel, std::min(blocking.pixels, plane - pixel)});
    }
  }
}

// Shrinks `blocking` until bytes(blocking) fits the limit. Threads go first, and only where one alone fits: then neither
// images nor pixels, which order the additions of the gradients, depend on them. What cannot shrink further is returned
// although it does not fit.
template <class Bytes>
ColumnBlocking fitted(ColumnBlocking blocking, size_t limit, const Bytes &bytes) {
  while (bytes(blocking) > limit) {
    ColumnBlocking alone = blocking;
    alone.threads = 1;
    if (bytes(alone) <= limit) --blocking.threads;
    else if (blocking.images > 1) blocking.images = (blocking.images + 1) / 2;
    else if (blocking.pixels > 1) blocking.pixels = (blocking.pixels + 1) / 2;
    else return alone;
  }
  return blocking;
}

}  // namespace gemmconv::im2col
