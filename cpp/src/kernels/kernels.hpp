// The innermost code, one table per instruction set and type. A table is plain data: which tile sizes suit the set and where
// its functions are. Contracts and bodies lie in folders by role; bodies are written once over a small vector type
// (isa/simd_*.hpp) and compiled per set. README.md is the map.
#pragma once

#include <cstdint>
#include <type_traits>

#include "activations/activations.hpp"
#include "moves/moves.hpp"
#include "pools/pools.hpp"
#include "products/channels_last.hpp"
#include "products/gemm.hpp"
#include "products/offset.hpp"
#include "products/panel.hpp"
#include "products/peak.hpp"
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
  ChannelsLastKernel<T> channels_last;
  WeightGradientKernel<T> weight_gradient;
  MoveKernel<T> moves;
  PlaneWindowKernel<T> plane_windows;
  ChannelWindowKernel<T> channel_windows;
  PoolKernel<T> pools;
  PeakKernel<T> peak;
};

// Accessors by the names that call sites use until they are renamed.
template <class T>
struct DirectKernel {
  decltype(StridedKernel<T>::outer) outer;
  decltype(StridedKernel<T>::dot) dot;
  decltype(MoveKernel<T>::transpose) transpose;
};
template <class T>
struct ShiftedKernel {
  decltype(OffsetKernel<T>::outer) correlate;
  decltype(OffsetKernel<T>::dot) dots;
};
template <class T>
struct LanesKernel {
  int lanes;
  std::remove_reference_t<decltype(ChannelsLastKernel<T>::row[0])> row[2];
};
template <class T>
struct WeightsKernel {
  int lanes, vectors;
  decltype(WeightGradientKernel<T>::sums) sums;
};
template <class T>
using PlaneKernel = MoveKernel<T>;
template <class T>
using WindowKernel = PlaneWindowKernel<T>;
template <class T>
using ChannelKernel = ChannelWindowKernel<T>;
template <class T>
using Product = PanelProduct<T>;
using Run = PanelRun;

struct Kernels {
  const char *name;  // "avx512"
  KernelTable<float> f32;
  KernelTable<double> f64;
  ActivationKernel activation_f32;

  // The table of one type. A type without a table does not compile.
  template <class T>
  const KernelTable<T> &of() const = delete;

  template <class T>
  const GemmKernel<T> &gemm() const {
    return of<T>().gemm;
  }
  template <class T>
  DirectKernel<T> direct() const {
    return {of<T>().strided.outer, of<T>().strided.dot, of<T>().moves.transpose};
  }
  template <class T>
  ShiftedKernel<T> shifted() const {
    return {of<T>().offset.outer, of<T>().offset.dot};
  }
  template <class T>
  const PanelKernel<T> &panel() const {
    return of<T>().panel;
  }
  template <class T>
  LanesKernel<T> lanes() const {
    return {of<T>().lanes, {of<T>().channels_last.row[0], of<T>().channels_last.row[1]}};
  }
  template <class T>
  WeightsKernel<T> weights() const {
    return {of<T>().lanes, of<T>().weight_gradient.vectors, of<T>().weight_gradient.sums};
  }
  template <class T>
  const MoveKernel<T> &plane() const {
    return of<T>().moves;
  }
  template <class T>
  const PeakKernel<T> &peak() const {
    return of<T>().peak;
  }
  template <class T>
  const PoolKernel<T> &pool() const {
    return of<T>().pools;
  }
  template <class T>
  const PlaneWindowKernel<T> &window() const {
    return of<T>().plane_windows;
  }
  template <class T>
  const ChannelWindowKernel<T> &channel() const {
    return of<T>().channel_windows;
  }
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
