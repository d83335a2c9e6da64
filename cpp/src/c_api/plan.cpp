// The C interface to plans: made from a problem and settings, asked, run, and run with packed weights.
#include <memory>

#include "../workspace.hpp"
#include "boundary.hpp"

struct gemmconv_plan {
  std::shared_ptr<const gemmconv::Plan> plan;
};

struct gemmconv_packed {
  std::shared_ptr<const gemmconv::Plan> plan;  // which made them, and which alone runs them
  gemmconv::Workspace weights;
};

using namespace gemmconv;

namespace {

void run(const Prepared &prepared, const Problem &problem, const void *first, const void *second, const void *bias,
         void *out, void *workspace) {
  const Geometry &geometry = problem.geometry;
  const bool weight_gradient = problem.pass == Pass::backward_weight;
  require(!weight_gradient || bias == nullptr, "a weight gradient takes no bias; bias must be NULL");
  if (weight_gradient) check_pointer(out, 1, "out");
  if (geometry.batch == 0) {
    if (weight_gradient) std::memset(out, 0, geometry.w_size() * problem.item_bytes());
    return;
  }
  check_pointer(first, 1, "first");
  check_pointer(second, 1, "second");
  check_pointer(out, 1, "out");
  require(reinterpret_cast<uintptr_t>(workspace) % 64 == 0, "workspace must be aligned to 64 bytes");
  const Workspace own(workspace ? 0 : prepared.workspace_bytes);
  prepared.run(Arguments{first, second, bias, out, workspace ? workspace : own.data()});
}

}  // namespace

extern "C" {

int gemmconv_plan_create(const gemmconv_problem *problem, const gemmconv_settings *settings, gemmconv_plan **plan) {
  return guarded([&] {
    require(plan != nullptr, "plan is NULL");
    *plan = nullptr;
    *plan = new gemmconv_plan{find_plan(read(problem), read(settings))};
  });
}

void gemmconv_plan_destroy(gemmconv_plan *plan) { delete plan; }

int gemmconv_plan_run(const gemmconv_plan *plan, const void *first, const void *second, const void *bias, void *out,
                      void *workspace) {
  return guarded([&] {
    require(plan != nullptr, "plan is NULL");
    run(plan->plan->prepared(), plan->plan->problem, first, second, bias, out, workspace);
  });
}

size_t gemmconv_plan_workspace_bytes(const gemmconv_plan *plan) {
  size_t bytes = 0;
  if (plan) guarded([&] { bytes = plan->plan->workspace_bytes(); });  // may prepare the plan for packed weights
  return bytes;
}

void gemmconv_plan_output_shape(const gemmconv_plan *plan, int64_t shape[5]) {
  if (!plan || !shape) return;
  std::fill(shape, shape + 5, 1);
  const Problem &problem = plan->plan->problem;
  const Geometry &geometry = problem.geometry;
  const bool weights = problem.pass == Pass::backward_weight, forward = problem.pass == Pass::forward;
  const Sizes &spatial = weights ? geometry.kernel : forward ? geometry.output : geometry.input;
  const bool channels_last = !weights && geometry.layout == Layout::nhwc;
  shape[0] = weights ? geometry.out_channels : geometry.batch;
  shape[channels_last ? geometry.rank + 1 : 1] = weights   ? geometry.group_inputs()
                                                 : forward ? geometry.out_channels
                                                           : geometry.in_channels;
  for (int i = 0; i < geometry.rank; ++i) shape[(channels_last ? 1 : 2) + i] = spatial[3 - geometry.rank + i];
}

const char *gemmconv_plan_strategy(const gemmconv_plan *plan) {
  return plan ? plan->plan->choice.strategy->name : nullptr;
}
const char *gemmconv_plan_variant(const gemmconv_plan *plan) {
  return plan ? plan->plan->choice.variant->name : nullptr;
}
double gemmconv_plan_flops(const gemmconv_plan *plan) { return plan ? plan->plan->flops : 0; }
double gemmconv_plan_error_bound(const gemmconv_plan *plan) { return plan ? plan->plan->error_bound() : 0; }

size_t gemmconv_plan_explain(const gemmconv_plan *plan, char *text, size_t capacity) {
  size_t needed = 0;
  guarded([&] {
    require(plan != nullptr, "plan is NULL");
    const std::string explanation = plan->plan->explain();
    needed = explanation.size() + 1;
    if (text && capacity) {
      const size_t length = std::min(explanation.size(), capacity - 1);
      std::memcpy(text, explanation.data(), length);
      text[length] = 0;
    }
  });
  return needed;
}

int gemmconv_plan_pack(const gemmconv_plan *plan, const void *w, gemmconv_packed **packed) {
  return guarded([&] {
    require(packed != nullptr, "packed is NULL");
    *packed = nullptr;
    require(plan != nullptr, "plan is NULL");
    const Plan &core = *plan->plan;
    require(core.problem.pass != Pass::backward_weight, "a weight gradient has no weights to pack");
    check_pointer(w, 1, "w");
    const Prepared &prepared = core.prepared_for_packed();
    auto made = std::unique_ptr<gemmconv_packed>(new gemmconv_packed{plan->plan, Workspace(prepared.packed_bytes)});
    prepared.pack(w, made->weights.data());
    *packed = made.release();
  });
}

int gemmconv_plan_run_packed(const gemmconv_plan *plan, const void *first, const gemmconv_packed *packed,
                             const void *bias, void *out, void *workspace) {
  return guarded([&] {
    require(plan != nullptr, "plan is NULL");
    require(packed != nullptr, "packed is NULL");
    const Plan &mine = *plan->plan, &theirs = *packed->plan;
    require(plan->plan == packed->plan, "these weights were packed by another plan (", theirs.choice.name(),
            ", this one is ", mine.choice.name(), "); pack them with the plan that runs them");
    run(mine.prepared_for_packed(), mine.problem, first, packed->weights.data(), bias, out, workspace);
  });
}

void gemmconv_packed_destroy(gemmconv_packed *packed) { delete packed; }

}  // extern "C"
