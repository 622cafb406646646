#include "daemon/admin/plan_service.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "ballast/v1/query.pb.h"
#include "core/base/status_macros.h"
#include "daemon/admin/status_service.h"
#include "proto/wire/placement_wire.h"
#include "proto/wire/query_names.h"

namespace ballast {
namespace {

double UnixSeconds(absl::Time time) {
  return time == absl::InfinitePast() ? 0 : absl::ToDoubleSeconds(time - absl::UnixEpoch());
}

// The plan that runs before any plan, as if it were stored.
PlanRecord InitialRecord(const GroupConfig& config) {
  PlanRecord record;
  record.ep_group = config.name;
  record.shape = config.shape;
  record.plan = InitialPlan(config.shape, config.topology);
  record.id = PlanIdOf(config.shape, record.plan);
  record.base = record.id;
  record.state = PlanState::kDecided;
  record.reason = "slot s holds expert s mod the number of experts";
  record.proposed = absl::InfinitePast();
  record.decided = absl::InfinitePast();
  return record;
}

void FillPlan(const PlanRecord& record, v1::Plan* plan) {
  plan->set_ep_group(record.ep_group);
  EncodePlanId(record.id, plan->mutable_id());
  EncodePlanId(record.base, plan->mutable_base());
  plan->set_state(record.id.version == PlanVersion{} ? "initial" : PlanStateName(record.state));
  EncodeModelShape(record.shape, plan->mutable_shape());
  EncodePlacement(record.plan, plan->mutable_placement());
  plan->set_planner(record.planner);
  plan->set_reason(record.reason);
  plan->set_imbalance_before(record.imbalance_before);
  plan->set_imbalance_after(record.imbalance_after);
  plan->set_moved_slots(record.moved_slots);
  plan->set_proposed_unix_seconds(UnixSeconds(record.proposed));
  plan->set_decided_unix_seconds(UnixSeconds(record.decided));
}

// The phase of a plan that the store keeps, as the rollout sees it now.
const char* PhaseOf(const PlanRecord& record, const RolloutView& rollout) {
  if (record.state == PlanState::kAborted) return kAbortedPhase;
  const bool on_its_way = rollout.phase != PlanPhase::kIdle;
  if (record.state == PlanState::kPreparing) {
    const bool known = rollout.candidate.has_value() &&
                       rollout.candidate->version == record.id.version && on_its_way;
    return GroupPhaseName(known ? rollout.phase : PlanPhase::kPreparing);
  }
  if (record.id.version != rollout.decided.version || rollout.candidate.has_value()) {
    return kDonePhase;
  }
  if (on_its_way) return GroupPhaseName(rollout.phase);
  return rollout.active_everywhere ? kDonePhase : GroupPhaseName(PlanPhase::kCommitting);
}

// "forced", "rollback", or "planner" for all that the policy itself adopted.
std::string OriginOf(const DecisionRecord& decision) {
  const bool steered = decision.reason == "forced" || decision.reason == "rollback";
  return steered ? decision.reason : "planner";
}

void FillDecision(const DecisionRecord& decision, v1::PlanSummary* out) {
  out->set_decision(decision.number);
  out->set_origin(OriginOf(decision));
  out->set_same_row_bytes(decision.same_row_bytes);
  out->set_cross_row_bytes(decision.cross_row_bytes);
  if (decision.outcome != kDecisionOffered) out->set_outcome(decision.outcome);
}

void FillSummary(const PlanRecord& record, const RolloutView& rollout, absl::Duration now,
                 v1::PlanSummary* out) {
  EncodePlanId(record.id, out->mutable_id());
  EncodePlanId(record.base, out->mutable_base());
  out->set_phase(PhaseOf(record, rollout));
  out->set_current(record.id.version == rollout.decided.version);
  out->set_planner(record.planner);
  out->set_reason(record.reason);
  out->set_imbalance_before(record.imbalance_before);
  out->set_imbalance_after(record.imbalance_after);
  out->set_moved_slots(record.moved_slots);
  out->set_proposed_unix_seconds(UnixSeconds(record.proposed));
  out->set_decided_unix_seconds(UnixSeconds(record.decided));
  const bool done = out->phase() == kDonePhase;
  if (done) out->set_outcome(kDonePhase);
  if (record.state == PlanState::kAborted) {
    out->set_outcome(absl::StrCat(kAbortedPhase, ": ", record.reason));
  } else if (!done) {
    out->set_waiting_for(rollout.waiting_for);
    out->set_phase_age_seconds(absl::ToDoubleSeconds(now - rollout.phase_since));
  }
}

}  // namespace

absl::StatusOr<PlanRecord> FindPlan(const QueryServiceParts& parts, const GroupConfig& config,
                                    const PlanVersion& version) {
  if (version == PlanVersion{}) return InitialRecord(config);
  return parts.store.Get(config.name, version);
}

absl::Status AnswerPlan(const QueryServiceParts& parts, const v1::GetPlanRequest& request,
                        v1::Plan* answer) {
  BALLAST_ASSIGN_OR_RETURN(const GroupHandle* group, ChooseGroup(parts.groups, request.ep_group()));
  const PlanVersion version = request.has_version() ? DecodePlanVersion(request.version())
                                                    : group->rollout->View().decided.version;
  BALLAST_ASSIGN_OR_RETURN(const PlanRecord record, FindPlan(parts, *group->config, version));
  FillPlan(record, answer);
  return absl::OkStatus();
}

absl::Status AnswerPlans(const QueryServiceParts& parts, const v1::ListPlansRequest& request,
                         v1::PlanList* answer) {
  BALLAST_ASSIGN_OR_RETURN(const GroupHandle* group, ChooseGroup(parts.groups, request.ep_group()));
  const std::string& name = group->config->name;
  const int limit =
      request.limit() == 0
          ? kPlansListed
          : static_cast<int>(std::min<std::uint32_t>(request.limit(), kMaxPlansListed));
  const RolloutView rollout = group->rollout->View();
  BALLAST_ASSIGN_OR_RETURN(const std::vector<PlanRecord> history, parts.store.History(name, limit));
  BALLAST_ASSIGN_OR_RETURN(const std::vector<DecisionRecord> decisions,
                           parts.store.Decisions(name, kMaxPlansListed));
  std::map<PlanVersion, const DecisionRecord*> decision_of;
  for (const DecisionRecord& decision : decisions) decision_of[decision.plan] = &decision;
  answer->set_ep_group(name);
  answer->set_now_unix_seconds(UnixSeconds(parts.clock.WallNow()));
  EncodePlanId(rollout.decided, answer->mutable_decided());
  for (const PlanRecord& record : history) {
    v1::PlanSummary* out = answer->add_plans();
    FillSummary(record, rollout, parts.clock.Uptime(), out);
    const auto decision = decision_of.find(record.id.version);
    if (decision != decision_of.end()) FillDecision(*decision->second, out);
  }
  return absl::OkStatus();
}

}  // namespace ballast
