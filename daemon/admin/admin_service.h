#ifndef BALLAST_DAEMON_ADMIN_ADMIN_SERVICE_H_
#define BALLAST_DAEMON_ADMIN_ADMIN_SERVICE_H_

#include <memory>

#include "absl/time/time.h"
#include "core/base/clock.h"
#include "daemon/admin/audit_log.h"
#include "daemon/admin/operation_registry.h"
#include "daemon/control/group_directory.h"
#include "daemon/observe/event_log.h"

namespace grpc {
class Service;
}  // namespace grpc

namespace ballast {

struct AdminServiceParts {
  const GroupDirectory& groups;
  OperationRegistry& operations;
  AuditLog& audit;
  EventLog& log;
  Clock& clock;
  // A call that is not answered by then gets DEADLINE_EXCEEDED; its operation goes on.
  // Chosen: above any solve and store call in health, below what a person waits.
  absl::Duration patience = absl::Seconds(10);
};

// Answers ballast.v1.Admin: each call is handed to the group's loops as an event and waited
// for, on a thread of the server's own. Everything in `parts` must outlive the server that
// it is registered with. Thread-safe.
std::unique_ptr<grpc::Service> MakeAdminService(const AdminServiceParts& parts);

}  // namespace ballast

#endif  // BALLAST_DAEMON_ADMIN_ADMIN_SERVICE_H_
