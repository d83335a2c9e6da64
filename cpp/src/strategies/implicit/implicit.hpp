// The variants of the implicit strategy: convolution as a matrix product whose column matrix never exists. What each
// promises is in strategies/variant.hpp; which is for which problem, in README.md.
#pragma once

#include "../variant.hpp"

namespace gemmconv::implicit {

extern const VariantList variants;

const char *bands_refuse(const Problem &, const Execution &);
PreparedPointer prepare_bands(const Problem &, const Execution &);

const char *pixels_refuse(const Problem &, const Execution &);
PreparedPointer prepare_pixels(const Problem &, const Execution &);

const char *panels_refuse(const Problem &, const Execution &);
PreparedPointer prepare_panels(const Problem &, const Execution &);

const char *rows_refuse(const Problem &, const Execution &);
PreparedPointer prepare_rows(const Problem &, const Execution &);

const char *weight_bands_refuse(const Problem &, const Execution &);
PreparedPointer prepare_weight_bands(const Problem &, const Execution &);

const char *weight_panels_refuse(const Problem &, const Execution &);
PreparedPointer prepare_weight_panels(const Problem &, const Execution &);

const char *weight_rows_refuse(const Problem &, const Execution &);
PreparedPointer prepare_weight_rows(const Problem &, const Execution &);

}  // namespace gemmconv::implicit
