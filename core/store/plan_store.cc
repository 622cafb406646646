#include "core/store/plan_store.h"

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"
#include "core/base/fingerprint.h"
#include "core/base/status_macros.h"

namespace ballast {

const char* PlanStateName(PlanState state) {
  switch (state) {
    case PlanState::kPreparing:
      return "preparing";
    case PlanState::kDecided:
      return "decided";
    case PlanState::kAborted:
      return "aborted";
  }
  BALLAST_CHECK(false);
}

absl::Status CheckProposal(const PlanRecord& record) {
  if (record.ep_group.empty()) return absl::InvalidArgumentError("plan of no EP group");
  BALLAST_RETURN_IF_ERROR(CheckShape(record.shape));
  const PlacementPlan& plan = record.plan;
  if (plan.num_slots < 1 || plan.num_slots > kMaxSlots) {
    return absl::InvalidArgumentError(
        absl::StrCat("plan has ", plan.num_slots, " slots a layer, not 1 to ", kMaxSlots));
  }
  const std::size_t size = static_cast<std::size_t>(record.shape.num_layers) * plan.num_slots;
  if (plan.expert_in_slot.size() != size || plan.share.size() != size) {
    return absl::InvalidArgumentError(absl::StrCat("plan has ", plan.expert_in_slot.size(),
                                                   " slots and ", plan.share.size(), " shares, ",
                                                   record.shape.num_layers, " layers need ", size));
  }
  for (std::size_t i = 0; i < size; ++i) {
    const int expert = plan.expert_in_slot[i].value;
    if (expert >= 0 && expert < record.shape.num_experts) continue;
    return absl::InvalidArgumentError(absl::StrCat("layer ", i / plan.num_slots, ", slot ",
                                                   i % plan.num_slots, ": expert ", expert,
                                                   " out of [0, ", record.shape.num_experts, ")"));
  }
  const Digest digest = PlanDigest(record.shape, plan);
  if (record.id.digest != digest) {
    return absl::InvalidArgumentError(absl::StrCat("digest ", DigestHex(record.id.digest, 4),
                                                   " is not the plan's, ", DigestHex(digest, 4)));
  }
  return absl::OkStatus();
}

}  // namespace ballast
