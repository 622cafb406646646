#ifndef BALLAST_DAEMON_APP_STORE_LOCK_H_
#define BALLAST_DAEMON_APP_STORE_LOCK_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace ballast {

// Keeps a second daemon off the same store: an advisory lock on "<store>.lock", which
// the kernel gives up when the process dies, however it dies.
class StoreLock {
 public:
  // AlreadyExists, naming the file and the process that holds it. Unavailable if the file
  // can not be made.
  static absl::StatusOr<std::unique_ptr<StoreLock>> Take(const std::string& store_path);
  ~StoreLock();

  StoreLock(const StoreLock&) = delete;
  StoreLock& operator=(const StoreLock&) = delete;

 private:
  explicit StoreLock(int fd) : fd_(fd) {}
  const int fd_;
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_APP_STORE_LOCK_H_
