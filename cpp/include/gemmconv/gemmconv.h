/* gemmconv: convolution lowered to GEMM. The C interface, which is also the ABI.
 *
 * Structs carry their own size (`struct_size`, filled by the *_init functions), so that a program built against an
 * older header keeps working. Every function returns a status or cannot fail; none throws, prints or aborts.
 * After a status other than GEMMCONV_OK, gemmconv_last_error() holds a sentence about what was wrong. */
#ifndef GEMMCONV_GEMMCONV_H
#define GEMMCONV_GEMMCONV_H

#include <stddef.h>
#include <stdint.h>

#define GEMMCONV_VERSION_MAJOR 0
#define GEMMCONV_VERSION_MINOR 1
#define GEMMCONV_VERSION_PATCH 0

#if defined(_WIN32)
#if defined(GEMMCONV_BUILDING)
#define GEMMCONV_API __declspec(dllexport)
#else
#define GEMMCONV_API __declspec(dllimport)
#endif
#else
#define GEMMCONV_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* gemmconv_status */
enum { GEMMCONV_OK, GEMMCONV_INVALID_ARGUMENT, GEMMCONV_UNSUPPORTED, GEMMCONV_OUT_OF_MEMORY, GEMMCONV_INTERNAL };
/* pass */
enum { GEMMCONV_FORWARD, GEMMCONV_BACKWARD_INPUT, GEMMCONV_BACKWARD_WEIGHT };
/* dtype, layout, math */
enum { GEMMCONV_FLOAT32, GEMMCONV_FLOAT64 };
enum { GEMMCONV_NCHW, GEMMCONV_NHWC };
enum { GEMMCONV_MATH_FAST, GEMMCONV_MATH_STRICT };
/* padding words */
enum { GEMMCONV_VALID, GEMMCONV_SAME, GEMMCONV_SAME_LOWER, GEMMCONV_FULL };
/* activation */
enum {
  GEMMCONV_IDENTITY,
  GEMMCONV_RELU,
  GEMMCONV_LEAKY_RELU,
  GEMMCONV_SIGMOID,
  GEMMCONV_TANH,
  GEMMCONV_SOFTPLUS,
  GEMMCONV_GELU
};

/* ---- Convolution -------------------------------------------------------------------------------------------- */

/* A convolution from x (batch, in_channels, input...) and w (out_channels, in_channels/groups, kernel...) to
 * y (batch, out_channels, output...). The first `rank` entries of the arrays count. All three passes are described
 * by the sizes of the forward one. */
typedef struct gemmconv_problem {
  size_t struct_size;
  int32_t pass, dtype, layout, rank, flip; /* flip: 1 turns the kernel by 180 degrees (mathematical convolution) */
  int64_t batch, in_channels, out_channels, groups;
  int64_t input[3], kernel[3], stride[3], dilation[3], padding_low[3], padding_high[3];
  int32_t activation; /* applied with the bias by the last write of forward and backward_input */
  int64_t output[3];  /* 0: follows from the rest. Smaller: only the first outputs exist (transposed convolutions
                          with output padding need this) */
} gemmconv_problem;

#define GEMMCONV_MAX_THREADS 1024

typedef struct gemmconv_settings {
  size_t struct_size;
  const char *strategy; /* "auto", "measure", a strategy, or one variant: "implicit/bands"; NULL is "auto" */
  int32_t threads, math, deterministic; /* threads: at most GEMMCONV_MAX_THREADS, 0 for the process's default */
  size_t workspace_limit;               /* bytes of scratch memory that one call may use */
} gemmconv_settings;

typedef struct gemmconv_plan gemmconv_plan;
typedef struct gemmconv_packed gemmconv_packed;

/* forward, float32, NCHW, rank 2, batch, channels, groups, kernel, strides and dilations 1, no padding, input 0 */
GEMMCONV_API void gemmconv_problem_init(gemmconv_problem *);
GEMMCONV_API void gemmconv_settings_init(gemmconv_settings *);

/* Fills rank, batch, channels, input and kernel from whole shapes, in the problem's layout and groups, checking that
 * they fit each other. */
GEMMCONV_API int gemmconv_problem_set_shapes(gemmconv_problem *, const int64_t *x_shape, int32_t x_ndim,
                                             const int64_t *w_shape, int32_t w_ndim);
/* Fills both paddings from a padding word (after the shapes, strides and dilations). */
GEMMCONV_API int gemmconv_problem_set_padding(gemmconv_problem *, int32_t padding_word);
/* Makes the problem a transposed convolution: a backward_input whose `dy` is `x_shape` and whose `w_shape` is
 * (C, K/groups, kernel...). Groups, layout, strides, dilations must be set before; paddings too unless
 * `padding_word` (-1: none) or `output_shape` (spatial sizes, or NULL) gives them. `output_padding`: rank entries or NULL. */
GEMMCONV_API int gemmconv_problem_set_transposed(gemmconv_problem *, const int64_t *x_shape, int32_t x_ndim,
                                                 const int64_t *w_shape, int32_t w_ndim, int32_t padding_word,
                                                 const int64_t *output_padding, const int64_t *output_shape);
/* Checks everything and fills `output`. */
GEMMCONV_API int gemmconv_problem_resolve(gemmconv_problem *);

GEMMCONV_API int gemmconv_plan_create(const gemmconv_problem *, const gemmconv_settings * /* NULL: defaults */,
                                      gemmconv_plan **);
/* first, second: forward x, w; backward_input dy, w; backward_weight dy, x. bias NULL or one value per channel of the
 * output (forward and backward_input). workspace NULL: the library's own. `out` must not overlap the inputs. */
GEMMCONV_API int gemmconv_plan_run(const gemmconv_plan *, const void *first, const void *second, const void *bias,
                                   void *out, void *workspace);
GEMMCONV_API void gemmconv_plan_destroy(gemmconv_plan *);

GEMMCONV_API size_t gemmconv_plan_workspace_bytes(const gemmconv_plan *);
/* rank + 2 entries, in the problem's layout (backward_weight: the shape of w); the rest is 1 */
GEMMCONV_API void gemmconv_plan_output_shape(const gemmconv_plan *, int64_t shape[5]);
GEMMCONV_API const char *gemmconv_plan_strategy(const gemmconv_plan *);
GEMMCONV_API const char *gemmconv_plan_variant(const gemmconv_plan *); /* the algorithm within the strategy */
/* 2 N K P Q, padded taps included */
GEMMCONV_API double gemmconv_plan_flops(const gemmconv_plan *);
/* |error| <= bound * (|x| conv |w|), probabilistic */
GEMMCONV_API double gemmconv_plan_error_bound(const gemmconv_plan *);
/* The choice as text: one line for each variant of each strategy. Writes at most `capacity` bytes with the final 0 and returns the bytes needed. */
GEMMCONV_API size_t gemmconv_plan_explain(const gemmconv_plan *, char *text, size_t capacity);

/* Weights laid out once for this plan (forward and backward_input). */
GEMMCONV_API int gemmconv_plan_pack(const gemmconv_plan *, const void *w, gemmconv_packed **);
GEMMCONV_API int gemmconv_plan_run_packed(const gemmconv_plan *, const void *first, const gemmconv_packed *,
                                          const void *bias, void *out, void *workspace);
GEMMCONV_API void gemmconv_packed_destroy(gemmconv_packed *);

/* db[k] = sum of dy over batch and pixels. Uses the problem's dtype, layout, batch, out_channels and output. */
GEMMCONV_API int gemmconv_bias_gradient(const gemmconv_problem *, const gemmconv_settings *, const void *dy, void *db);

/* The table of strategies: names in order, NULL past the end. */
GEMMCONV_API const char *gemmconv_strategy_name(int32_t index);
/* The variants of the strategy at that place in the table, in the order of trial; NULL past the end. */
GEMMCONV_API const char *gemmconv_variant_name(int32_t strategy, int32_t index);

/* ---- Patches (NCHW): the problem's batch, in_channels, input, kernel, stride, dilation, padding count ---------- */

/* cols: (batch, in_channels * kernel area, output pixels) */
GEMMCONV_API int gemmconv_im2col(const gemmconv_problem *, const gemmconv_settings *, const void *x, void *cols);
/* its adjoint: overlaps add */
GEMMCONV_API int gemmconv_col2im(const gemmconv_problem *, const gemmconv_settings *, const void *cols, void *x);

/* ---- Pooling -------------------------------------------------------------------------------------------------- */

typedef struct gemmconv_pool {
  size_t struct_size;
  int32_t dtype, layout, rank, ceil_mode, count_include_pad;
  int64_t batch, channels;
  int64_t input[3], kernel[3], stride[3], dilation[3], padding_low[3], padding_high[3];
  int64_t output[3]; /* filled by gemmconv_pool_resolve */
  double divisor;    /* average: 0 means the window's own count */
  double p;          /* Lp */
} gemmconv_pool;

GEMMCONV_API void gemmconv_pool_init(gemmconv_pool *); /* float32, NCHW, rank 2, sizes 1, count_include_pad 1, p 2 */
/* Fills rank, batch, channels and input from a whole shape, in the pool's layout. */
GEMMCONV_API int gemmconv_pool_set_shape(gemmconv_pool *, const int64_t *x_shape, int32_t x_ndim);
GEMMCONV_API int gemmconv_pool_set_padding(gemmconv_pool *, int32_t padding_word);
GEMMCONV_API int gemmconv_pool_resolve(gemmconv_pool *); /* checks everything and fills `output` */

/* indices: NULL or int64, flat positions in the spatial plane of one channel, -1 for a window wholly in padding */
GEMMCONV_API int gemmconv_max_pool(const gemmconv_pool *, const gemmconv_settings *, const void *x, void *y,
                                   int64_t *indices);
/* dx = sum of dy at its index: needs batch, channels, input and output only. An index outside [-1, plane) is an error. */
GEMMCONV_API int gemmconv_max_pool_backward(const gemmconv_pool *, const gemmconv_settings *, const void *dy,
                                            const int64_t *indices, void *dx);
/* x = y at its index, the last one in C order where two share it; and its gradient dy = dx at the index. */
GEMMCONV_API int gemmconv_max_unpool(const gemmconv_pool *, const gemmconv_settings *, const void *y,
                                     const int64_t *indices, void *x);
GEMMCONV_API int gemmconv_max_unpool_backward(const gemmconv_pool *, const gemmconv_settings *, const void *dx,
                                              const int64_t *indices, void *dy);
GEMMCONV_API int gemmconv_avg_pool(const gemmconv_pool *, const gemmconv_settings *, const void *x, void *y);
GEMMCONV_API int gemmconv_avg_pool_backward(const gemmconv_pool *, const gemmconv_settings *, const void *dy, void *dx);
GEMMCONV_API int gemmconv_lp_pool(const gemmconv_pool *, const gemmconv_settings *, const void *x, void *y);
GEMMCONV_API int gemmconv_lp_pool_backward(const gemmconv_pool *, const gemmconv_settings *, const void *dy,
                                           const void *x, const void *y, void *dx);
/* Adaptive windows [floor(i*in/out), ceil((i+1)*in/out)): batch, channels, input and output (the wanted one) count. */
GEMMCONV_API int gemmconv_adaptive_avg_pool(const gemmconv_pool *, const gemmconv_settings *, const void *x, void *y);
GEMMCONV_API int gemmconv_adaptive_avg_pool_backward(const gemmconv_pool *, const gemmconv_settings *, const void *dy,
                                                     void *dx);
GEMMCONV_API int gemmconv_adaptive_max_pool(const gemmconv_pool *, const gemmconv_settings *, const void *x, void *y,
                                            int64_t *indices);

/* ---- Activations ---------------------------------------------------------------------------------------------- */

GEMMCONV_API int gemmconv_activate(int32_t activation, int32_t dtype, const gemmconv_settings *, int64_t count,
                                   const void *z, void *a);
/* dz = da * sigma'(z) */
GEMMCONV_API int gemmconv_activate_backward(int32_t activation, int32_t dtype, const gemmconv_settings *, int64_t count,
                                            const void *da, const void *z, void *dz);

/* ---- Facts ---------------------------------------------------------------------------------------------------- */

GEMMCONV_API const char *gemmconv_last_error(void); /* this thread's */
GEMMCONV_API const char *gemmconv_version(void);
/* version, compiler, instruction sets, BLAS, threads: a JSON object */
GEMMCONV_API const char *gemmconv_config_json(void);
/* what threads = 0 means now */
GEMMCONV_API int32_t gemmconv_default_threads(void);
/* NULL, or a sentence about an environment variable (GEMMCONV_NUM_THREADS, GEMMCONV_ISA) whose value was not understood. */
GEMMCONV_API const char *gemmconv_startup_error(void);
/* Runs `steps` rounds of fused multiply-adds in the registers of the instruction set in use, on the calling thread, and gives
   the number of operations that were: over its time, what a core can do at most. 0 for an unknown dtype. */
GEMMCONV_API int64_t gemmconv_multiply_add(int32_t dtype, int64_t steps);
/* Plans held by the cache now, and scratch memory kept for reuse now; both are bounded. */
GEMMCONV_API size_t gemmconv_cached_plans(void);
GEMMCONV_API size_t gemmconv_retained_workspace_bytes(void);
/* drops kept plans, measured choices and scratch memory */
GEMMCONV_API void gemmconv_clear_caches(void);

#ifdef __cplusplus
}
#endif
#endif
