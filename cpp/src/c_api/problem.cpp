// The C interface to the description of a convolution: the structs gemmconv_problem and gemmconv_settings.
#include "boundary.hpp"

using namespace gemmconv;

extern "C" {

void gemmconv_problem_init(gemmconv_problem *problem) {
  if (!problem) return;
  *problem = gemmconv_problem{};
  problem->struct_size = sizeof(gemmconv_problem);
  problem->rank = 2;
  problem->batch = problem->in_channels = problem->out_channels = problem->groups = 1;
  for (int i = 0; i < 3; ++i) problem->kernel[i] = problem->stride[i] = problem->dilation[i] = 1;
}

void gemmconv_settings_init(gemmconv_settings *settings) {
  if (!settings) return;
  *settings = gemmconv_settings{};
  settings->struct_size = sizeof(gemmconv_settings);
  settings->workspace_limit = size_t(64) << 20;
}

int gemmconv_problem_set_shapes(gemmconv_problem *problem, const int64_t *x_shape, int32_t x_ndim,
                                const int64_t *w_shape, int32_t w_ndim) {
  return update(problem, [&](gemmconv_problem &full) { set_shapes(full, x_shape, x_ndim, w_shape, w_ndim); });
}

int gemmconv_problem_set_padding(gemmconv_problem *problem, int32_t padding_word) {
  return update(problem, [&](gemmconv_problem &full) {
    require(full.rank >= 1 && full.rank <= 3, "there are ", full.rank, " spatial axes; 1, 2 or 3 are supported");
    set_padding(full, padding_word);
  });
}

int gemmconv_problem_set_transposed(gemmconv_problem *problem, const int64_t *x_shape, int32_t x_ndim,
                                    const int64_t *w_shape, int32_t w_ndim, int32_t padding_word,
                                    const int64_t *output_padding, const int64_t *output_shape) {
  return update(problem, [&](gemmconv_problem &full) {
    set_transposed(full, x_shape, x_ndim, w_shape, w_ndim, padding_word, output_padding, output_shape);
  });
}

int gemmconv_problem_resolve(gemmconv_problem *problem) {
  return update(problem, [](gemmconv_problem &full) { resolve(full); });
}

}  // extern "C"
