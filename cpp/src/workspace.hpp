// Scratch memory, kept for reuse under a cap for the whole process.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gemmconv {

// Up to a whole cache line: the parts of a block begin at one.
inline size_t rounded(size_t bytes) { return (bytes + 63) / 64 * 64; }
inline size_t rounded(int64_t elements, size_t item_bytes) {
  return rounded(static_cast<size_t>(elements) * item_bytes);
}

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
