// Which tables of kernels this machine runs. Compiled for the baseline: it must work where the tables do not.
#include <cstdlib>
#include <string>

#include "kernels.hpp"

namespace gemmconv {

extern const Kernels avx512_kernels, avx2_kernels, neon_kernels, portable_kernels;

namespace {

struct Row {
  const Kernels *table;
  bool (*runs)();
};

// The builtin also asks the operating system (xgetbv) whether it saves the registers.
#if defined(__x86_64__)
bool has_avx512() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("fma");
}
bool has_avx2() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#endif
bool always() { return true; }

// Best first.
const Row rows[] = {
#if defined(__x86_64__)
    {&avx512_kernels, has_avx512},
    {&avx2_kernels, has_avx2},
#elif defined(__aarch64__)
    {&neon_kernels, always},
#endif
    {&portable_kernels, always},
};
constexpr int row_count = sizeof rows / sizeof rows[0];

struct Choice {
  const Kernels *table = nullptr;
  std::string error;
};

Choice choose() {
  const char *wanted = std::getenv("GEMMCONV_ISA");
  Choice choice;
  std::string names;
  for (const Row &row : rows) {
    if (!row.runs()) continue;
    names += (names.empty() ? "" : ", ") + std::string(row.table->name);
    if (!choice.table) choice.table = row.table;
    if (wanted && row.table->name == std::string(wanted)) return Choice{row.table, ""};
  }
  if (wanted && *wanted) {
    choice.error = "GEMMCONV_ISA is '" + std::string(wanted) + "'; this machine runs one of: " + names;
  }
  return choice;
}

const Choice &choice() {
  static const Choice made = choose();
  return made;
}

}  // namespace

const Kernels &kernels() { return *choice().table; }

const Kernels *kernels_at(int index) { return index >= 0 && index < row_count ? rows[index].table : nullptr; }

bool runs_here(const Kernels &table) {
  for (const Row &row : rows) {
    if (row.table == &table) return row.runs();
  }
  return false;
}

const char *kernels_error() { return choice().error.empty() ? nullptr : choice().error.c_str(); }

}  // namespace gemmconv
