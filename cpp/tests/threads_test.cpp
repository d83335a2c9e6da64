// Many threads on one library, through the C interface: plans made, shared, run and dropped, caches cleared, pooling, with
// different thread counts. Under ThreadSanitizer (cpp/instrumented.sh thread) a race ends it; without, every answer must have the
// bits that one thread alone got.
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "gemmconv/gemmconv.hpp"

using namespace gemmconv;

namespace {

constexpr int callers = 6, rounds = 50;
using Values = std::vector<float>;

struct Case {
  Problem problem;
  Values first, second;
};

Values numbers(size_t count, unsigned state) {
  Values values(count);
  for (float &value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(static_cast<int>(state >> 20)) / 2048.0f - 1.0f;
  }
  return values;
}

std::vector<Case> cases() {
  std::vector<Case> result;
  for (int64_t channels = 3; channels < 6; ++channels) {
    const Shape x{2, channels, 12, 11}, w{5, channels, 3, 3};
    const size_t x_size = 2 * channels * 12 * 11, w_size = 5 * channels * 9, y_size = 2 * 5 * 12 * 11;
    result.push_back({Problem::forward(x, w).padding(1), numbers(x_size, 1), numbers(w_size, 2)});
    result.push_back({Problem::backward_input(x, w).padding(1), numbers(y_size, 3), numbers(w_size, 4)});
    result.push_back({Problem::backward_weight(x, w).padding(1), numbers(y_size, 5), numbers(x_size, 6)});
  }
  return result;
}

Values answer(const Case &one, int threads) {
  const Plan plan(one.problem, Settings().threads(threads).deterministic());
  Values out(plan.output_size());
  plan.run(one.first.data(), one.second.data(), out.data());
  return out;
}

}  // namespace

int main() {
  const std::vector<Case> all = cases();
  std::vector<Values> expected;
  for (const Case &one : all) expected.push_back(answer(one, 1));
  const Plan shared(all[0].problem, Settings().threads(2).deterministic());
  const Values image = numbers(2 * 3 * 12 * 11, 7);
  const Pool pool({2, 3, 12, 11}, 2);
  Values pooled(2 * 3 * 6 * 5);
  max_pool(pool, image.data(), pooled.data(), nullptr, Settings().threads(1));

  std::vector<int> wrong(callers);
  std::vector<std::thread> team;
  for (int caller = 0; caller < callers; ++caller) {
    team.emplace_back([&, caller] {
      for (int round = 0; round < rounds; ++round) {
        const size_t i = (caller + round) % all.size();
        wrong[caller] += answer(all[i], 1 + (caller + round) % 3) != expected[i];
        Values out(shared.output_size());
        shared.run(all[0].first.data(), all[0].second.data(), out.data());
        wrong[caller] += out != expected[0];
        Values y(pooled.size());
        max_pool(pool, image.data(), y.data(), nullptr, Settings().threads(2));
        wrong[caller] += y != pooled;
        if (round % 5 == caller % 5) gemmconv_clear_caches();
        wrong[caller] += gemmconv_plan_create(nullptr, nullptr, nullptr) != GEMMCONV_INVALID_ARGUMENT;
      }
    });
  }
  for (std::thread &thread : team) thread.join();
  int total = 0;
  for (const int count : wrong) total += count;
  std::printf("%d callers, %d rounds, %d wrong answers\n", callers, rounds, total);
  return total != 0;
}
