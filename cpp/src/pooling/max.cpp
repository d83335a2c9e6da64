// Maximum pooling, and what travels along its indices: the gradient to the winning unit, unpooling and its gradient.
#include <atomic>

#include "../check.hpp"
#include "largest.hpp"
#include "pairs.hpp"
#include "pooling.hpp"

namespace gemmconv {

namespace {

// The place in the array of indices that stands first among those seen by any thread; its end when all is well.
class FirstBad {
 public:
  explicit FirstBad(int64_t none) : place_(none) {}
  void see(int64_t place) {
    int64_t before = place_.load(std::memory_order_relaxed);
    while (place < before && !place_.compare_exchange_weak(before, place, std::memory_order_relaxed)) {
    }
  }
  int64_t place() const { return place_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> place_;
};

// Throws when an index was bad: which, where in the array of indices, and what would have been right.
void require_good(const FirstBad &bad, const PoolGeometry &geometry, const int64_t *indices) {
  const int64_t place = bad.place();
  if (place == geometry.batch * geometry.channels * geometry.output_pixels()) return;
  std::string where;
  int64_t rest = place;
  const auto peel = [&](int64_t size) {
    where = say(rest % size, where.empty() ? "" : ", ", where);
    rest /= size;
  };
  if (geometry.layout == Layout::nhwc) peel(geometry.channels);
  for (int a = 2; a > 2 - geometry.rank; --a) peel(geometry.output[a]);
  if (geometry.layout == Layout::nchw) peel(geometry.channels);
  const int64_t pixels = geometry.input_pixels();
  throw Error(Status::invalid_argument,
              say("index ", indices[place], " at (", rest, ", ", where, ") of indices is outside a plane of ", pixels,
                  " cells; it must be from -1 to ", pixels - 1));
}

// The largest cell of each 2x2 window, and where it is if that is asked for. Choices are made by adding truths to places:
// which unit wins is as good as random, and a branch on it would be predicted wrong every other time.
template <class T>
void largest_of_pairs(const PoolGeometry &geometry, int threads, const T *x, T *y, int64_t *indices) {
  const int64_t width = geometry.output[2], cells = geometry.input[2];
  for_row_pairs(geometry, threads, [&](int64_t from, int64_t to, int64_t first) {
    const T *row = x + from;
    for (int64_t o = 0; o < width; ++o) {
      const int64_t top = 2 * o + beats(row[2 * o + 1], row[2 * o]);
      const int64_t bottom = cells + 2 * o + beats(row[cells + 2 * o + 1], row[cells + 2 * o]);
      const int64_t best = top + (bottom - top) * beats(row[bottom], row[top]);
      y[to + o] = row[best];
      if (indices) indices[to + o] = first + best;
    }
  });
}

// Writes target = 0 and then put(target[index], source) for each source in C order. A part owns some channels of some
// planes or, where planes are fewer than threads, some cells of them: whatever the parts, each cell sees the same order.
template <class T, class Put>
void scatter(const PoolGeometry &geometry, int threads, const T *source, const int64_t *indices, T *target,
             const Put &put) {
  const Planes planes(geometry);
  const int64_t cells = geometry.input_pixels(), pixels = geometry.output_pixels(), inner = planes.inner;
  threads = threads_for(threads, planes.outer * inner * (cells + pixels));
  const int64_t channels = std::min<int64_t>(inner, 64), channel_blocks = ceil_div(inner, channels);
  const int64_t blocks = planes.outer * channel_blocks;
  const int64_t slabs =
      blocks < threads ? std::min<int64_t>(cells, ceil_div(threads, std::max<int64_t>(blocks, 1))) : 1;
  FirstBad bad(planes.outer * inner * pixels);
  parallel_ranges(threads, blocks * slabs, [&](int64_t first, int64_t last) {
    for (int64_t part = first; part < last; ++part) {
      const int64_t block = part / slabs, slab = part % slabs;
      const int64_t outer = block / channel_blocks, c_begin = block % channel_blocks * channels;
      const int64_t c_end = std::min(c_begin + channels, inner);
      const int64_t low = cells * slab / slabs, high = cells * (slab + 1) / slabs;
      T *to = target + outer * cells * inner;
      if (c_end - c_begin == inner) std::fill(to + low * inner, to + high * inner, T(0));
      else
        for (int64_t cell = low; cell < high; ++cell)
          std::fill(to + cell * inner + c_begin, to + cell * inner + c_end, T(0));
      for (int64_t pixel = 0; pixel < pixels; ++pixel) {
        const int64_t from = (outer * pixels + pixel) * inner;
        for (int64_t c = c_begin; c < c_end; ++c) {
          const int64_t index = indices[from + c];
          if (index >= low && index < high) put(to[index * inner + c], source[from + c]);
          else if (index < -1 || index >= cells) bad.see(from + c);
        }
      }
    }
  });
  require_good(bad, geometry, indices);
}

}  // namespace

template <class T>
void max_pool(const PoolGeometry &geometry, int threads, const T *x, T *y, int64_t *indices) {
  if (by_pairs(geometry)) largest_of_pairs(geometry, threads, x, y, indices);
  else largest(geometry, Windows(geometry, false), threads, x, y, indices);
}

template <class T>
void max_pool_backward(const PoolGeometry &geometry, int threads, const T *dy, const int64_t *indices, T *dx) {
  scatter(geometry, threads, dy, indices, dx, [](T &cell, T value) { cell += value; });
}

template <class T>
void max_unpool(const PoolGeometry &geometry, int threads, const T *y, const int64_t *indices, T *x) {
  scatter(geometry, threads, y, indices, x, [](T &cell, T value) { cell = value; });
}

template <class T>
void max_unpool_backward(const PoolGeometry &geometry, int threads, const T *dx, const int64_t *indices, T *dy) {
  const Planes planes(geometry);
  const int64_t cells = geometry.input_pixels(), pixels = geometry.output_pixels(), inner = planes.inner;
  FirstBad bad(planes.outer * inner * pixels);
  threads = threads_for(threads, planes.outer * inner * pixels);
  parallel_ranges(threads, planes.outer * pixels, [&](int64_t first, int64_t last) {
    for (int64_t pixel = first; pixel < last; ++pixel) {
      const T *from = dx + pixel / pixels * cells * inner;
      for (int64_t c = 0; c < inner; ++c) {
        const int64_t place = pixel * inner + c, index = indices[place];
        const bool inside = index >= 0 && index < cells;
        dy[place] = inside ? from[index * inner + c] : T(0);
        if (!inside && index != -1) bad.see(place);
      }
    }
  });
  require_good(bad, geometry, indices);
}

template void max_pool(const PoolGeometry &, int, const float *, float *, int64_t *);
template void max_pool(const PoolGeometry &, int, const double *, double *, int64_t *);
template void max_pool_backward(const PoolGeometry &, int, const float *, const int64_t *, float *);
template void max_pool_backward(const PoolGeometry &, int, const double *, const int64_t *, double *);
template void max_unpool(const PoolGeometry &, int, const float *, const int64_t *, float *);
template void max_unpool(const PoolGeometry &, int, const double *, const int64_t *, double *);
template void max_unpool_backward(const PoolGeometry &, int, const float *, const int64_t *, float *);
template void max_unpool_backward(const PoolGeometry &, int, const double *, const int64_t *, double *);

}  // namespace gemmconv
