// How the im2col strategy cuts its column matrix so that it fits the workspace limit.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../../gemm/gemm.hpp"
#include "../../problem.hpp"

namespace gemmconv::im2col {

// The column matrix is made for `images` whole images or for `pixels` outputs of one image at a time.
struct Blocking {
  bool narrow;    // many small groups: each thread lowers a group by itself and multiplies without packing
  bool gathered;  // false: x itself is the column matrix (1x1, unit stride)
  bool merged;    // NCHW, several images a product: y (or dy) goes through a matrix of its own
  int64_t images, pixels;
  int tasks;                                                       // column matrices at once
  int gemm_threads;                                                // threads of one product
  size_t columns_bytes, outputs_bytes, weights_bytes, gemm_bytes;  // of one task; weights are shared

  size_t task_bytes() const { return columns_bytes + outputs_bytes + gemm_bytes; }
  size_t total_bytes() const { return weights_bytes + static_cast<size_t>(tasks) * task_bytes(); }
};

// Depends on the problem's batch and on the threads only in how much may run at once, never in what is added to what.
Blocking block(const Problem &problem, const Execution &execution);

}  // namespace gemmconv::im2col
