// Every kernel of every table that runs here, timed on operands that stay in the caches: a line of JSON for each, with its
// rate and the yardstick that belongs to it, measured in the same program: for arithmetic the peak of fused multiply-adds
// in that table's registers, for moving data memcpy over as many bytes. bench/kernels.py builds and runs it.
//   kernels_bench [SECONDS FOR EACH KERNEL]
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/kernels.hpp"

using namespace gemmconv;

namespace {

double seconds_for_each = 0.04;

// Fastest of 15 blocks of calls, each block long enough for the clock.
double seconds_of(const std::function<void()> &call) {
  using clock = std::chrono::steady_clock;
  const auto timed = [&](int64_t calls) {
    const auto start = clock::now();
    for (int64_t i = 0; i < calls; ++i) call();
    return std::chrono::duration<double>(clock::now() - start).count() / static_cast<double>(calls);
  };
  constexpr int blocks = 15;
  timed(1);
  const int64_t calls = std::max<int64_t>(1, std::llround(seconds_for_each / blocks / std::max(timed(3), 1e-9)));
  double fastest = timed(calls);
  for (int block = 1; block < blocks; ++block) fastest = std::min(fastest, timed(calls));
  return fastest;
}

// Random numbers that begin at a cache line.
template <class T>
class Numbers {
 public:
  explicit Numbers(int64_t count) : all_(static_cast<size_t>(count) + 64 / sizeof(T)) {
    std::mt19937_64 generator(7);
    std::normal_distribution<double> normal;
    for (T &value : all_) value = static_cast<T>(normal(generator));
  }
  operator T *() {
    const size_t beyond = reinterpret_cast<size_t>(all_.data()) % 64;
    return all_.data() + (beyond ? (64 - beyond) / sizeof(T) : 0);
  }

 private:
  std::vector<T> all_;
};

// One measurement: `work` is operations, or bytes read and written, of one call.
struct Entry {
  std::string kernel, shape;
  bool arithmetic;
  double work;
  std::function<void()> call;
};

std::string sizes(int64_t m, int64_t n, int64_t k) {
  return std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k);
}
std::string sizes(int64_t m, int64_t n) { return std::to_string(m) + "x" + std::to_string(n); }

// THE LIST: a new kernel of the table is a new `add` here. The operands live as long as `for_each` runs.
template <class T, class Add>
void for_each(const Kernels &tables, const Add &add) {
  const KernelTable<T> &table = tables.of<T>();
  constexpr bool flops = true, bytes = false;
  constexpr double size = sizeof(T);
  const GemmKernel<T> &gemm = table.gemm;
  const StridedKernel<T> &strided = table.strided;
  const OffsetKernel<T> &offset = table.offset;
  const MoveKernel<T> &moves = table.moves;
  const PanelKernel<T> &panel = table.panel;
  const PixelBroadcastKernel<T> &lanes = table.pixel_broadcast;
  const WeightGradientKernel<T> &weights = table.weight_gradient;
  const int64_t mr = gemm.mr, nr = gemm.nr, kc = gemm.kc;
  Numbers<T> a(1 << 17), b(1 << 17), c(1 << 17), d(1 << 15);

  add({"tile", sizes(mr, nr, kc), flops, 2.0 * mr * nr * kc,
       [&] { gemm.tile(kc, a, b, c, nr, gemm.mr, gemm.nr, false); }});
  add({"tile, a row and a column short", sizes(mr - 1, nr - 1, kc), flops, 2.0 * (mr - 1) * (nr - 1) * kc,
       [&] { gemm.tile(kc, a, b, c, nr, gemm.mr - 1, gemm.nr - 1, false); }});
  add({"unpacked", sizes(4 * mr, 4 * nr, 128), flops, 2.0 * 16 * mr * nr * 128,
       [&] { gemm.unpacked(4 * mr, 4 * nr, 128, a, 128, 1, b, 4 * nr, c, 4 * nr, false); }});
  add({"pack, rows contiguous", sizes(nr, kc), bytes, 2 * size * static_cast<double>(nr * kc),
       [&] { gemm.pack(nr, kc, nr, a, 1, nr + 8, b); }});
  add({"pack, rows transposed", sizes(mr, kc), bytes, 2 * size * static_cast<double>(mr * kc),
       [&] { gemm.pack(mr, kc, mr, a, kc + 8, 1, b); }});
  add({"outer", sizes(32, 56, 64), flops, 2.0 * 32 * 56 * 64,
       [&] { strided.outer(32, 56, 64, a, 64, 1, b, 56, c, 56); }});
  add({"dot", sizes(16, 16, 784), flops, 2.0 * 16 * 16 * 784,
       [&] { strided.dot(16, 16, 784, a, 784, b, 784, c, 16, 1); }});
  add({"transpose", sizes(64, 64), bytes, 2 * size * 64 * 64, [&] { moves.transpose(64, 64, a, 72, b, 72); }});
  add({"transpose, tails", sizes(59, 61), bytes, 2 * size * 59 * 61, [&] { moves.transpose(59, 61, a, 72, b, 72); }});

  // 3x3 kernels on rows of 56 pixels with a padded cell at each end; correlate reads 16 channels
  std::vector<int64_t> offsets;
  for (int64_t channel = 0; channel < 16; ++channel) {
    for (int64_t tap = 0; tap < 9; ++tap) offsets.push_back(channel * 58 * 6 + tap / 3 * 58 + tap % 3);
  }
  const int64_t taps = static_cast<int64_t>(offsets.size());
  add({"correlate", sizes(32, 56, taps), flops, 2.0 * 32 * 56 * static_cast<double>(taps),
       [&, taps] { offset.outer(32, 56, taps, a, taps, 1, b, offsets.data(), c, 56, false); }});
  add({"dots", sizes(16, 56, taps), flops, 2.0 * 16 * 56 * static_cast<double>(taps),
       [&, taps] { offset.dot(16, 56, taps, a, 56, b, offsets.data(), c, taps); }});
  const PlaneWindowKernel<T> &window = table.plane_windows;
  for (const int64_t f : {3, 5, 7}) {
    const PlaneWindow plane_window{56, 56, 56, f, f, 1, -f / 2, -f / 2, 1, 56, 56, 56};
    const Series series{8, f * f, 56 * 56, 56 * 56};
    add({"window " + sizes(f, f), sizes(8, 56, 56), flops, 2.0 * 8 * 56 * 56 * static_cast<double>(f * f),
         [&, f, plane_window, series] { window.correlate(plane_window, series, a, TapSteps{f, 1}, b, c, false); }});
  }
  add({"copy, rows", sizes(56, 56), bytes, 2 * size * 56 * 56, [&] { moves.copy(56, 56, a, 64, 1, b, 58, 1); }});
  add({"copy, every second", sizes(56, 56), bytes, 2 * size * 56 * 56,
       [&] { moves.copy(56, 56, a, 112, 2, b, 56, 1); }});
  add({"interleave", sizes(56, 56), bytes, 2 * size * 56 * 56, [&] { moves.interleave(56, 56, a, c, 28, b, 56); }});

  // that layer once more, through panels of a tile's columns with a padded cell at one end
  const int64_t columns = panel.columns;
  PanelProduct<T> product{};
  product.m = 48, product.n = columns;
  product.a = a, product.a_row = taps, product.inner = taps, product.a_inner = 1, product.outer = 1;
  product.b = b, product.b_row = columns;
  product.c = c, product.c_row = columns;
  const double product_work = 2.0 * 48 * static_cast<double>(columns * taps);
  add({"product", sizes(48, columns, taps), flops, product_work, [&] { panel.product(product); }});
  PanelProduct<T> remainder = product;
  remainder.m = 47, remainder.n = columns - 1;
  add({"product, a row and a column short", sizes(47, columns - 1, taps), flops,
       2.0 * 47 * static_cast<double>((columns - 1) * taps), [&] { panel.product(remainder); }});
  PanelProduct<T> indexed = product;
  indexed.b_offsets = offsets.data();
  add({"product, rows by offsets", sizes(48, columns, taps), flops, product_work, [&] { panel.product(indexed); }});
  PanelProduct<T> copied = product;
  copied.copy = d, copied.copy_row = columns;
  add({"product, rows copied", sizes(48, columns, taps), flops, product_work, [&] { panel.product(copied); }});
  const int32_t end = static_cast<int32_t>(columns) - 1;
  std::vector<PanelRun> runs;
  std::vector<int32_t> first_run;
  for (int64_t from = 0; from < 600; from += 200) {
    const PanelRun of_three_taps[] = {{0, 1, -1}, {1, end, from}, {0, end + 1, from}, {0, end, from + 1}, {end, 1, -1}};
    for (const PanelRun &run : of_three_taps) {
      if (run.column == 0) first_run.push_back(static_cast<int32_t>(runs.size()));
      runs.push_back(run);
    }
  }
  first_run.push_back(static_cast<int32_t>(runs.size()));
  for (const int64_t step : {1, 2}) {
    add({"gather, step " + std::to_string(step), sizes(taps, columns), bytes,
         2 * size * static_cast<double>(taps * columns),
         [&, step] { moves.gather(16, 9, first_run.data(), runs.data(), a, 1024, step, b, columns + 16); }});
  }
  for (const int64_t vectors : {1, 2}) {
    const int64_t outputs = vectors * table.lanes;
    add({vectors == 1 ? "lanes, one vector" : "lanes, two vectors", sizes(56, outputs, taps), flops,
         2.0 * 56 * static_cast<double>(outputs * taps), [&, vectors, outputs] {
           lanes.row[vectors - 1](56, taps, a, offsets.data(), b, outputs, c, outputs, false);
         }});
  }
  // the gradient of its weights from 4 rows of pixels, for as many target channels as one tile takes
  const int64_t targets = int64_t{weights.vectors} * table.lanes;
  add({"weights", sizes(taps, targets, 4 * 56), flops, 2.0 * static_cast<double>(taps * targets) * 4 * 56,
       [&] { weights.sums(weights.vectors, taps, 4, 56, a, offsets.data(), 58, b, targets, d, targets); }});

  if constexpr (std::is_same_v<T, float>) {
    const ActivationKernel &activation = tables.activation_f32;
    constexpr int64_t count = 4096;
    const std::string shape = std::to_string(count);
    Numbers<T> z(count);  // c has grown: derivatives there are subnormal, and slow
    add({"sigmoid", shape, bytes, 2 * size * count, [&] { activation.sigmoid(count, a, b); }});
    add({"tanh", shape, bytes, 2 * size * count, [&] { activation.tanh(count, a, b); }});
    add({"sigmoid_backward", shape, bytes, 3 * size * count, [&] { activation.sigmoid_backward(count, a, z, b); }});
    add({"tanh_backward", shape, bytes, 3 * size * count, [&] { activation.tanh_backward(count, a, z, b); }});
  }
}

template <class T>
double peak(const Kernels &tables) {
  const PeakKernel<T> &kernel = tables.of<T>().peak;
  constexpr int64_t steps = 4000;
  volatile T sink = 0;
  const double seconds = seconds_of([&] { sink = kernel.multiply_add(steps, T(0.75)); });
  return static_cast<double>(steps * kernel.flops) / seconds;
}

template <class T>
constexpr const char *type_name = nullptr;
template <>
constexpr const char *type_name<float> = "float32";
template <>
constexpr const char *type_name<double> = "float64";

// memcpy of half as many bytes: each is read and written.
double copying(double bytes) {
  const size_t count = static_cast<size_t>(bytes / 2);
  std::vector<char> from(count, 1), to(count, 2);
  return bytes / seconds_of([&] {
           std::memcpy(to.data(), from.data(), count);
           asm volatile("" ::"r"(to.data()) : "memory");
         });
}

template <class T>
void measure(const Kernels &tables) {
  const double highest = peak<T>(tables);
  for_each<T>(tables, [&](const Entry &entry) {
    const double rate = entry.work / seconds_of(entry.call);
    const double yardstick = entry.arithmetic ? highest : copying(entry.work);
    std::printf(
        "{\"isa\": \"%s\", \"dtype\": \"%s\", \"kernel\": \"%s\", \"shape\": \"%s\", \"unit\": \"%s\", \"rate\": %.4g, "
        "\"yardstick\": %.4g}\n",
        tables.name, type_name<T>, entry.kernel.c_str(), entry.shape.c_str(), entry.arithmetic ? "GFLOP/s" : "GB/s",
        rate / 1e9, yardstick / 1e9);
    std::fflush(stdout);
  });
}

}  // namespace

int main(int count, char **words) {
  if (count > 1) seconds_for_each = std::atof(words[1]);
  if (!(seconds_for_each > 0)) {
    std::fprintf(stderr, "usage: %s [SECONDS FOR EACH KERNEL, above 0]\n", words[0]);
    return 2;
  }
  for (int index = 0; kernels_at(index); ++index) {
    if (!runs_here(*kernels_at(index))) continue;
    measure<float>(*kernels_at(index));
    measure<double>(*kernels_at(index));
  }
  return 0;
}
