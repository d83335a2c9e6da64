// What tells two plans apart, as a row of integers.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "problem.hpp"

namespace gemmconv {

struct PlanKey {
  std::array<int64_t, 8 + 3 + 4 + 7 * 3> words;  // as filled below

  PlanKey(const gemmconv_problem &problem, const Execution &execution, int64_t strategy) {
    size_t i = 0;
    // Whole words: a value out of range must not look like another problem's.
    for (const int32_t word : {problem.pass, problem.dtype, problem.layout, problem.rank, problem.flip,
                               problem.activation, execution.threads, static_cast<int32_t>(execution.math)}) {
      words[i++] = word;
    }
    words[i++] = execution.threads_by_default * 4 + execution.deterministic * 2 + execution.blas;
    words[i++] = static_cast<int64_t>(execution.workspace_limit);
    words[i++] = strategy;
    words[i++] = problem.batch;
    words[i++] = problem.in_channels;
    words[i++] = problem.out_channels;
    words[i++] = problem.groups;
    const int64_t *const axes[] = {problem.input,       problem.kernel,       problem.stride, problem.dilation,
                                   problem.padding_low, problem.padding_high, problem.output};
    for (const int64_t *sizes : axes) {
      for (int axis = 0; axis < 3; ++axis) words[i++] = axis < problem.rank ? sizes[axis] : 0;
    }
  }
  bool operator==(const PlanKey &other) const { return words == other.words; }
};

struct PlanKeyHash {
  size_t operator()(const PlanKey &key) const {
    uint64_t hash = 0x9e3779b97f4a7c15u;
    for (const int64_t word : key.words) {
      hash = (hash ^ static_cast<uint64_t>(word)) * 0xff51afd7ed558ccdu;
      hash ^= hash >> 32;
    }
    return static_cast<size_t>(hash);
  }
};

}  // namespace gemmconv
