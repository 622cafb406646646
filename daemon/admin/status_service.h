#ifndef BALLAST_DAEMON_ADMIN_STATUS_SERVICE_H_
#define BALLAST_DAEMON_ADMIN_STATUS_SERVICE_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/rollout/coordinator.h"
#include "daemon/admin/query_service.h"

namespace ballast {

namespace v1 {
class DaemonStatus;
class GetStatusRequest;
class GroupList;
class ListGroupsRequest;
class ListWorkersRequest;
class WorkerList;
}  // namespace v1

// The answers of ballast.v1.Query about the daemon, its groups and their workers, from the
// loops' views alone. Thread-safe. NotFound, with the names there are: no such group.
absl::Status AnswerStatus(const QueryServiceParts& parts, const v1::GetStatusRequest& request,
                          v1::DaemonStatus* answer);
absl::Status AnswerGroups(const QueryServiceParts& parts, const v1::ListGroupsRequest& request,
                          v1::GroupList* answer);
// InvalidArgument too, with the names there are: no such state.
absl::Status AnswerWorkers(const QueryServiceParts& parts, const v1::ListWorkersRequest& request,
                           v1::WorkerList* answer);

// The group of that name; of no name, the only one. NotFound, or InvalidArgument if a name
// is needed; both with the names there are.
absl::StatusOr<const GroupHandle*> ChooseGroup(const GroupDirectory& groups,
                                               const std::string& name);

// One of kPlanPhases, or kIdlePhase. While the store is asked to decide, a plan still counts
// as "preparing": it may yet be aborted.
const char* GroupPhaseName(PlanPhase phase);

// One of kWorkerStates. A rank that has permission to switch and waits for the others is
// "prepared".
const char* WorkerStateName(RankState state);

}  // namespace ballast

#endif  // BALLAST_DAEMON_ADMIN_STATUS_SERVICE_H_
