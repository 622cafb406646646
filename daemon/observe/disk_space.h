#ifndef BALLAST_DAEMON_OBSERVE_DISK_SPACE_H_
#define BALLAST_DAEMON_OBSERVE_DISK_SPACE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace ballast {

// Bytes that a process without privileges can still write on the file system of `path`.
// Unavailable, naming the path and the error, if nobody can tell. Thread-safe.
absl::StatusOr<std::int64_t> FreeBytes(const std::string& path);

}  // namespace ballast

#endif  // BALLAST_DAEMON_OBSERVE_DISK_SPACE_H_
