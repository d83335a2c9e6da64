#include "blocking.hpp"

#include <algorithm>

#include "../../threads.hpp"
#include "../../workspace.hpp"

namespace gemmconv::im2col {
namespace {

// A column block near this size is still in the caches when the product reads it. On a Zen 5 core (1 MiB of L2, 32 MiB of
// L3) rates are flat from 1 to 8 MiB and fall by a tenth when whole layers are lowered at once.
constexpr int64_t wide_columns_bytes = 4 << 20, narrow_columns_bytes = 256 << 10;
// A product with fewer pixels than this gains from having several images in it.
constexpr int64_t few_pixels = 512;
// Below so many operations a group is too little work for a packed product.
constexpr double small_product_flops = 4e6;

size_t gemm_bytes(const Problem &problem, bool blas, int threads, int64_t pixels) {
  const Geometry &g = problem.geometry;
  const GemmEngine engine{blas, threads};
  const int64_t k = g.group_outputs(), q = g.patch_size();
  // The three dimensions change places from pass to pass and layout to layout: (m, n, k) as in im2col.cpp.
  int64_t m = k, n = pixels, depth = q;
  if (problem.pass == Pass::forward && g.layout == Layout::nhwc) m = pixels, n = k;
  if (problem.pass == Pass::backward_weight) n = q, depth = pixels;
  if (problem.pass == Pass::backward_input) m = q, depth = k;
  if (problem.pass == Pass::backward_input && g.layout == Layout::nhwc) m = pixels, n = q;
  return problem.types.operand == DType::float32 ? gemm_workspace_bytes<float>(engine, m, n, depth)
                                                 : gemm_workspace_bytes<double>(engine, m, n, depth);
}

void measure_bytes(const Problem &problem, const Execution &execution, Blocking &blocking) {
  const Geometry &g = problem.geometry;
  const size_t item = problem.item_bytes(), count = static_cast<size_t>(blocking.images * blocking.pixels);
  const bool reordered = g.layout == Layout::nhwc && g.kernel_area() > 1;
  blocking.columns_bytes = blocking.gathered ? rounded(static_cast<size_t>(g.patch_size()) * count * item) : 0;
  blocking.outputs_bytes = blocking.merged ? rounded(static_cast<size_t>(g.group_outputs()) * count * item) : 0;
  blocking.weights_bytes = reordered ? rounded(static_cast<size_t>(g.w_size()) * item) : 0;
  blocking.gemm_bytes =
      blocking.narrow
          ? 0
          : rounded(gemm_bytes(problem, execution.blas, blocking.gemm_threads, static_cast<int64_t>(count)));
}

}  // namespace

Blocking block(const Problem &problem, const Execution &execution) {
  const Geometry &g = problem.geometry;
  const int64_t item = static_cast<int64_t>(problem.item_bytes()), plane = g.output_pixels();
  Blocking blocking{};
  blocking.narrow = g.groups > 1 && 2.0 * static_cast<double>(g.group_outputs()) * static_cast<double>(g.patch_size()) *
                                            static_cast<double>(plane) <
                                        small_product_flops;
  blocking.tasks = blocking.narrow ? execution.threads : 1;
  blocking.gemm_threads = blocking.narrow ? 1 : execution.threads;
  const int64_t wanted_bytes = blocking.narrow ? narrow_columns_bytes : wide_columns_bytes;
  const int64_t wanted = std::max<int64_t>(wanted_bytes / (g.patch_size() * item), 1);  // pixels
  blocking.images = 1;
  const bool may_merge = !blocking.narrow && plane < few_pixels;
  const bool pixel_major = g.layout == Layout::nhwc && !blocking.narrow;  // images lie one behind the other in y
  if (may_merge || pixel_major) blocking.images = std::clamp<int64_t>(wanted / plane, 1, std::max<int64_t>(g.batch, 1));
  blocking.pixels = blocking.images > 1 ? plane : std::min(plane, std::max<int64_t>(wanted, 64));
  // Shrink until everything fits. Threads go first, and only where one alone fits: then neither images nor pixels, which
  // order the additions of the weight gradient, depend on them. What cannot shrink further is reported, and refused above.
  for (;;) {
    blocking.merged = g.layout == Layout::nchw && blocking.images > 1;
    blocking.gathered = blocking.narrow || blocking.merged || !g.pointwise();
    measure_bytes(problem, execution, blocking);
    if (blocking.total_bytes() <= execution.workspace_limit) return blocking;
    Blocking alone = blocking;
    alone.tasks = alone.gemm_threads = 1;
    measure_bytes(problem, execution, alone);
    if (alone.total_bytes() <= execution.workspace_limit) {
      if (blocking.narrow) --blocking.tasks;
      else --blocking.gemm_threads;
    } else if (blocking.images > 1) {
      blocking.images = (blocking.images + 1) / 2;
    } else if (blocking.pixels > 1) {
      blocking.pixels = (blocking.pixels + 1) / 2;
    } else {
      return alone;
    }
  }
}

}  // namespace gemmconv::im2col
