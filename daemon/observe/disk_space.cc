#include "daemon/observe/disk_space.h"

#include <sys/statvfs.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace ballast {

absl::StatusOr<std::int64_t> FreeBytes(const std::string& path) {
  struct statvfs space;
  if (statvfs(path.c_str(), &space) != 0) {
    return absl::UnavailableError(absl::StrCat("free space of ", path, ": ", std::strerror(errno)));
  }
  return static_cast<std::int64_t>(space.f_bavail) * static_cast<std::int64_t>(space.f_frsize);
}

}  // namespace ballast
