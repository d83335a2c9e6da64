// The variants of im2col. Both can do every problem; the cost model says which does it faster.
#include "im2col.hpp"

namespace gemmconv::im2col {
namespace {

const char *refuses(const Problem &, const Execution &) { return nullptr; }

const Variant table[] = {{"wide", refuses, prepare_wide}, {"grouped", refuses, prepare_grouped}};

}  // namespace

const VariantList variants = table;

}  // namespace gemmconv::im2col
