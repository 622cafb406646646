#ifndef BALLAST_DAEMON_ADMIN_PLAN_SERVICE_H_
#define BALLAST_DAEMON_ADMIN_PLAN_SERVICE_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/admin/query_service.h"

namespace ballast {

namespace v1 {
class DiffPlansRequest;
class GetPlanRequest;
class ListPlansRequest;
class Plan;
class PlanDiff;
class PlanList;
}  // namespace v1

// The answers of ballast.v1.Query about plans, from the store. Thread-safe; they read the
// store. Errors: those of ChooseGroup() and of PlanStore.
absl::Status AnswerPlan(const QueryServiceParts& parts, const v1::GetPlanRequest& request,
                        v1::Plan* answer);
absl::Status AnswerPlans(const QueryServiceParts& parts, const v1::ListPlansRequest& request,
                         v1::PlanList* answer);
// OutOfRange too: no such layer; FailedPrecondition: a plan of another model or fleet.
absl::Status AnswerDiff(const QueryServiceParts& parts, const v1::DiffPlansRequest& request,
                        v1::PlanDiff* answer);

// Plans that one answer holds, without and with a limit asked for.
inline constexpr int kPlansListed = 20;
inline constexpr int kMaxPlansListed = 1000;

// A plan of the group; version {0, 0} is the initial plan. NotFound, DataLoss: as
// PlanStore::Get().
absl::StatusOr<PlanRecord> FindPlan(const QueryServiceParts& parts, const GroupConfig& config,
                                    const PlanVersion& version);

}  // namespace ballast

#endif  // BALLAST_DAEMON_ADMIN_PLAN_SERVICE_H_
