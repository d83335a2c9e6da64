/* Convolves, differentiates and pools with gemmconv through its C interface, does the same with plain loops, and exits
 * with 1 where they differ. `convolve --corrupt` changes one weight between the two, to show that the comparison bites. */
#include <gemmconv/gemmconv.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 2, C = 3, H = 9, W = 8, K = 4, F = 3, STRIDE = 2, PAD = 1 };
enum { P = (H - F + 2 * PAD) / STRIDE + 1, Q = (W - F + 2 * PAD) / STRIDE + 1 };
enum { POOL = 2, POOLED_H = H / POOL, POOLED_W = W / POOL };

static float x[N][C][H][W], w[K][C][F][F], bias[K], dy[N][K][P][Q];

static void require(int status) {
  if (status == GEMMCONV_OK) return;
  fprintf(stderr, "gemmconv: %s\n", gemmconv_last_error());
  exit(2);
}

static void fill(float *values, size_t count) { /* multiples of 1/64 in [-1, 1) */
  static unsigned state = 1;
  for (size_t i = 0; i < count; ++i) {
    state = state * 1664525u + 1013904223u;
    values[i] = (float)(int)(state >> 25) / 64.0f - 1.0f;
  }
}

static void run(int pass, const void *first, const void *second, const void *bias_or_null, void *out) {
  const int64_t x_shape[] = {N, C, H, W}, w_shape[] = {K, C, F, F};
  gemmconv_problem problem;
  gemmconv_plan *plan;
  gemmconv_problem_init(&problem);
  problem.pass = pass;
  require(gemmconv_problem_set_shapes(&problem, x_shape, 4, w_shape, 4));
  for (int axis = 0; axis < 2; ++axis) {
    problem.stride[axis] = STRIDE;
    problem.padding_low[axis] = problem.padding_high[axis] = PAD;
  }
  require(gemmconv_plan_create(&problem, NULL, &plan));
  require(gemmconv_plan_run(plan, first, second, bias_or_null, out, NULL));
  gemmconv_plan_destroy(plan);
}

static int differ(const char *name, const float *got, const float *expected, size_t count) {
  double largest = 0;
  for (size_t i = 0; i < count; ++i) {
    const double difference = fabs((double)got[i] - (double)expected[i]);
    if (!(difference <= largest)) largest = difference; /* a NaN counts */
  }
  printf("%-16s %5zu values, largest difference %.3g\n", name, count, largest);
  return !(largest <= 1e-4);
}

int main(int argc, char **argv) {
  static float y[N][K][P][Q], dx[N][C][H][W], dw[K][C][F][F], pooled[N][C][POOLED_H][POOLED_W];
  static float y_loops[N][K][P][Q], dx_loops[N][C][H][W], dw_loops[K][C][F][F], pooled_loops[N][C][POOLED_H][POOLED_W];
  const int corrupt = argc > 1 && strcmp(argv[1], "--corrupt") == 0;
  const int64_t pool_shape[] = {N, C, H, W};
  gemmconv_pool pool;
  int wrong = 0;

  fill(&x[0][0][0][0], sizeof x / sizeof(float));
  fill(&w[0][0][0][0], sizeof w / sizeof(float));
  fill(bias, K);
  fill(&dy[0][0][0][0], sizeof dy / sizeof(float));

  run(GEMMCONV_FORWARD, x, w, bias, y);
  run(GEMMCONV_BACKWARD_INPUT, dy, w, NULL, dx);
  run(GEMMCONV_BACKWARD_WEIGHT, dy, x, NULL, dw);
  gemmconv_pool_init(&pool);
  require(gemmconv_pool_set_shape(&pool, pool_shape, 4));
  for (int axis = 0; axis < 2; ++axis) pool.kernel[axis] = pool.stride[axis] = POOL;
  require(gemmconv_max_pool(&pool, NULL, x, pooled, NULL));

  if (corrupt) w[1][2][0][1] += 0.5f;

  /* every output p, q and tap r, s of every image, output channel and input channel */
  for (int n = 0; n < N; ++n) {
    for (int k = 0; k < K; ++k) {
      for (int p = 0; p < P; ++p) {
        for (int q = 0; q < Q; ++q) {
          y_loops[n][k][p][q] += bias[k];
          for (int c = 0; c < C; ++c) {
            for (int r = 0; r < F; ++r) {
              for (int s = 0; s < F; ++s) {
                const int i = p * STRIDE + r - PAD, j = q * STRIDE + s - PAD;
                if (i < 0 || i >= H || j < 0 || j >= W) continue;
                y_loops[n][k][p][q] += x[n][c][i][j] * w[k][c][r][s];
                dx_loops[n][c][i][j] += dy[n][k][p][q] * w[k][c][r][s];
                dw_loops[k][c][r][s] += dy[n][k][p][q] * x[n][c][i][j];
              }
            }
          }
        }
      }
    }
  }
  for (int n = 0; n < N; ++n) {
    for (int c = 0; c < C; ++c) {
      for (int p = 0; p < POOLED_H; ++p) {
        for (int q = 0; q < POOLED_W; ++q) {
          float largest = -INFINITY;
          for (int r = 0; r < POOL * POOL; ++r) {
            const float value = x[n][c][p * POOL + r / POOL][q * POOL + r % POOL];
            if (value > largest) largest = value;
          }
          pooled_loops[n][c][p][q] = largest;
        }
      }
    }
  }

  printf("gemmconv %s\n", gemmconv_version());
  wrong |= differ("forward", &y[0][0][0][0], &y_loops[0][0][0][0], sizeof y / sizeof(float));
  wrong |= differ("input gradient", &dx[0][0][0][0], &dx_loops[0][0][0][0], sizeof dx / sizeof(float));
  wrong |= differ("weight gradient", &dw[0][0][0][0], &dw_loops[0][0][0][0], sizeof dw / sizeof(float));
  wrong |= differ("max pooling", &pooled[0][0][0][0], &pooled_loops[0][0][0][0], sizeof pooled / sizeof(float));
  puts(wrong ? "DIFFERENT" : "equal to plain loops");
  return wrong;
}
