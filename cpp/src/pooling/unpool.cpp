// What moves along the indices of a maximum pooling: the gradient to the largest cell, unpooling and its gradient. One
// algorithm each: a scatter in the order of the outputs, or a gather.
#include <atomic>
#include <type_traits>

#include "../check.hpp"
#include "pooling.hpp"
#include "windows.hpp"

namespace gemmconv {

namespace pooling {
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

// Zeros are written this far ahead of the values that are put among them: a page, so that both happen in the first-level
// cache where a pooling's places follow each other.
constexpr int64_t ahead_bytes = 4096;

// Cells [low, high) of one plane as they are written: those before `ready` hold their zeros.
template <class T>
struct Target {
  T *cells;
  int64_t inner, low, high, ready, plane;

  void prepare(int64_t end) {
    std::fill(cells + ready * inner, cells + end * inner, T(0));
    ready = end;
  }
  // Whether a cell that is not ready is one to write to; it is made ready, or seen to be bad.
  [[gnu::noinline]] bool reach(int64_t index, int64_t place, FirstBad &bad) {
    if (index < low || index >= high) {
      if (index < -1 || index >= plane) bad.see(place);
      return false;
    }
    prepare(std::min(high, index + std::max<int64_t>(1, ahead_bytes / (inner * static_cast<int64_t>(sizeof(T))))));
    return true;
  }
};

// cells[index] (+)= source for `count` x `inner` sources, the first of which is number `place`. Inner: 1, or 0 for target.inner.
template <bool add, int Inner, class T>
void put_all(int64_t count, const T *source, const int64_t *indices, Target<T> &target, int64_t place, FirstBad &bad) {
  const int64_t inner = Inner ? Inner : target.inner, low = target.low;
  T *const cells = target.cells;
  uint64_t ready = static_cast<uint64_t>(target.ready - low);
  for (int64_t i = 0; i < count; ++i, source += inner, indices += inner) {
    for (int64_t c = 0; c < inner; ++c) {
      const int64_t index = indices[c];
      // one comparison finds the common case: a cell that is owned and ready
      if (__builtin_expect(static_cast<uint64_t>(index - low) >= ready, 0)) {
        if (!target.reach(index, place + i * inner + c, bad)) continue;
        ready = static_cast<uint64_t>(target.ready - low);
      }
      T &cell = cells[index * inner + c];
      cell = add ? cell + source[c] : source[c];
    }
  }
}

// The same for `lanes` planes of NCHW at once, whose zeros are written: windows that overlap add to one cell one after the
// other, and the sums of several planes do not wait for each other.
template <bool add, int lanes, class T>
void put_planes(int64_t pixels, int64_t plane, const T *source, const int64_t *indices, T *cells, int64_t place,
                FirstBad &bad) {
  for (int64_t pixel = 0; pixel < pixels; ++pixel) {
    for (int lane = 0; lane < lanes; ++lane) {
      const int64_t at = lane * pixels + pixel, index = indices[at];
      if (static_cast<uint64_t>(index) < static_cast<uint64_t>(plane)) {
        T &cell = cells[lane * plane + index];
        cell = add ? cell + source[at] : source[at];
      } else if (index != -1) {
        bad.see(place + at);
      }
    }
  }
}

// Calls body(constant) with the number of channels where it is small, so that the loop over them is unrolled, else with 0.
template <class Body>
void with_inner(int64_t inner, const Body &body) {
  if (inner == 1) body(std::integral_constant<int, 1>());
  else if (inner == 2) body(std::integral_constant<int, 2>());
  else if (inner == 3) body(std::integral_constant<int, 3>());
  else if (inner == 4) body(std::integral_constant<int, 4>());
  else body(std::integral_constant<int, 0>());
}

// Writes target = 0 and then adds or puts each source at its index, in C order. A part owns planes or, where they are fewer
// than threads, some cells of each: whatever the parts, each cell sees the same order.
template <bool add, class T>
void scatter(const PoolGeometry &geometry, int threads, const T *source, const int64_t *indices, T *target) {
  const Planes planes(geometry);
  const int64_t cells = geometry.input_pixels(), pixels = geometry.output_pixels(), inner = planes.inner;
  threads = threads_for(threads, planes.outer * inner * (cells + pixels));
  const int64_t shares =
      planes.outer < threads ? std::min<int64_t>(cells, ceil_div(threads, std::max<int64_t>(planes.outer, 1))) : 1;
  const bool small = inner == 1 && shares == 1 && cells * static_cast<int64_t>(sizeof(T)) <= ahead_bytes;
  FirstBad bad(planes.outer * inner * pixels);
  parallel_ranges(threads, planes.outer * shares, [&](int64_t first, int64_t last) {
    int64_t part = first;
    for (; small && part + 4 <= last; part += 4) {
      T *to = target + part * cells;
      std::fill(to, to + 4 * cells, T(0));
      put_planes<add, 4>(pixels, cells, source + part * pixels, indices + part * pixels, to, part * pixels, bad);
    }
    for (; part < last; ++part) {
      const auto [outer, share] = IndexGrid{planes.outer, shares}.at(part);
      const Range own = even_share(cells, share, shares);
      const int64_t begin = outer * pixels * inner;
      Target<T> to{target + outer * cells * inner, inner, own.begin, own.end, own.begin, cells};
      with_inner(inner, [&](auto constant) {
        put_all<add, decltype(constant)::value>(pixels, source + begin, indices + begin, to, begin, bad);
      });
      to.prepare(to.high);
    }
  });
  require_good(bad, geometry, indices);
}

// values = cells[index] for `count` x `inner` places, 0 for index -1.
template <int Inner, class T>
void take_all(int64_t count, int64_t channels, int64_t plane, const T *cells, const int64_t *indices, T *values,
              int64_t place, FirstBad &bad) {
  const int64_t inner = Inner ? Inner : channels;
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t c = 0; c < inner; ++c, ++indices, ++values) {
      const int64_t index = *indices;
      if (static_cast<uint64_t>(index) < static_cast<uint64_t>(plane)) {
        *values = cells[index * inner + c];
      } else {
        *values = T(0);
        if (index != -1) bad.see(place + i * inner + c);
      }
    }
  }
}

// target = source at each index, 0 for index -1.
template <class T>
void gather(const PoolGeometry &geometry, int threads, const T *source, const int64_t *indices, T *target) {
  const Planes planes(geometry);
  const int64_t cells = geometry.input_pixels(), pixels = geometry.output_pixels(), inner = planes.inner;
  FirstBad bad(planes.outer * inner * pixels);
  threads = threads_for(threads, planes.outer * inner * pixels);
  parallel_ranges(threads, planes.outer * pixels, [&](int64_t first, int64_t last) {
    for (int64_t pixel = first; pixel < last;) {
      const int64_t outer = pixel / pixels, stop = std::min(last, (outer + 1) * pixels);  // of this plane
      const T *from = source + outer * cells * inner;
      const int64_t begin = pixel * inner;
      with_inner(inner, [&](auto constant) {
        take_all<decltype(constant)::value>(stop - pixel, inner, cells, from, indices + begin, target + begin, begin,
                                            bad);
      });
      pixel = stop;
    }
  });
  require_good(bad, geometry, indices);
}

}  // namespace
}  // namespace pooling

template <class T>
void max_pool_backward(const PoolGeometry &geometry, int threads, const T *dy, const int64_t *indices, T *dx) {
  pooling::scatter<true>(geometry, threads, dy, indices, dx);
}

template <class T>
void max_unpool(const PoolGeometry &geometry, int threads, const T *y, const int64_t *indices, T *x) {
  pooling::scatter<false>(geometry, threads, y, indices, x);
}

template <class T>
void max_unpool_backward(const PoolGeometry &geometry, int threads, const T *dx, const int64_t *indices, T *dy) {
  pooling::gather(geometry, threads, dx, indices, dy);
}

template void max_pool_backward(const PoolGeometry &, int, const float *, const int64_t *, float *);
template void max_pool_backward(const PoolGeometry &, int, const double *, const int64_t *, double *);
template void max_unpool(const PoolGeometry &, int, const float *, const int64_t *, float *);
template void max_unpool(const PoolGeometry &, int, const double *, const int64_t *, double *);
template void max_unpool_backward(const PoolGeometry &, int, const float *, const int64_t *, float *);
template void max_unpool_backward(const PoolGeometry &, int, const double *, const int64_t *, double *);

}  // namespace gemmconv
