#ifndef BALLAST_DAEMON_APP_GRPC_LOG_H_
#define BALLAST_DAEMON_APP_GRPC_LOG_H_

#include "daemon/observe/event_log.h"

namespace ballast {

// Sends what the gRPC library wants to say to `log` as events grpc.error and grpc.info
// (the latter at level debug), instead of raw lines to standard error. For the whole
// process, whose threads of gRPC end with it: `log` must never be destroyed.
void RouteGrpcLog(EventLog& log);

}  // namespace ballast

#endif  // BALLAST_DAEMON_APP_GRPC_LOG_H_
