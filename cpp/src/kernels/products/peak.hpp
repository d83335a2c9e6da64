// The rate of multiply-adds in registers that other kernels are measured against. No strategy calls it.
#pragma once

#include <cstdint>

namespace gemmconv {

template <class T>
struct PeakKernel {
  int64_t flops;  // of one step
  // `steps` rounds of independent fused multiply-adds in registers, with numbers that stay finite for 0 < start < 1.
  T (*multiply_add)(int64_t steps, T start);
};

}  // namespace gemmconv
