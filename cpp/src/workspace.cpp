// Allocates scratch memory, and retains freed blocks for the next call under a cap for the whole process.
#include "workspace.hpp"

#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "check.hpp"
#include "threads.hpp"

namespace gemmconv {
namespace {

constexpr size_t retained_cap_bytes = size_t(128) << 20;  // for the whole process
constexpr int retained_blocks = 16;
constexpr size_t huge_page_bytes = size_t(2) << 20;

struct Block {
  void *data = nullptr;
  size_t bytes = 0;
};

// Freed blocks, retained for the next call. Nobody holds the lock while the process forks, so a child can take it.
struct Store {
  std::mutex mutex;
  Block blocks[retained_blocks];
  size_t bytes = 0;
};
Store &store();
const ForkSafe fork_safe([] { store().mutex.lock(); }, [] { store().mutex.unlock(); });

Store &store() {
  static Store *const instance = new Store;  // never destroyed: a daemon thread may still convolve at exit
  return *instance;
}

void *allocate(size_t bytes) {
  // Large blocks start on huge pages: a column matrix read through 4 KiB pages misses the TLB at every row.
  const size_t alignment = bytes >= huge_page_bytes ? huge_page_bytes : 64;
  void *data = ::operator new(bytes, std::align_val_t(alignment), std::nothrow);
  if (!data) throw Error(Status::out_of_memory, say("no memory for ", bytes, " bytes of workspace"));
#if defined(__linux__)
  if (bytes >= huge_page_bytes) madvise(data, bytes / huge_page_bytes * huge_page_bytes, MADV_HUGEPAGE);
#endif
  return data;
}

void release(const Block &block) {
  ::operator delete(block.data, std::align_val_t(block.bytes >= huge_page_bytes ? huge_page_bytes : 64));
}

}  // namespace

Workspace::Workspace(size_t bytes) {
  if (bytes == 0) return;
  {
    // The smallest retained block that holds it and is not more than four times as large.
    Store &retained = store();
    const std::lock_guard<std::mutex> lock(retained.mutex);
    Block *best = nullptr;
    for (Block &block : retained.blocks) {
      const bool fits = block.data && block.bytes >= bytes && block.bytes / 4 <= bytes;
      if (fits && (!best || block.bytes < best->bytes)) best = &block;
    }
    if (best) {
      data_ = best->data;
      bytes_ = best->bytes;
      retained.bytes -= best->bytes;
      *best = Block{};
      return;
    }
  }
  const size_t rounded = (bytes + 4095) / 4096 * 4096;
  data_ = allocate(rounded);
  bytes_ = rounded;
}

Workspace::~Workspace() {
  if (!data_) return;
  Block leaving{data_, bytes_};
  {
    Store &retained = store();
    const std::lock_guard<std::mutex> lock(retained.mutex);
    if (retained.bytes + bytes_ <= retained_cap_bytes) {
      // Into a free place, else in place of the smallest.
      Block *place = &retained.blocks[0];
      for (Block &block : retained.blocks) {
        if (block.bytes < place->bytes) place = &block;
      }
      if (place->bytes < leaving.bytes) {
        retained.bytes += leaving.bytes - place->bytes;
        std::swap(*place, leaving);
      }
    }
  }
  if (leaving.data) release(leaving);
}

size_t retained_workspace_bytes() {
  Store &retained = store();
  const std::lock_guard<std::mutex> lock(retained.mutex);
  return retained.bytes;
}

void release_workspace() {
  Store &retained = store();
  const std::lock_guard<std::mutex> lock(retained.mutex);
  for (Block &block : retained.blocks) {
    if (block.data) release(block);
    block = Block{};
  }
  retained.bytes = 0;
}

}  // namespace gemmconv
