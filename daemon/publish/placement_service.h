#ifndef BALLAST_DAEMON_PUBLISH_PLACEMENT_SERVICE_H_
#define BALLAST_DAEMON_PUBLISH_PLACEMENT_SERVICE_H_

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "daemon/control/group_directory.h"
#include "daemon/observe/event_log.h"

namespace grpc {
class Service;
}  // namespace grpc

namespace ballast {

struct PlacementServiceOptions {
  std::uint64_t term = 0;
  std::string daemon_id;
  absl::Duration heartbeat_period = absl::Seconds(2);
};

// The gRPC end of the switching protocol: one session per worker. It checks what comes
// in, turns it into events of the group's rollout loop, and writes what the loop sends.
// Thread-safe; `groups` and `log` must outlive the server that it is registered with.
std::unique_ptr<grpc::Service> MakePlacementService(const GroupDirectory& groups, EventLog& log,
                                                    const PlacementServiceOptions& options);

}  // namespace ballast

#endif  // BALLAST_DAEMON_PUBLISH_PLACEMENT_SERVICE_H_
