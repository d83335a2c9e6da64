// Work that is an n-dimensional grid of tasks, numbered in C order: a task's number is decoded here alone. even_share
// divides a range into parts; so does parallel_ranges of threads.hpp, which also runs them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "index.hpp"

namespace gemmconv {

// IndexGrid grid{images, groups, bands};  const auto [image, group, band] = grid.at(number);
template <size_t rank>
struct IndexGrid {
  std::array<int64_t, rank> sizes;

  int64_t count() const {
    int64_t product = 1;
    for (const int64_t size : sizes) product *= size;
    return product;
  }
  // The indices of a task; the last one changes fastest.
  std::array<int64_t, rank> at(int64_t number) const {
    std::array<int64_t, rank> indices;
    for (size_t i = rank; i-- > 0; number /= sizes[i]) indices[i] = number % sizes[i];
    return indices;
  }
  // Calls body(indices) for the tasks of a range in order, without a division for each.
  template <class Body>
  void each(const Range &range, const Body &body) const {
    if (range.begin >= range.end) return;
    std::array<int64_t, rank> indices = at(range.begin);
    for (int64_t number = range.begin; number < range.end; ++number) {
      body(indices);
      for (size_t i = rank; i-- > 0;) {
        if (++indices[i] < sizes[i]) break;
        indices[i] = 0;
      }
    }
  }
};
template <class... Counts>
IndexGrid(Counts...) -> IndexGrid<sizeof...(Counts)>;

// Part `part` of `parts` of the range [0, count), as even as whole items allow.
inline Range even_share(int64_t count, int64_t part, int64_t parts) {
  return {count * part / parts, count * (part + 1) / parts};
}

}  // namespace gemmconv
