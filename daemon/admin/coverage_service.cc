#include "daemon/admin/coverage_service.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "ballast/v1/query.pb.h"
#include "core/base/status_macros.h"
#include "core/model/coverage.h"
#include "daemon/admin/status_service.h"
#include "proto/wire/placement_wire.h"

namespace ballast {
namespace {

struct AskedPlan {
  PlanId id;
  std::shared_ptr<const PlacementPlan> plan;
};

absl::StatusOr<AskedPlan> PlanOf(const GroupHandle& group, const PlanStore& store,
                                 const v1::GetCoverageRequest& request) {
  const GroupConfig& config = *group.config;
  if (!request.has_version()) {
    const RolloutFacts facts = group.rollout->Facts();
    return AskedPlan{facts.decided, facts.decided_plan};
  }
  const PlanVersion version = DecodePlanVersion(request.version());
  if (version == PlanVersion{}) {
    auto plan = std::make_shared<PlacementPlan>(InitialPlan(config.shape, config.topology));
    return AskedPlan{PlanIdOf(config.shape, *plan), plan};
  }
  BALLAST_ASSIGN_OR_RETURN(const PlanRecord record, store.Get(config.name, version));
  if (!IsMadeFor(config, record)) {
    return absl::FailedPreconditionError(
        absl::StrCat("plan ", version.term, ".", version.sequence,
                     " was made for another model or fleet than the configuration declares"));
  }
  return AskedPlan{record.id, std::make_shared<PlacementPlan>(record.plan)};
}

absl::StatusOr<LostRanks> LostOf(const Topology& topology, const v1::GetCoverageRequest& request) {
  LostRanks lost = NoRanksLost(topology);
  for (const std::uint32_t rank : request.lost_ranks()) {
    if (rank >= lost.size()) {
      return absl::OutOfRangeError(absl::StrCat("rank ", rank, " out of [0, ", lost.size(), ")"));
    }
    lost[rank] = true;
  }
  for (const std::uint32_t row : request.lost_rows()) {
    if (row >= static_cast<std::uint32_t>(topology.num_rows())) {
      return absl::OutOfRangeError(
          absl::StrCat("row ", row, " out of [0, ", topology.num_rows(), ")"));
    }
    LoseRow(topology, RowId(static_cast<std::int32_t>(row)), lost);
  }
  return lost;
}

// Ranks without a session; none where nobody needs one.
LostRanks GoneRanks(const GroupHandle& group) {
  LostRanks gone = NoRanksLost(group.config->topology);
  if (group.config->policy.observe_only) return gone;
  const RolloutView view = group.rollout->View();
  for (std::size_t rank = 0; rank < view.workers.size() && rank < gone.size(); ++rank) {
    gone[rank] = !HasSession(view.workers[rank].state);
  }
  return gone;
}

void FillSummary(const GroupConfig& config, const CoverageSummary& summary, v1::Coverage* answer) {
  answer->set_ep_group(config.name);
  answer->set_layers(static_cast<std::uint32_t>(config.shape.num_layers));
  answer->set_experts(static_cast<std::uint32_t>(config.shape.num_experts));
  answer->set_ranks(static_cast<std::uint32_t>(config.topology.num_ranks()));
  answer->set_rows(static_cast<std::uint32_t>(config.topology.num_rows()));
  answer->set_single_rank_experts(static_cast<std::uint32_t>(summary.single_rank_experts));
  answer->set_single_row_experts(static_cast<std::uint32_t>(summary.single_row_experts));
  for (const int pairs : summary.lost_with_rank) {
    answer->add_lost_with_rank(static_cast<std::uint32_t>(pairs));
  }
  for (const int pairs : summary.lost_with_row) {
    answer->add_lost_with_row(static_cast<std::uint32_t>(pairs));
  }
}

}  // namespace

absl::Status AnswerCoverage(const QueryServiceParts& parts, const v1::GetCoverageRequest& request,
                            v1::Coverage* answer) {
  BALLAST_ASSIGN_OR_RETURN(const GroupHandle* group, ChooseGroup(parts.groups, request.ep_group()));
  const GroupConfig& config = *group->config;
  BALLAST_ASSIGN_OR_RETURN(const LostRanks lost, LostOf(config.topology, request));
  BALLAST_ASSIGN_OR_RETURN(const AskedPlan asked, PlanOf(*group, parts.store, request));
  const int num_experts = config.shape.num_experts;
  EncodePlanId(asked.id, answer->mutable_plan());
  FillSummary(config, SummarizeCoverage(num_experts, config.topology, *asked.plan), answer);
  const std::vector<LayerExpert> uncovered =
      UncoveredExperts(num_experts, config.topology, *asked.plan, lost);
  answer->set_uncovered(static_cast<std::uint32_t>(uncovered.size()));
  for (std::size_t i = 0; i < uncovered.size() && i < kMaxUncoveredNamed; ++i) {
    v1::UncoveredExpert* out = answer->add_first_uncovered();
    out->set_layer(static_cast<std::uint32_t>(uncovered[i].layer.value));
    out->set_expert(static_cast<std::uint32_t>(uncovered[i].expert.value));
  }
  const LostRanks gone = GoneRanks(*group);
  for (std::uint32_t rank = 0; rank < lost.size(); ++rank) {
    if (lost[rank]) answer->add_lost_ranks(rank);
    if (gone[rank]) answer->add_gone_ranks(rank);
  }
  answer->set_uncovered_now(static_cast<std::uint32_t>(
      UncoveredExperts(num_experts, config.topology, *asked.plan, gone).size()));
  return absl::OkStatus();
}

}  // namespace ballast
