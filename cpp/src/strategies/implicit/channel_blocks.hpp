// The layout in which the variant `rows` reads weights: blocks of target channels, and within a block [tap][source
// channel][target channel], so that a vector of target channels is one load and a block is read in the order of the
// loops.
#pragma once

#include <algorithm>

#include "../../index_grid.hpp"
#include "../../threads.hpp"
#include "../sides.hpp"

namespace gemmconv::implicit {

// Target channels of one group in near-equal blocks of whole vectors.
struct ChannelBlocks {
  int64_t channels, width, count;

  // At most 64 channels: 4 vectors of AVX-512 floats, and 64 x 64 weights are 16 KiB, a third of the first-level cache.
  static ChannelBlocks of(int64_t channels, size_t item_bytes) {
    const int64_t lanes = 64 / static_cast<int64_t>(item_bytes), most = 64;
    const int64_t count = ceil_div(channels, most);
    const int64_t width = std::min(channels, ceil_div(ceil_div(channels, count), lanes) * lanes);
    return {channels, width, ceil_div(channels, width)};
  }
  int64_t first(int64_t block) const { return block * width; }
  int64_t size(int64_t block) const { return std::min(width, channels - block * width); }
};

template <class T>
void pack_channel_blocks(const Geometry &g, const Sides &sides, const ChannelBlocks &blocks, int threads, const T *w,
                         T *packed) {
  const int64_t all_taps = g.kernel_area(), sources = sides.source.channels, targets = sides.target.channels;
  // A thread packs whole (group, block, source channel) slices; the taps of a weight lie side by side and are read
  // together.
  const IndexGrid tasks{g.groups, blocks.count, sources};
  parallel_ranges(threads, tasks.count(), [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const auto [group, block, source] = tasks.at(task);
      const int64_t first = blocks.first(block), size = blocks.size(block);
      const T *from =
          w + group * g.group_outputs() * g.patch_size() + first * sides.target_weights + source * sides.source_weights;
      T *to = packed + (group * targets + first) * sources * all_taps + source * size;
      for (int64_t j = 0; j < size; ++j) {
        for (int64_t tap = 0; tap < all_taps; ++tap) {
          to[tap * sources * size + j] = from[j * sides.target_weights + tap];
        }
      }
    }
  });
}

}  // namespace gemmconv::implicit
