#ifndef BALLAST_DAEMON_APP_PROCESS_CRASH_H_
#define BALLAST_DAEMON_APP_PROCESS_CRASH_H_

#include <memory>

#include "absl/status/statusor.h"
#include "daemon/control/crash_points.h"

namespace ballast {

// Crash points as the environment asks for: BALLAST_CRASH_AT=decide.stored kills this
// process with SIGKILL when that moment is reached, as a power cut of the process would.
// Null where the variable is not set. InvalidArgument, with the known names, for another.
absl::StatusOr<std::unique_ptr<CrashPoints>> CrashPointsOfEnvironment();

}  // namespace ballast

#endif  // BALLAST_DAEMON_APP_PROCESS_CRASH_H_
