// The list of the variants of the implicit strategy, in the order of the table.
#include "implicit.hpp"

namespace gemmconv::implicit {
namespace {

const Variant table[] = {
    {"bands", bands_refuse, prepare_bands},
    {"pixels", pixels_refuse, prepare_pixels},
    {"panels", panels_refuse, prepare_panels},
    {"rows", rows_refuse, prepare_rows},
    {"weight_bands", weight_bands_refuse, prepare_weight_bands},
    {"weight_panels", weight_panels_refuse, prepare_weight_panels},
    {"weight_rows", weight_rows_refuse, prepare_weight_rows},
};

}  // namespace

const VariantList variants = table;

}  // namespace gemmconv::implicit
