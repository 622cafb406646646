#ifndef BALLAST_DAEMON_ADMIN_HEALTH_SERVICE_H_
#define BALLAST_DAEMON_ADMIN_HEALTH_SERVICE_H_

#include "absl/status/status.h"
#include "daemon/admin/query_service.h"

namespace ballast {

namespace v1 {
class DaemonHealth;
class GetHealthRequest;
}  // namespace v1

// Answers Query.GetHealth: the checks of readiness, and what the file system says of the
// store. A file that can not be looked at counts as empty. Always Ok. Thread-safe.
absl::Status AnswerHealth(const QueryServiceParts& parts, const v1::GetHealthRequest& request,
                          v1::DaemonHealth* answer);

}  // namespace ballast

#endif  // BALLAST_DAEMON_ADMIN_HEALTH_SERVICE_H_
