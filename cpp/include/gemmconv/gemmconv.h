/* gemmconv: convolution lowered to GEMM. The C interface, which is also the ABI.
 *
 * Structs. Each carries its own size in bytes (`struct_size`, filled by its *_init function), so that a program built
 *   against an older header keeps working. New members are added at the end. Change members only after *_init.
 * Statuses. A function that returns `int` returns a gemmconv_status, and every such function may return
 *   GEMMCONV_INVALID_ARGUMENT  a pointer is NULL that must not be, or a number or a size is out of range;
 *   GEMMCONV_OUT_OF_MEMORY     scratch memory could not be allocated;
 *   GEMMCONV_INTERNAL          a defect of the library.
 *   The few that return another status say so. After a status other than GEMMCONV_OK, gemmconv_last_error() is a
 *   sentence about what was wrong, and outputs may have been written in part. No function throws, prints or aborts.
 * Arrays. `void` pointers to arrays are to float or double, as `dtype` says, contiguous in C order in the shape and
 *   layout named, and aligned as their element type. Sizes, strides and paddings are counted in elements, memory in
 *   bytes. An array of an empty batch may be NULL. An output must not overlap an input.
 * Threads. Any function may be called from several threads at once, with the same plan too; a struct or an array must
 *   not be changed while another call uses it. */
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

/* gemmconv_status: GEMMCONV_UNSUPPORTED says that the strategy asked for cannot do this problem. */
enum { GEMMCONV_OK, GEMMCONV_INVALID_ARGUMENT, GEMMCONV_UNSUPPORTED, GEMMCONV_OUT_OF_MEMORY, GEMMCONV_INTERNAL };
/* pass: y from x and w; dx, the gradient with respect to x; dw, the gradient with respect to w */
enum { GEMMCONV_FORWARD, GEMMCONV_BACKWARD_INPUT, GEMMCONV_BACKWARD_WEIGHT };
/* dtype: the element type of every array of a call */
enum { GEMMCONV_FLOAT32, GEMMCONV_FLOAT64 };
/* layout of x, y and their gradients: (N, C, spatial...) or (N, spatial..., C); w is always (K, C/groups, kernel...) */
enum { GEMMCONV_NCHW, GEMMCONV_NHWC };
/* math: FAST allows every strategy; STRICT only those whose error is bounded for each output by itself */
enum { GEMMCONV_MATH_FAST, GEMMCONV_MATH_STRICT };
/* padding_word: no padding; output = ceil(input / stride), with an odd cell at the high end, or at the low end; every
 * overlap of kernel and input */
enum { GEMMCONV_VALID, GEMMCONV_SAME, GEMMCONV_SAME_LOWER, GEMMCONV_FULL };
/* activation: LEAKY_RELU has the slope 0.01 below zero, GELU is the exact z Phi(z) */
enum {
  GEMMCONV_IDENTITY,
  GEMMCONV_RELU,
  GEMMCONV_LEAKY_RELU,
  GEMMCONV_SIGMOID,
  GEMMCONV_TANH,
  GEMMCONV_SOFTPLUS,
  GEMMCONV_GELU
};

/* ---- Convolution: its description --------------------------------------------------------------------------- */

/* A convolution from x (batch, in_channels, input...) and w (out_channels, in_channels/groups, kernel...) to
 * y (batch, out_channels, output...). All three passes are described by the sizes of the forward one. The first `rank`
 * entries of the members below that are arrays are used, one for each spatial axis in the order of the shape. */
typedef struct gemmconv_problem {
  size_t struct_size;                      /* bytes; set by gemmconv_problem_init */
  int32_t pass, dtype, layout, rank, flip; /* rank: 1 to 3. flip: 1 rotates the kernel by 180 degrees (mathematical
                                               convolution), 0 does not (cross-correlation) */
  int64_t batch, in_channels, out_channels, groups;
  int64_t input[3], kernel[3], stride[3], dilation[3], padding_low[3], padding_high[3];
  int32_t activation; /* applied after the bias by the last write of forward and backward_input */
  int64_t output[3];  /* 0: follows from the rest. Smaller: only the first outputs exist (transposed convolutions
                         with output padding need this) */
} gemmconv_problem;

/* The largest number of threads that settings may ask for. */
#define GEMMCONV_MAX_THREADS 1024

/* How a call computes. Functions other than gemmconv_plan_create use `threads` alone. */
typedef struct gemmconv_settings {
  size_t struct_size;     /* bytes; set by gemmconv_settings_init */
  const char *strategy;   /* "auto", "measure", a strategy, or one variant: "implicit/bands"; NULL is "auto" */
  int32_t threads;        /* at most GEMMCONV_MAX_THREADS; 0 for the process's default */
  int32_t math;           /* GEMMCONV_MATH_FAST or GEMMCONV_MATH_STRICT */
  int32_t deterministic;  /* 1: bits do not depend on the number of threads, nor an image's on its batch */
  size_t workspace_limit; /* bytes of scratch memory that one call may use */
} gemmconv_settings;

/* A problem with the strategy and variant chosen for it, and what was computed once for it. Immutable. */
typedef struct gemmconv_plan gemmconv_plan;
/* Weights in the order in memory that one plan reads them in. Immutable. */
typedef struct gemmconv_packed gemmconv_packed;

/* Sets *problem to: forward, float32, NCHW, rank 2; batch, channels, groups, kernel, strides and dilations 1; no flip,
 * padding or activation; input 0. Does nothing if problem is NULL. */
GEMMCONV_API void gemmconv_problem_init(gemmconv_problem *problem);
/* Sets *settings to: strategy "auto", the default number of threads, fast math, not deterministic, a limit of 64 MiB.
 * Does nothing if settings is NULL. */
GEMMCONV_API void gemmconv_settings_init(gemmconv_settings *settings);

/* Fills rank, batch, channels, input and kernel of *problem, whose layout and groups are set, and lets output follow.
 * x_shape, w_shape: whole shapes of x_ndim and w_ndim entries (3 to 5, equal), x's in the problem's layout.
 * GEMMCONV_INVALID_ARGUMENT where they do not fit each other. */
GEMMCONV_API int gemmconv_problem_set_shapes(gemmconv_problem *problem, const int64_t *x_shape, int32_t x_ndim,
                                             const int64_t *w_shape, int32_t w_ndim);
/* Fills padding_low and padding_high of *problem, whose shapes, strides and dilations are set.
 * padding_word: GEMMCONV_VALID to GEMMCONV_FULL. */
GEMMCONV_API int gemmconv_problem_set_padding(gemmconv_problem *problem, int32_t padding_word);
/* Makes *problem a transposed convolution: the pass backward_input, whose dy is the tensor given and whose dx is the
 * answer. Layout, groups, strides and dilations must be set before; paddings too, unless padding_word or output_shape
 * gives them.
 * x_shape: whole shape of the tensor given, x_ndim entries (3 to 5), in the problem's layout.
 * w_shape: (C, K/groups, kernel...), with C the channels of the tensor given and K of the answer; w_ndim entries.
 * padding_word: GEMMCONV_VALID to GEMMCONV_FULL, or -1 for none.
 * output_padding: rank cells to add at the high end of the answer, or NULL for 0.
 * output_shape: rank spatial sizes of the answer, or NULL; padding must then be 0.
 * GEMMCONV_INVALID_ARGUMENT where these do not fit each other. */
GEMMCONV_API int gemmconv_problem_set_transposed(gemmconv_problem *problem, const int64_t *x_shape, int32_t x_ndim,
                                                 const int64_t *w_shape, int32_t w_ndim, int32_t padding_word,
                                                 const int64_t *output_padding, const int64_t *output_shape);
/* Checks the sizes of *problem and fills `output` where it is 0.
 * GEMMCONV_INVALID_ARGUMENT where a size is out of range or an output would be smaller than 1. */
GEMMCONV_API int gemmconv_problem_resolve(gemmconv_problem *problem);

/* ---- Convolution: plans ------------------------------------------------------------------------------------- */

/* Chooses a strategy and a variant for `problem` and prepares them. *plan is the new plan, to be given to
 * gemmconv_plan_destroy, or NULL on failure. settings: NULL for the defaults. Neither struct is used afterwards.
 * GEMMCONV_UNSUPPORTED where the strategy asked for by name cannot do the problem; the message says why. */
GEMMCONV_API int gemmconv_plan_create(const gemmconv_problem *problem, const gemmconv_settings *settings,
                                      gemmconv_plan **plan);
/* Runs the plan.
 * first, second: forward x, w; backward_input dy, w; backward_weight dy, x.
 * bias: NULL, or one value for each channel of the output (forward and backward_input).
 * out: y, dx or dw, of gemmconv_plan_output_shape; overwritten.
 * workspace: NULL for the library's own, or gemmconv_plan_workspace_bytes bytes aligned to 64 bytes, which no other
 *   call uses at the same time. */
GEMMCONV_API int gemmconv_plan_run(const gemmconv_plan *plan, const void *first, const void *second, const void *bias,
                                   void *out, void *workspace);
/* Frees the plan; NULL is allowed. Weights that it packed are freed by gemmconv_packed_destroy. */
GEMMCONV_API void gemmconv_plan_destroy(gemmconv_plan *plan);

/* Bytes of scratch memory that a run needs, with packed weights or without; 0 if plan is NULL. */
GEMMCONV_API size_t gemmconv_plan_workspace_bytes(const gemmconv_plan *plan);
/* Fills `shape` with the shape of `out`: rank + 2 entries in the problem's layout (backward_weight: the shape of w),
 * then 1. Does nothing if a pointer is NULL. */
GEMMCONV_API void gemmconv_plan_output_shape(const gemmconv_plan *plan, int64_t shape[5]);
/* Name of the strategy, as in gemmconv_strategy_name; NULL if plan is NULL. The text is never freed. */
GEMMCONV_API const char *gemmconv_plan_strategy(const gemmconv_plan *plan);
/* Name of the variant, the algorithm within the strategy; NULL if plan is NULL. The text is never freed. */
GEMMCONV_API const char *gemmconv_plan_variant(const gemmconv_plan *plan);
/* Multiplications and additions of one run, 2 N K P Q with P output pixels and Q = channels per group x kernel cells;
 * products with padded cells are counted. */
GEMMCONV_API double gemmconv_plan_flops(const gemmconv_plan *plan);
/* |error| <= bound * (|x| conv |w|), probabilistic; docs/accuracy.md derives it. */
GEMMCONV_API double gemmconv_plan_error_bound(const gemmconv_plan *plan);
/* The choice as text: one line for each variant of each strategy, chosen, refused and why, or slower by which factor.
 * Writes at most `capacity` bytes to `text` (NULL: none), the final 0 included.
 * Returns the bytes that the whole text needs, the final 0 included; 0 on failure. */
GEMMCONV_API size_t gemmconv_plan_explain(const gemmconv_plan *plan, char *text, size_t capacity);

/* Packs the weights once for many runs of this plan (forward and backward_input).
 * w: as in gemmconv_plan_run; later changes to it do not show.
 * *packed: the new packed weights, to be given to gemmconv_packed_destroy, or NULL on failure. */
GEMMCONV_API int gemmconv_plan_pack(const gemmconv_plan *plan, const void *w, gemmconv_packed **packed);
/* gemmconv_plan_run with packed weights for `second`. GEMMCONV_INVALID_ARGUMENT where another plan
 * packed them. */
GEMMCONV_API int gemmconv_plan_run_packed(const gemmconv_plan *plan, const void *first, const gemmconv_packed *packed,
                                          const void *bias, void *out, void *workspace);
/* Frees packed weights; NULL is allowed. */
GEMMCONV_API void gemmconv_packed_destroy(gemmconv_packed *packed);

/* The table of strategies: the name at `index`, from 0 in the order of the table; NULL past the end. */
GEMMCONV_API const char *gemmconv_strategy_name(int32_t index);
/* The variants of the strategy at place `strategy` of that table: the name at `index`, from 0 in the order of the table;
 * NULL past the end. */
GEMMCONV_API const char *gemmconv_variant_name(int32_t strategy, int32_t index);

/* ---- Bias gradient and patches ------------------------------------------------------------------------------ */

/* db[k] = sum of dy over batch and output pixels. Of the problem, dtype, layout, batch, out_channels and output are
 * used.
 * settings: NULL for the defaults.
 * dy: (batch, out_channels, output...), in the problem's layout.
 * db: out_channels values, overwritten; must not be NULL, whatever the batch. */
GEMMCONV_API int gemmconv_bias_gradient(const gemmconv_problem *problem, const gemmconv_settings *settings,
                                        const void *dy, void *db);

/* Patches. Of the problem, which must be NCHW with 1 group, dtype, batch, in_channels, input, kernel, stride, dilation,
 * padding and flip are used. settings: NULL for the defaults.
 * im2col: x (batch, in_channels, input...) to cols (batch, in_channels * kernel cells, output pixels), overwritten;
 *   padded cells are 0.
 * col2im: its adjoint, from cols to x, overwritten: each cell of x is the sum of its copies in cols. */
GEMMCONV_API int gemmconv_im2col(const gemmconv_problem *problem, const gemmconv_settings *settings, const void *x,
                                 void *cols);
GEMMCONV_API int gemmconv_col2im(const gemmconv_problem *problem, const gemmconv_settings *settings, const void *cols,
                                 void *x);

/* ---- Pooling ------------------------------------------------------------------------------------------------ */

/* A pooling from x (batch, channels, input...) to y (batch, channels, output...), both in `layout`. Of the arrays, the
 * first `rank` entries are used, one for each spatial axis in the order of the shape. */
typedef struct gemmconv_pool {
  size_t struct_size;          /* bytes; set by gemmconv_pool_init */
  int32_t dtype, layout, rank; /* rank: 1 to 3 */
  int32_t ceil_mode;           /* 1: the output's size is rounded up, unless the last window would start in the
                                         high padding */
  int32_t count_include_pad;   /* average: 1 counts padded cells in a window's size */
  int64_t batch, channels;
  int64_t input[3], kernel[3], stride[3], dilation[3], padding_low[3], padding_high[3];
  int64_t output[3]; /* filled by gemmconv_pool_resolve; read by backward, unpooling and adaptive functions */
  double divisor;    /* average: 0 means the number of cells of each window */
  double p;          /* Lp: the exponent, finite and above 0 */
} gemmconv_pool;

/* Sets *pool to: float32, NCHW, rank 2, batch, channels, kernel, strides and dilations 1, count_include_pad 1, p 2, the
 * rest 0. Does nothing if pool is NULL. */
GEMMCONV_API void gemmconv_pool_init(gemmconv_pool *pool);
/* Fills rank, batch, channels and input of *pool, whose layout is set.
 * x_shape: the whole shape of x, x_ndim entries (3 to 5), in that layout. */
GEMMCONV_API int gemmconv_pool_set_shape(gemmconv_pool *pool, const int64_t *x_shape, int32_t x_ndim);
/* Fills padding_low and padding_high of *pool, whose input, kernel, strides and dilations are set.
 * padding_word: GEMMCONV_VALID to GEMMCONV_FULL. */
GEMMCONV_API int gemmconv_pool_set_padding(gemmconv_pool *pool, int32_t padding_word);
/* Checks the sizes of *pool and fills `output`.
 * GEMMCONV_INVALID_ARGUMENT where a size is out of range or an output would be smaller than 1. */
GEMMCONV_API int gemmconv_pool_resolve(gemmconv_pool *pool);

/* The functions on arrays take
 *   pool: the sizes. Max, average and Lp pooling and the gradients of average and Lp find the output's size from the
 *     others. max_pool_backward, max_unpool, its gradient and adaptive pooling use only batch, channels, input and
 *     output, beside dtype, layout and rank.
 *   settings: NULL for the defaults.
 *   x, dx: (batch, channels, input...). y, dy: (batch, channels, output...). What is not const is overwritten.
 *   indices: of the shape of y, each the flat position of a cell in the spatial plane of one channel of x, in C order;
 *     -1 for a window wholly in padding. GEMMCONV_INVALID_ARGUMENT where one that is read is outside [-1, plane). */

/* y = the largest cell of each window, NaN above all, -infinity where all is padding; indices = its position, the first
 * in C order among equals, or NULL where not wanted. */
GEMMCONV_API int gemmconv_max_pool(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *x, void *y,
                                   int64_t *indices);
/* dx = at each cell the sum of dy whose index it is. */
GEMMCONV_API int gemmconv_max_pool_backward(const gemmconv_pool *pool, const gemmconv_settings *settings,
                                            const void *dy, const int64_t *indices, void *dx);
/* x = y at its index, the last one in C order where two share it; 0 elsewhere. */
GEMMCONV_API int gemmconv_max_unpool(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *y,
                                     const int64_t *indices, void *x);
/* The gradient of max_unpool with respect to y: dy = dx at the index. */
GEMMCONV_API int gemmconv_max_unpool_backward(const gemmconv_pool *pool, const gemmconv_settings *settings,
                                              const void *dx, const int64_t *indices, void *dy);
/* y = sum of each window / divisor, or / the number of its cells: of those inside the padded input, or with
 * count_include_pad 0 of those inside the input. */
GEMMCONV_API int gemmconv_avg_pool(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *x,
                                   void *y);
/* dx = the gradient of avg_pool with respect to x. */
GEMMCONV_API int gemmconv_avg_pool_backward(const gemmconv_pool *pool, const gemmconv_settings *settings,
                                            const void *dy, void *dx);
/* y = (sum of |x|^p over each window)^(1/p). */
GEMMCONV_API int gemmconv_lp_pool(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *x, void *y);
/* dx = the gradient of lp_pool with respect to x, from dy, x and y = lp_pool(x); 0 where x or y is 0. */
GEMMCONV_API int gemmconv_lp_pool_backward(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *dy,
                                           const void *x, const void *y, void *dx);
/* Adaptive windows [floor(i*in/out), ceil((i+1)*in/out)): input and output are both given in the pool. The mean of each
 * window, its gradient, and the largest cell with its index (indices: NULL where not wanted), whose gradient is
 * max_pool_backward. */
GEMMCONV_API int gemmconv_adaptive_avg_pool(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *x,
                                            void *y);
GEMMCONV_API int gemmconv_adaptive_avg_pool_backward(const gemmconv_pool *pool, const gemmconv_settings *settings,
                                                     const void *dy, void *dx);
GEMMCONV_API int gemmconv_adaptive_max_pool(const gemmconv_pool *pool, const gemmconv_settings *settings, const void *x,
                                            void *y, int64_t *indices);

/* ---- Activations -------------------------------------------------------------------------------------------- */

/* a = sigma(z), for `count` elements. activation: GEMMCONV_IDENTITY to GEMMCONV_GELU. dtype: of z and a.
 * settings: NULL for the defaults. */
GEMMCONV_API int gemmconv_activate(int32_t activation, int32_t dtype, const gemmconv_settings *settings, int64_t count,
                                   const void *z, void *a);
/* dz = da * sigma'(z), for `count` elements; 0 where the derivative of relu is 0, whatever da. */
GEMMCONV_API int gemmconv_activate_backward(int32_t activation, int32_t dtype, const gemmconv_settings *settings,
                                            int64_t count, const void *da, const void *z, void *dz);

/* ---- Facts -------------------------------------------------------------------------------------------------- */

/* The message of the calling thread's last call that failed, "" if none did. Valid until the next one that fails. */
GEMMCONV_API const char *gemmconv_last_error(void);
/* The library's version, "major.minor.patch". */
GEMMCONV_API const char *gemmconv_version(void);
/* A JSON object: version, compiler, instruction sets, BLAS, threads, strategies. Valid until this thread's next call of
 * this function. */
GEMMCONV_API const char *gemmconv_config_json(void);
/* The number of threads that settings.threads = 0 means now, for the calling thread. */
GEMMCONV_API int32_t gemmconv_default_threads(void);
/* NULL, or a sentence about an environment variable (GEMMCONV_NUM_THREADS, GEMMCONV_ISA) whose value was not
 * understood. */
GEMMCONV_API const char *gemmconv_startup_error(void);
/* Runs `steps` rounds of fused multiply-adds in the registers of the instruction set in use, on the calling thread, and
 * returns the number of operations that were done: divided by the time that it took, the most that one core can do.
 * Returns 0 for an unknown dtype. */
GEMMCONV_API int64_t gemmconv_multiply_add(int32_t dtype, int64_t steps);
/* The number of plans in the cache now, which is bounded. */
GEMMCONV_API size_t gemmconv_cached_plans(void);
/* Bytes of scratch memory that the library has retained for later calls now; bounded. */
GEMMCONV_API size_t gemmconv_retained_workspace_bytes(void);
/* Drops cached plans, measured choices and retained scratch memory. Plans that a program holds stay valid. */
GEMMCONV_API void gemmconv_clear_caches(void);

#ifdef __cplusplus
}
#endif
#endif
