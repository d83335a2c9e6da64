// Convolves, differentiates and pools in float64 with gemmconv's C++ headers, does the same with plain loops, and exits with 1
// where they differ. `convolve --corrupt` changes one weight between the two, to show that the comparison bites.
#include <gemmconv/gemmconv.hpp>

#include <cmath>
#include <iostream>
#include <limits>
#include <random>
#include <string>
#include <vector>

using Vector = std::vector<double>;
using gemmconv::Plan;
using gemmconv::Problem;

// A grouped, dilated convolution with unequal padding, and 2 x 3 pooling.
constexpr int N = 2, C = 4, H = 10, W = 9, K = 6, G = 2, F = 3, dilation = 2, low = 1, high = 2;
constexpr int P = H + low + high - dilation * (F - 1), Q = W + low + high - dilation * (F - 1);
constexpr int pool_h = 2, pool_w = 3, pooled_h = H / pool_h, pooled_w = W / pool_w;

struct Answers {
  Vector y = Vector(N * K * P * Q), dx = Vector(N * C * H * W), dw = Vector(K * C / G * F * F);
  Vector pooled = Vector(N * C * pooled_h * pooled_w);
};

Answers by_gemmconv(const Vector &x, const Vector &w, const Vector &bias, const Vector &dy) {
  Problem problem = Problem::forward({N, C, H, W}, {K, C / G, F, F});
  problem.dtype(gemmconv::DType::float64).groups(G).dilation(dilation).padding(low, high);
  Answers answers;

  const Plan forward(problem);
  std::cout << "forward by " << forward.strategy() << ", " << forward.workspace_bytes() << " bytes of scratch memory\n";
  const gemmconv::Packed packed = forward.pack(w.data());
  forward.run(x.data(), packed, bias.data(), answers.y.data());

  const Plan backward_input(problem.pass(gemmconv::Pass::backward_input));
  backward_input.run(dy.data(), w.data(), answers.dx.data());

  const Plan backward_weight(problem.pass(gemmconv::Pass::backward_weight), gemmconv::Settings().threads(2));
  backward_weight.run(dy.data(), x.data(), answers.dw.data());

  gemmconv::max_pool(gemmconv::Pool({N, C, H, W}, {pool_h, pool_w}), x.data(), answers.pooled.data());
  return answers;
}

Answers by_loops(const Vector &x, const Vector &w, const Vector &bias, const Vector &dy) {
  Answers answers;
  // every tap r, s of every output p, q of every output channel k; its group's input channels
  for (int n = 0; n < N; ++n) {
    for (int k = 0; k < K; ++k) {
      for (int p = 0; p < P; ++p) {
        for (int q = 0; q < Q; ++q) {
          const int output = ((n * K + k) * P + p) * Q + q;
          answers.y[output] = bias[k];
          for (int c = 0; c < C / G; ++c) {
            for (int r = 0; r < F; ++r) {
              for (int s = 0; s < F; ++s) {
                const int i = p + r * dilation - low, j = q + s * dilation - low;
                if (i < 0 || i >= H || j < 0 || j >= W) continue;
                const int cell = ((n * C + k / (K / G) * (C / G) + c) * H + i) * W + j;
                const int tap = ((k * C / G + c) * F + r) * F + s;
                answers.y[output] += x[cell] * w[tap];
                answers.dx[cell] += dy[output] * w[tap];
                answers.dw[tap] += dy[output] * x[cell];
              }
            }
          }
        }
      }
    }
  }
  for (int plane = 0; plane < N * C; ++plane) {
    for (int p = 0; p < pooled_h; ++p) {
      for (int q = 0; q < pooled_w; ++q) {
        double largest = -std::numeric_limits<double>::infinity();
        for (int r = 0; r < pool_h; ++r) {
          for (int s = 0; s < pool_w; ++s) {
            largest = std::max(largest, x[(plane * H + p * pool_h + r) * W + q * pool_w + s]);
          }
        }
        answers.pooled[(plane * pooled_h + p) * pooled_w + q] = largest;
      }
    }
  }
  return answers;
}

bool equal(const char *name, const Vector &got, const Vector &expected) {
  double largest = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double difference = std::abs(got[i] - expected[i]);
    if (!(difference <= largest)) largest = difference;  // a NaN counts
  }
  std::cout << name << ": " << got.size() << " values, largest difference " << largest << '\n';
  return largest <= 1e-12;
}

int main(int argc, char **argv) try {
  std::mt19937 generator(2);
  std::uniform_real_distribution<double> uniform(-1, 1);
  const auto random = [&](size_t size) {
    Vector values(size);
    for (double &value : values) value = uniform(generator);
    return values;
  };
  const Vector x = random(N * C * H * W), bias = random(K), dy = random(N * K * P * Q);
  Vector w = random(K * C / G * F * F);

  const Answers got = by_gemmconv(x, w, bias, dy);
  if (argc > 1 && std::string(argv[1]) == "--corrupt") w[17] += 0.5;
  const Answers expected = by_loops(x, w, bias, dy);

  bool good = equal("forward", got.y, expected.y);
  good &= equal("input gradient", got.dx, expected.dx);
  good &= equal("weight gradient", got.dw, expected.dw);
  good &= equal("max pooling", got.pooled, expected.pooled);

  // Errors are exceptions with a sentence.
  try {
    Plan(Problem::forward({1, 3, 8, 8}, {4, 2, 3, 3}));
    std::cout << "a kernel for 2 channels was taken for an input of 3\n";
    good = false;
  } catch (const gemmconv::Error &error) {
    std::cout << "refused as it should be: " << error.what() << '\n';
  }
  std::cout << (good ? "equal to plain loops\n" : "DIFFERENT\n");
  return good ? 0 : 1;
} catch (const gemmconv::Error &error) {
  std::cerr << "gemmconv: " << error.what() << '\n';
  return 2;
}
