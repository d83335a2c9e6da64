// The C interface to errors and facts.
#include <string>

#include "../environment.hpp"
#include "../gemm/gemm.hpp"
#include "../kernels/kernels.hpp"
#include "../threads.hpp"
#include "../tuning_store.hpp"
#include "../workspace.hpp"
#include "boundary.hpp"

#define GEMMCONV_TEXT_(x) #x
#define GEMMCONV_TEXT(x) GEMMCONV_TEXT_(x)

using namespace gemmconv;

namespace {

thread_local std::string last_error;

std::string quoted(const std::string &text) {
  std::string result = "\"";
  for (const char letter : text) {
    if (letter == '"' || letter == '\\') result += '\\';
    result += static_cast<unsigned char>(letter) < 32 ? ' ' : letter;
  }
  return result + "\"";
}

std::string compiler() {
#if defined(__clang__)
  return std::string("Clang ") + __clang_version__;
#elif defined(__GNUC__)
  return std::string("GCC ") + __VERSION__;
#else
  return "unknown";
#endif
}

std::string config() {
  std::string available;
  for (int i = 0; kernels_at(i); ++i) {
    if (!runs_here(*kernels_at(i))) continue;
    available += (available.empty() ? "" : ", ") + quoted(kernels_at(i)->name);
  }
  std::string rows;
  for (const Strategy &strategy : strategies) rows += (rows.empty() ? "" : ", ") + quoted(strategy.name);
  return "{\"version\": " + quoted(gemmconv_version()) + ", \"compiler\": " + quoted(compiler()) +
         ", \"isa\": " + quoted(kernels().name) + ", \"isa_available\": [" + available + "]" +
         ", \"blas\": " + (blas_name() ? quoted(blas_name()) : "null") +
         ", \"blas_threads\": " + std::to_string(blas_threads()) + ", \"executor\": " + quoted(thread_executor()) +
         ", \"threads\": " + std::to_string(default_threads()) + ", \"strategies\": [" + rows + "]}";
}

template <class T>
int64_t multiply_add(int64_t steps) {
  const PeakKernel<T> &kernel = kernels<T>().peak;
  volatile T result = kernel.multiply_add(steps, T(0.75));
  static_cast<void>(result);
  return steps * kernel.flops;
}

}  // namespace

int gemmconv::fail(int status, const char *message) noexcept {
  try {
    last_error = message;
  } catch (...) {
    last_error.clear();
  }
  return status;
}

extern "C" {

const char *gemmconv_last_error(void) { return last_error.c_str(); }

const char *gemmconv_version(void) {
  return GEMMCONV_TEXT(GEMMCONV_VERSION_MAJOR) "." GEMMCONV_TEXT(GEMMCONV_VERSION_MINOR) "." GEMMCONV_TEXT(
      GEMMCONV_VERSION_PATCH);
}

const char *gemmconv_config_json(void) {
  thread_local std::string text;  // this thread's until its next call: threads and BLAS settings change
  if (guarded([&] { text = config(); }) != GEMMCONV_OK) return "{}";
  return text.c_str();
}

const char *gemmconv_strategy_name(int32_t index) {
  return index >= 0 && index < strategy_count ? gemmconv::strategies[index].name : nullptr;
}

const char *gemmconv_variant_name(int32_t strategy, int32_t index) {
  if (strategy < 0 || strategy >= strategy_count) return nullptr;
  const VariantList &variants = gemmconv::strategies[strategy].variants;
  return index >= 0 && index < variants.count ? variants.first[index].name : nullptr;
}

const char *gemmconv_startup_error(void) { return threads_error() ? threads_error() : kernels_error(); }

int64_t gemmconv_multiply_add(int32_t dtype, int64_t steps) {
  return dtype == GEMMCONV_FLOAT32   ? multiply_add<float>(steps)
         : dtype == GEMMCONV_FLOAT64 ? multiply_add<double>(steps)
                                     : 0;
}

int32_t gemmconv_default_threads(void) { return default_threads(); }
size_t gemmconv_cached_plans(void) { return cached_plans(); }
size_t gemmconv_retained_workspace_bytes(void) { return retained_workspace_bytes(); }

void gemmconv_clear_caches(void) {
  clear_plans();
  forget_measurements();
  release_workspace();
}

}  // extern "C"
