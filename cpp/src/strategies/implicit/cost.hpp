// The cost model of the implicit strategy: what each variant should take, in seconds, for its layout of a problem.
#pragma once

#include "band_layout.hpp"
#include "panel_layout.hpp"
#include "weight_layout.hpp"

namespace gemmconv::implicit {

double bands_seconds(const Problem &, const Execution &, const BandLayout &);
double pixels_seconds(const Problem &, const Execution &, const BandLayout &);
double panels_seconds(const Problem &, const Execution &, const PanelLayout &);
double rows_seconds(const Problem &, const Execution &);  // all three passes
double weight_seconds(const Problem &, const Execution &, const WeightLayout &);

}  // namespace gemmconv::implicit
