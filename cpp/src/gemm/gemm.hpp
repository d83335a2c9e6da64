// Matrix products of the lowered convolution: BLAS where it may be called, else the blocked GEMM of this library.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gemmconv {

// A matrix as a strided view: element (i, j) is data[i * row + j * col].
template <class T>
struct View {
  const T *data;
  int64_t row, col;
  View transposed() const { return View{data, col, row}; }
};

// How a product is done: with BLAS (which brings `threads` threads of its own), or with our blocked GEMM on `threads`
// threads. The blocked GEMM never splits k between threads and adds in the order of k, so its bits depend neither on
// the number of threads nor on the other rows and columns.
struct GemmEngine {
  bool blas = false;
  int threads = 1;
};

// Scratch bytes that gemm() needs for this product (0 for BLAS).
template <class T>
size_t gemm_workspace_bytes(const GemmEngine &engine, int64_t m, int64_t n, int64_t k);

// c[i * ldc + j] (+)= sum_l a(i, l) b(l, j). What BLAS cannot take (a view without a stride of 1, numbers beyond int32)
// is done without it, slowly and without scratch.
template <class T>
void gemm(const GemmEngine &engine, int64_t m, int64_t n, int64_t k, View<T> a, View<T> b, T *c, int64_t ldc,
          bool accumulate, void *workspace);

// The linked BLAS, or nullptr when the library was built without one.
const char *blas_name();
// Threads of its own that BLAS uses at present (process-wide; never changed by this library); 0 without BLAS.
int blas_threads();
// Whether BLAS uses vectors as wide as our kernels do. OpenBLAS 0.3.34 takes its Haswell kernels on a Zen 5 with
// AVX-512: 125 GFLOP/s a core where our own GEMM reaches 250 to 270.
bool blas_keeps_up();

}  // namespace gemmconv
