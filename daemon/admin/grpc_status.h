#ifndef BALLAST_DAEMON_ADMIN_GRPC_STATUS_H_
#define BALLAST_DAEMON_ADMIN_GRPC_STATUS_H_

#include "absl/status/status.h"

namespace grpc {
class Status;
}  // namespace grpc

namespace ballast {

// `status` as a gRPC service of ours answers it: the same code and text, but ABORTED for
// Unavailable. gRPC says UNAVAILABLE where there is no answer, so that a caller who gets it
// knows that it has not reached the daemon.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace ballast

#endif  // BALLAST_DAEMON_ADMIN_GRPC_STATUS_H_
