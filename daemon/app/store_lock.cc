#include "daemon/app/store_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace ballast {

absl::StatusOr<std::unique_ptr<StoreLock>> StoreLock::Take(const std::string& store_path) {
  const std::string path = store_path + ".lock";
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    const std::string fault = absl::StrCat(path, ": ", std::strerror(errno));
    return errno == EACCES ? absl::PermissionDeniedError(fault) : absl::UnavailableError(fault);
  }
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    char holder[32] = {};
    const ssize_t size = pread(fd, holder, sizeof(holder) - 1, 0);
    close(fd);
    return absl::AlreadyExistsError(absl::StrCat(
        path, ": locked by process ", size > 0 ? holder : "unknown", "; one daemon per store"));
  }
  const std::string pid = absl::StrCat(getpid());
  // Only for the text above; the lock does not depend on it.
  if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.data(), pid.size(), 0) < 0) {
    close(fd);
    return absl::UnavailableError(absl::StrCat(path, ": ", std::strerror(errno)));
  }
  return std::unique_ptr<StoreLock>(new StoreLock(fd));
}

StoreLock::~StoreLock() { close(fd_); }

}  // namespace ballast
