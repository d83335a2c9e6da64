// What a patch is: the cells of x that one output pixel reads, gathered into a matrix (im2col), and the adjoint,
// which adds a matrix of patches back into x (col2im). The image-to-column public functions and the im2col strategy
// share them.
//
// All work on the images [first_image, first_image + images) and, of each, on the output pixels [first_pixel,
// first_pixel + pixels) in C order, for the input channels of one group. With geometry.flip the taps are read from the
// far end, so that weights are never reversed.
#pragma once

#include <cstdint>

#include "../geometry.hpp"

namespace gemmconv {

// NCHW. cols[(c * area + tap) * cols_row + i * pixels + p], zero where the tap lies in the padding.
template <class T>
void gather(const Geometry &geometry, int threads, int64_t group, int64_t first_image, int64_t images,
            int64_t first_pixel, int64_t pixels, const T *x, T *cols, int64_t cols_row);

// NCHW. Adds cols into dx, or writes their sums over it. The order of additions in a cell of dx is that of its taps,
// whatever the threads and images.
template <class T>
void scatter_add(const Geometry &geometry, int threads, int64_t group, int64_t first_image, int64_t images,
                 int64_t first_pixel, int64_t pixels, const T *cols, int64_t cols_row, T *dx, bool accumulate = true);

// NHWC. cols[(i * pixels + p) * cols_row + tap * group_inputs + c].
template <class T>
void gather_nhwc(const Geometry &geometry, int threads, int64_t group, int64_t first_image, int64_t images,
                 int64_t first_pixel, int64_t pixels, const T *x, T *cols, int64_t cols_row);

// NHWC. Adds cols into dx, in the same order as scatter_add.
template <class T>
void scatter_add_nhwc(const Geometry &geometry, int threads, int64_t group, int64_t first_image, int64_t images,
                      int64_t first_pixel, int64_t pixels, const T *cols, int64_t cols_row, T *dx);

}  // namespace gemmconv
