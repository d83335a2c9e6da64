// The doors of the implicit strategy; what each promises is in strategies.hpp.
#pragma once

#include "../variant.hpp"

namespace gemmconv::implicit {

extern const VariantList variants;

const char *refuses(const Problem &, const Execution &);
size_t workspace_bytes(const Problem &, const Execution &);
double seconds(const Problem &, const Execution &);
size_t packed_bytes(const Problem &, const Execution &);
void pack(const Problem &, const Execution &, const void *w, void *packed);
void forward(const Problem &, const Execution &, const Arguments &);
void backward_input(const Problem &, const Execution &, const Arguments &);
void backward_weight(const Problem &, const Execution &, const Arguments &);

}  // namespace gemmconv::implicit
