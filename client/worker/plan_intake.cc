#include "client/worker/plan_intake.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/fingerprint.h"
#include "core/base/status_macros.h"
#include "core/model/placement_plan.h"
#include "core/routing/placement_table.h"

namespace ballast {

PlanIntake::PlanIntake(const ModelShape& shape, const Topology& topology, RankId rank)
    : shape_(shape), topology_(topology), rank_(rank) {
  for (int slot = 0; slot < topology.num_slots(); ++slot) {
    rank_of_slot_.push_back(topology.rank_of(SlotId(slot)));
  }
  for (int r = 0; r < topology.num_ranks(); ++r) {
    row_of_rank_.push_back(topology.row_of(RankId(r)));
  }
}

std::optional<Nack> PlanIntake::Check(const PrepareOrder& order, std::uint64_t membership_gen,
                                      PlanInHand* plan) const {
  plan->id = order.plan;
  plan->peers_run_it = order.peers_run_plan;
  if (order.membership_gen != membership_gen) {
    return Nack{NackCode::kMembershipMismatch,
                absl::StrCat("plan is for membership ", order.membership_gen, ", worker has ",
                             membership_gen)};
  }
  if (!order.placement.ok()) {
    return Nack{NackCode::kShapeMismatch, std::string(order.placement.status().message())};
  }
  if (const absl::Status status = CheckPlan(shape_, topology_, *order.placement); !status.ok()) {
    const bool other_fleet = status.code() == absl::StatusCode::kFailedPrecondition;
    return Nack{other_fleet ? NackCode::kMembershipMismatch : NackCode::kShapeMismatch,
                std::string(status.message())};
  }
  const Digest digest = PlanDigest(shape_, *order.placement);
  if (digest != order.plan.digest) {
    return Nack{NackCode::kDigestMismatch,
                absl::StrCat("plan is named ", DigestHex(order.plan.digest, 8),
                             ", its content has ", DigestHex(digest, 8))};
  }
  std::string error;
  plan->table = BuildTable(order.plan, *order.placement, &error);
  if (plan->table == nullptr) return Nack{NackCode::kShapeMismatch, std::move(error)};
  plan->plan = std::make_shared<const PlacementPlan>(*order.placement);
  return std::nullopt;
}

absl::StatusOr<PlanInHand> PlanIntake::Make(const PlacementPlan& placement) const {
  BALLAST_RETURN_IF_ERROR(CheckPlan(shape_, topology_, placement));
  PlanInHand plan;
  plan.id = PlanIdOf(shape_, placement);
  std::string error;
  plan.table = BuildTable(plan.id, placement, &error);
  if (plan.table == nullptr) return absl::InvalidArgumentError(error);
  plan.plan = std::make_shared<const PlacementPlan>(placement);
  return plan;
}

std::shared_ptr<const PlacementTable> PlanIntake::BuildTable(const PlanId& id,
                                                             const PlacementPlan& plan,
                                                             std::string* error) const {
  TableSpec spec;
  spec.id = id;
  spec.num_layers = shape_.num_layers;
  spec.num_experts = shape_.num_experts;
  spec.num_slots = plan.num_slots;
  spec.expert_in_slot = plan.expert_in_slot;
  spec.share = plan.share;
  spec.rank_of_slot = rank_of_slot_;
  spec.row_of_rank = row_of_rank_;
  spec.own_rank = rank_;
  return PlacementTable::Build(spec, error);
}

}  // namespace ballast
