// The form in which the implicit strategy reads weights where the channels of a pixel are contiguous (NHWC): cut into
// blocks of target channels, and within a block [tap][source channel][target channel], so that a vector of target
// channels is one load and a block streams through the cache in the order of the loops. The target channels are the
// outputs in the forward pass and the inputs in the backward one.
#pragma once

#include <algorithm>

#include "../../problem.hpp"
#include "../../threads.hpp"

namespace gemmconv::implicit {

// Target channels of one group in near-equal blocks of whole vectors.
struct ChannelBlocks {
  int64_t channels, width, count;

  // At most 64 channels: 4 vectors of AVX-512 floats, and 64 x 64 weights are 16 KiB, a third of the first-level cache.
  static ChannelBlocks of(int64_t channels, size_t item_bytes) {
    const int64_t lanes = 64 / static_cast<int64_t>(item_bytes), most = 64;
    const int64_t count = (channels + most - 1) / most;
    const int64_t width = std::min(channels, ((channels + count - 1) / count + lanes - 1) / lanes * lanes);
    return {channels, width, (channels + width - 1) / width};
  }
  int64_t first(int64_t block) const { return block * width; }
  int64_t size(int64_t block) const { return std::min(width, channels - block * width); }
};

template <class T>
void pack_weights(const Geometry &g, bool backward, int threads, const T *w, T *packed) {
  const int64_t area = g.kernel_area(), patch = g.patch_size();
  const int64_t targets = backward ? g.group_inputs() : g.group_outputs();
  const int64_t sources = backward ? g.group_outputs() : g.group_inputs();
  const int64_t target_stride = backward ? area : patch, source_stride = backward ? patch : area;
  const ChannelBlocks blocks = ChannelBlocks::of(targets, sizeof(T));
  // A thread packs whole (group, block, source channel) slices; the taps of a weight lie side by side and are read
  // together.
  parallel_ranges(threads, g.groups * blocks.count * sources, [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; ++item) {
      const int64_t source = item % sources, block = item / sources % blocks.count,
                    group = item / sources / blocks.count;
      const int64_t first = blocks.first(block), size = blocks.size(block);
      const T *from = w + group * g.group_outputs() * patch + first * target_stride + source * source_stride;
      T *to = packed + (group * targets + first) * sources * area + source * size;
      for (int64_t j = 0; j < size; ++j) {
        for (int64_t tap = 0; tap < area; ++tap) to[tap * sources * size + j] = from[j * target_stride + tap];
      }
    }
  });
}

}  // namespace gemmconv::implicit
