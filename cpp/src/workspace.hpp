// Scratch memory, retained for reuse under a cap for the whole process.
#pragma once

#include <cstddef>
#include <cstdint>

#include "scratch.hpp"

namespace gemmconv {

// A 64-byte aligned block of at least `bytes` bytes for one call; goes back to the store when it leaves scope. Throws
// Error(out_of_memory).
class Workspace {
 public:
  explicit Workspace(size_t bytes);
  ~Workspace();
  Workspace(const Workspace &) = delete;
  Workspace &operator=(const Workspace &) = delete;
  void *data() const { return data_; }

 private:
  void *data_ = nullptr;
  size_t bytes_ = 0;
};

size_t retained_workspace_bytes();
void release_workspace();

}  // namespace gemmconv
