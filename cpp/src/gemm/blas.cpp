// The only calls of BLAS. Its prototypes stand here, not in some cblas.h, since the vendors' headers differ while the
// C interface does not; symbols may carry a prefix or suffix (scipy-openblas32 has scipy_cblas_sgemm). 32-bit integers.
#include "blas.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "../kernels/kernels.hpp"

#if defined(GEMMCONV_HAVE_BLAS)

#if !defined(GEMMCONV_BLAS_PREFIX)
#define GEMMCONV_BLAS_PREFIX
#endif
#if !defined(GEMMCONV_BLAS_SUFFIX)
#define GEMMCONV_BLAS_SUFFIX
#endif
#if !defined(GEMMCONV_BLAS_NAME)
#define GEMMCONV_BLAS_NAME "CBLAS"
#endif
#define GEMMCONV_PASTE(prefix, name, suffix) prefix##name##suffix
#define GEMMCONV_EXPAND(prefix, name, suffix) GEMMCONV_PASTE(prefix, name, suffix)
#define GEMMCONV_BLAS(name) GEMMCONV_EXPAND(GEMMCONV_BLAS_PREFIX, name, GEMMCONV_BLAS_SUFFIX)

extern "C" {
void GEMMCONV_BLAS(cblas_sgemm)(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                                const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);
void GEMMCONV_BLAS(cblas_dgemm)(int order, int transpose_a, int transpose_b, int m, int n, int k, double alpha,
                                const double *a, int lda, const double *b, int ldb, double beta, double *c, int ldc);
#if defined(GEMMCONV_BLAS_KIND_OPENBLAS)
const char *GEMMCONV_BLAS(openblas_get_config)(void);
int GEMMCONV_BLAS(openblas_get_num_threads)(void);
const char *GEMMCONV_BLAS(openblas_get_corename)(void);
#elif defined(GEMMCONV_BLAS_KIND_MKL)
int MKL_Get_Max_Threads(void);
#endif
}

namespace gemmconv {
namespace {

constexpr int row_major = 101, plain = 111, transposed = 112;  // CblasRowMajor, CblasNoTrans, CblasTrans

// A rows x columns view as BLAS takes it: row major, perhaps of the transposed matrix.
struct BlasOperand {
  int transpose;
  int64_t leading;
};

template <class T>
bool as_operand(const View<T> &view, int64_t rows, int64_t columns, BlasOperand &operand) {
  // A stride is of no account along a side of one element.
  if ((view.col == 1 || columns == 1) && (view.row >= columns || rows == 1)) {
    operand = {plain, rows == 1 ? columns : view.row};
  } else if ((view.row == 1 || rows == 1) && (view.col >= rows || columns == 1)) {
    operand = {transposed, columns == 1 ? rows : view.col};
  } else {
    return false;
  }
  return operand.leading <= INT32_MAX;
}

void call(int ta, int tb, int m, int n, int k, const float *a, int lda, const float *b, int ldb, float beta, float *c,
          int ldc) {
  GEMMCONV_BLAS(cblas_sgemm)(row_major, ta, tb, m, n, k, 1.0f, a, lda, b, ldb, beta, c, ldc);
}

void call(int ta, int tb, int m, int n, int k, const double *a, int lda, const double *b, int ldb, double beta,
          double *c, int ldc) {
  GEMMCONV_BLAS(cblas_dgemm)(row_major, ta, tb, m, n, k, 1.0, a, lda, b, ldb, beta, c, ldc);
}

}  // namespace

template <class T>
bool blas_gemm(int64_t m, int64_t n, int64_t k, View<T> a, View<T> b, T *c, int64_t ldc, bool accumulate) {
  BlasOperand left, right;
  if (k <= 0 || std::max({m, n, k, ldc}) > INT32_MAX || !as_operand(a, m, k, left) || !as_operand(b, k, n, right)) {
    return false;
  }
  call(left.transpose, right.transpose, static_cast<int>(m), static_cast<int>(n), static_cast<int>(k), a.data,
       static_cast<int>(left.leading), b.data, static_cast<int>(right.leading), accumulate ? T(1) : T(0), c,
       static_cast<int>(std::max(ldc, n)));
  return true;
}

const char *blas_name() {
#if defined(GEMMCONV_BLAS_KIND_OPENBLAS)
  return GEMMCONV_BLAS(openblas_get_config)();
#else
  return GEMMCONV_BLAS_NAME;
#endif
}

int blas_threads() {
#if defined(GEMMCONV_BLAS_KIND_OPENBLAS)
  return GEMMCONV_BLAS(openblas_get_num_threads)();
#elif defined(GEMMCONV_BLAS_KIND_MKL)
  return MKL_Get_Max_Threads();
#else
  return 1;
#endif
}

bool blas_keeps_up() {
#if defined(GEMMCONV_BLAS_KIND_OPENBLAS)
  if (std::strcmp(kernels().name, "avx512") != 0) return true;
  const char *core = GEMMCONV_BLAS(openblas_get_corename)();
  for (const char *wide : {"SkylakeX", "Cooperlake", "SapphireRapids"}) {
    if (std::strcmp(core, wide) == 0) return true;
  }
  return false;
#else
  return true;
#endif
}

}  // namespace gemmconv

#else

namespace gemmconv {

template <class T>
bool blas_gemm(int64_t, int64_t, int64_t, View<T>, View<T>, T *, int64_t, bool) {
  return false;
}
const char *blas_name() { return nullptr; }
int blas_threads() { return 0; }
bool blas_keeps_up() { return false; }

}  // namespace gemmconv

#endif

namespace gemmconv {

template bool blas_gemm<float>(int64_t, int64_t, int64_t, View<float>, View<float>, float *, int64_t, bool);
template bool blas_gemm<double>(int64_t, int64_t, int64_t, View<double>, View<double>, double *, int64_t, bool);

}  // namespace gemmconv
