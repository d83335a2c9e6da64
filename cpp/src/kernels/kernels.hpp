// The innermost code, one table per instruction set and type. A table is plain data: which tile sizes suit the set and where
// its functions are. Contracts and bodies lie in folders by role; bodies are written once over a small vector type
// (isa/simd_*.hpp) and compiled per set. README.md is the map.
#pragma once

#include <cstdint>

#include "activations/activations.hpp"
#include "moves/moves.hpp"
#include "pools/pools.hpp"
#include "products/gemm.hpp"
#include "products/offset.hpp"
#include "products/panel.hpp"
#include "products/peak.hpp"
#include "products/pixel_broadcast.hpp"
#include "products/strided.hpp"
#include "products/weight_gradient.hpp"
#include "windows/channels.hpp"
#include "windows/planes.hpp"

namespace gemmconv {

template <class T>
struct KernelTable {
  int lanes;  // elements of one vector
  GemmKernel<T> gemm;
  StridedKernel<T> strided;
  OffsetKernel<T> offset;
  PanelKernel<T> panel;
  PixelBroadcastKernel<T> pixel_broadcast;
  WeightGradientKernel<T> weight_gradient;
  MoveKernel<T> moves;
  PlaneWindowKernel<T> plane_windows;
  ChannelWindowKernel<T> channel_windows;
  PoolKernel<T> pools;
  PeakKernel<T> peak;
};

struct Kernels {
  const char *name;  // "avx512"
  KernelTable<float> f32;
  KernelTable<double> f64;
  ActivationKernel activation_f32;

  // The table of one type. A type without a table does not compile.
  template <class T>
  const KernelTable<T> &of() const = delete;
};

template <>
inline const KernelTable<float> &Kernels::of<float>() const {
  return f32;
}
template <>
inline const KernelTable<double> &Kernels::of<double>() const {
  return f64;
}

// The tables in use, chosen once when the library is loaded: the first of the ordered list that this machine runs, or the
// one GEMMCONV_ISA names.
const Kernels &kernels();
// That of one type.
template <class T>
const KernelTable<T> &kernels() {
  return kernels().of<T>();
}
// The ordered list, best first; nullptr past the end.
const Kernels *kernels_at(int index);
// Whether this machine can run the tables.
bool runs_here(const Kernels &tables);
// A sentence about a GEMMCONV_ISA that names nothing or nothing that runs here, else nullptr.
const char *kernels_error();

}  // namespace gemmconv
