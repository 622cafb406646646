#ifndef BALLAST_DAEMON_ADMIN_QUERY_SERVICE_H_
#define BALLAST_DAEMON_ADMIN_QUERY_SERVICE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/store/plan_store.h"
#include "daemon/admin/status_report.h"
#include "daemon/control/group_directory.h"

namespace grpc {
class Service;
}  // namespace grpc

namespace ballast {

struct QueryServiceParts {
  const GroupDirectory& groups;
  const PlanStore& store;
  Clock& clock;
  std::uint64_t term = 0;
  std::string daemon_id;
  absl::Duration started = absl::ZeroDuration();  // Uptime of the clock at the daemon's start.
  std::string store_path = {};                    // Empty: in memory.
  std::function<std::vector<HealthCheck>()> readiness = {};  // Empty: no checks.
  std::function<bool()> leads = {};                          // Empty: it does.
  std::function<absl::Status()> deposed = {};                // Empty: it is not. Ok: the same.
};

// Answers ballast.v1.Query from the loops' views and the store. Read-only, thread-safe;
// everything in `parts` must outlive the server that it is registered with.
std::unique_ptr<grpc::Service> MakeQueryService(const QueryServiceParts& parts);

}  // namespace ballast

#endif  // BALLAST_DAEMON_ADMIN_QUERY_SERVICE_H_
