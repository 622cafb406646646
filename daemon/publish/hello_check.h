#ifndef BALLAST_DAEMON_PUBLISH_HELLO_CHECK_H_
#define BALLAST_DAEMON_PUBLISH_HELLO_CHECK_H_

#include "absl/status/status.h"
#include "daemon/control/group_config.h"
#include "proto/wire/session_wire.h"

namespace ballast {

// Whether a worker is the one that the configuration declares. InvalidArgument names
// the rank, the field and both values: "rank 3: worker has 4 slots, the configuration
// says 3". A field that the worker leaves unknown (0 where 0 says so) is not compared.
absl::Status CheckHello(const GroupConfig& config, const WorkerHello& hello);

}  // namespace ballast

#endif  // BALLAST_DAEMON_PUBLISH_HELLO_CHECK_H_
