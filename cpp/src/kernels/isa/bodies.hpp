// Every body, and the table of one type that they make. Included by the file of each instruction set inside its unnamed
// namespace, behind the set's simd_*.hpp: nothing of this leaves that file, as others are compiled for other machines.
#include "../products/register_tile_body.hpp"

#include "../products/strided_body.hpp"

#include "../products/strided_dot_body.hpp"

#include "../moves/copy_body.hpp"

#include "../moves/interleave_body.hpp"

#include "../moves/transpose_body.hpp"

#include "../moves/pack_body.hpp"

#include "../moves/gather_body.hpp"

#include "../products/gemm_body.hpp"

#include "../products/offset_body.hpp"

#include "../products/offset_dot_body.hpp"

#include "../products/panel_body.hpp"

#include "../products/pixel_broadcast_body.hpp"

#include "../products/weight_gradient_body.hpp"

#include "../products/peak_body.hpp"

#include "../windows/reach_body.hpp"

#include "../windows/plane_body.hpp"

#include "../windows/plane_interleaved_body.hpp"

#include "../windows/plane_gradient_body.hpp"

#include "../windows/channel_body.hpp"

#include "../pools/window_body.hpp"

#include "../pools/row_body.hpp"

#include "../activations/activation_body.hpp"

// The table of one type, from its GEMM and from the instruction set's tile sizes. `Tiles` has
//   rows, vectors        the strided product's tile, in rows and vectors
//   dot_columns          a tile of dot products has 4 rows and so many columns
//   offset_sums          sums of a tile whose right operand is read at offsets
//   panel_registers      vector registers that a tile with the panel fills, as do the sums of the weight gradient
//   panel_vectors        vectors of the widest such tile
//   pixels               of a tile with contiguous output channels, by one or two vectors
//   gradient_rows        rows of dy that the gradient of a plane's kernel holds in registers
template <class T, class Tiles>
constexpr KernelTable<T> kernel_table(GemmKernel<T> gemm) {
  return {Simd<T>::lanes,
          gemm,
          {outer_added<T, Tiles::rows, Tiles::vectors>, dot<T, Tiles::dot_columns>},
          {offset_outer<T, Tiles::offset_sums>, offset_dot<T, Tiles::offset_sums>},
          {Tiles::panel_vectors * Simd<T>::lanes, panel_product<T, Tiles::panel_registers, Tiles::panel_vectors>},
          {{pixel_broadcast_row<T, Tiles::pixels, 1>, pixel_broadcast_row<T, Tiles::pixels, 2>}},
          {Tiles::panel_vectors, weight_gradient<T, Tiles::panel_registers, Tiles::panel_vectors>},
          {copy_rows<T>, add_rows<T>, transpose<T>, interleave<T>, deinterleave<T>, gather<T>},
          {plane_correlate<T>, plane_interleaved<T>, plane_gradient<T, Tiles::gradient_rows>},
          {channel_correlate<T>, channel_gradient<T>},
          {largest<T>, argmax<T>, mean<T>, norm<T>, weighted<T>, row_means<T>, row_maxima<T>},
          {peak_flops<T>, multiply_add<T>}};
}
