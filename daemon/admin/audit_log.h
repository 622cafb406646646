#ifndef BALLAST_DAEMON_ADMIN_AUDIT_LOG_H_
#define BALLAST_DAEMON_ADMIN_AUDIT_LOG_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/ids.h"
#include "daemon/observe/event_log.h"

namespace ballast {

// One admin call and its answer.
struct AuditRecord {
  absl::Time time;
  std::string who;
  std::string method;
  std::string ep_group;
  std::string operation_id;
  std::string arguments;
  bool dry_run = false;
  std::string result;  // "OK" or the name of the status code.
  std::string detail;  // What it did, or why it was refused.
  std::optional<PlanId> before;
  std::optional<PlanId> after;
};

// One JSON object without a line end; its keys are listed in docs/operations.md and all
// there in every line. A digest is 64 hexadecimal digits, or empty if it is not known.
std::string FormatAuditLine(const AuditRecord& record);

// Who asked for what, and what came of it: one event `admin.call` in the log and one
// synced line in a file of its own. Thread-safe.
class AuditLog {
 public:
  // `path` is made if it is not there, mode 0600, and only ever appended to; empty: events
  // only. Unavailable, naming the file, if it can not be opened. `log` must outlive it.
  static absl::StatusOr<std::unique_ptr<AuditLog>> Open(const std::string& path, EventLog& log);
  ~AuditLog();

  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  // Blocks on the disk. A line that can not be written is told as `admin.audit_failed`.
  void Write(const AuditRecord& record);

 private:
  AuditLog(int fd, std::string path, EventLog& log);
  bool Append(const std::string& line) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int fd_;  // -1: no file.
  const std::string path_;
  EventLog& log_;
  absl::Mutex mutex_;
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_ADMIN_AUDIT_LOG_H_
