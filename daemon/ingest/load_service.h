#ifndef BALLAST_DAEMON_INGEST_LOAD_SERVICE_H_
#define BALLAST_DAEMON_INGEST_LOAD_SERVICE_H_

#include <memory>

#include "daemon/control/group_directory.h"
#include "daemon/observe/event_log.h"

namespace grpc {
class Service;
}  // namespace grpc

namespace ballast {

// The gRPC end of the load reports: decodes, checks against the group's shape, hands
// over to the group's control loop, and answers some with a credit: the first of a stream,
// the first under another plan, each that is refused or dropped, and as often as the sender wants.
// After kMaxRefusals in a row the stream ends. Thread-safe; `groups` and `log` must outlive
// the server that it is registered with.
inline constexpr int kMaxRefusals = 3;
std::unique_ptr<grpc::Service> MakeLoadService(const GroupDirectory& groups, EventLog& log);

}  // namespace ballast

#endif  // BALLAST_DAEMON_INGEST_LOAD_SERVICE_H_
