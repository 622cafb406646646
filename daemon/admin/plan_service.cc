#include "daemon/admin/plan_service.h"

#include <string>

#include "ballast/v1/query.pb.h"
#include "core/base/status_macros.h"
#include "daemon/admin/status_service.h"
#include "proto/wire/placement_wire.h"

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

// Version {0, 0} is the initial plan. NotFound, DataLoss: as PlanStore::Get().
absl::StatusOr<PlanRecord> FindPlan(const QueryServiceParts& parts, const GroupConfig& config,
                                    const PlanVersion& version) {
  if (version == PlanVersion{}) return InitialRecord(config);
  return parts.store.Get(config.name, version);
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

}  // namespace

absl::Status AnswerPlan(const QueryServiceParts& parts, const v1::GetPlanRequest& request,
                        v1::Plan* answer) {
  BALLAST_ASSIGN_OR_RETURN(const GroupHandle* group, ChooseGroup(parts.groups, request.ep_group()));
  const PlanVersion version = request.has_version() ? DecodePlanVersion(request.version())
                                                    : group->rollout->View().decided.version;
  BALLAST_ASSIGN_OR_RETURN(const PlanRecord record, FindPlan(parts, *group->config, version));
  FillPlan(record, answer);
  return absl::OkStatus();
}

}  // namespace ballast
