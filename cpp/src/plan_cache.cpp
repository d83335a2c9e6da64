// The bounded cache of plans: least recently used first out, keyed by the problem and every setting.
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "plan.hpp"
#include "plan_key.hpp"
#include "threads.hpp"

namespace gemmconv {
namespace {

constexpr size_t capacity = 512;

struct PlanCache {
  using Entry = std::pair<PlanKey, std::shared_ptr<const Plan>>;
  std::mutex mutex;
  std::list<Entry> recent;  // most recently used first
  std::unordered_map<PlanKey, std::list<Entry>::iterator, PlanKeyHash> places;
};
PlanCache &cache() {
  static PlanCache *const instance = new PlanCache;  // never destroyed: a daemon thread may convolve at exit
  return *instance;
}
const ForkSafe fork_safe([] { cache().mutex.lock(); }, [] { cache().mutex.unlock(); });

// Which strategy was asked for, as a number: "auto" -1, "measure" -2, a strategy its row, a variant behind all rows.
// Throws Error where the name is unknown.
int64_t strategy_number(const char *name) {
  const std::string_view text = name ? name : "auto";
  if (text == "auto") return -1;
  if (text == "measure") return -2;
  const Choice found = find_named(std::string(text));
  const int64_t row = found.strategy - strategies;
  return found.variant ? strategy_count * (1 + (found.variant - found.strategy->variants.first)) + row : row;
}

}  // namespace

std::shared_ptr<const Plan> find_plan(const gemmconv_problem &problem, const gemmconv_settings &settings) {
  const Execution execution = resolve(settings);
  const auto planned = [&] { return std::make_shared<const Plan>(problem, execution, settings.strategy); };
  if (problem.rank < 1 || problem.rank > 3) return planned();  // which throws
  const PlanKey key(problem, execution, strategy_number(settings.strategy));
  PlanCache &plans = cache();
  {
    const std::lock_guard<std::mutex> lock(plans.mutex);
    const auto found = plans.places.find(key);
    if (found != plans.places.end()) {
      plans.recent.splice(plans.recent.begin(), plans.recent, found->second);
      return found->second->second;
    }
  }
  std::shared_ptr<const Plan> plan = planned();
  const std::lock_guard<std::mutex> lock(plans.mutex);
  if (plans.places.count(key)) return plan;  // another thread was first
  plans.recent.emplace_front(key, plan);
  plans.places.emplace(key, plans.recent.begin());
  if (plans.recent.size() > capacity) {
    plans.places.erase(plans.recent.back().first);
    plans.recent.pop_back();
  }
  return plan;
}

size_t cached_plans() {
  const std::lock_guard<std::mutex> lock(cache().mutex);
  return cache().recent.size();
}

void clear_plans() {
  const std::lock_guard<std::mutex> lock(cache().mutex);
  cache().places.clear();
  cache().recent.clear();
}

}  // namespace gemmconv
