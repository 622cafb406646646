#ifndef BALLAST_DAEMON_ADMIN_PLAN_SERVICE_H_
#define BALLAST_DAEMON_ADMIN_PLAN_SERVICE_H_

#include "absl/status/status.h"
#include "daemon/admin/query_service.h"

namespace ballast {

namespace v1 {
class GetPlanRequest;
class Plan;
}  // namespace v1

// The answers of ballast.v1.Query about plans, from the store. Thread-safe; they read the
// store. Errors: those of ChooseGroup() and of PlanStore.
absl::Status AnswerPlan(const QueryServiceParts& parts, const v1::GetPlanRequest& request,
                        v1::Plan* answer);

}  // namespace ballast

#endif  // BALLAST_DAEMON_ADMIN_PLAN_SERVICE_H_
