// Remembers the choices that strategy="measure" timed, for the life of the process.
#include "tuning_store.hpp"

#include <mutex>
#include <unordered_map>

#include "choose.hpp"
#include "plan_key.hpp"
#include "threads.hpp"

namespace gemmconv {
namespace {

constexpr size_t capacity = 4096;

struct TuningStore {
  std::mutex mutex;
  std::unordered_map<PlanKey, Choice, PlanKeyHash> choices;
};
TuningStore &store() {
  static TuningStore *const instance = new TuningStore;  // never destroyed: a daemon thread may convolve at exit
  return *instance;
}
const ForkSafe fork_safe([] { store().mutex.lock(); }, [] { store().mutex.unlock(); });

}  // namespace

Choice measured(const gemmconv_problem &given, const Problem &problem, const Execution &execution) {
  const PlanKey key(given, execution, 0);
  TuningStore &known = store();
  {
    const std::lock_guard<std::mutex> lock(known.mutex);
    const auto found = known.choices.find(key);
    if (found != known.choices.end()) return found->second;
  }
  // Timed without the lock: two threads may both measure, the first answer stays.
  const Choice best = measure(problem, execution);
  const std::lock_guard<std::mutex> lock(known.mutex);
  if (known.choices.size() >= capacity) known.choices.clear();
  return known.choices.emplace(key, best).first->second;
}

void forget_measurements() {
  const std::lock_guard<std::mutex> lock(store().mutex);
  store().choices.clear();
}

}  // namespace gemmconv
