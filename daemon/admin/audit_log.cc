#include "daemon/admin/audit_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/fingerprint.h"
#include "nlohmann/json.hpp"

namespace ballast {
namespace {

std::string VersionText(const std::optional<PlanId>& plan) {
  if (!plan.has_value()) return "";
  return absl::StrCat(plan->version.term, ".", plan->version.sequence);
}

std::string DigestText(const std::optional<PlanId>& plan) {
  return plan.has_value() ? DigestHex(plan->digest, static_cast<int>(plan->digest.size())) : "";
}

}  // namespace

std::string FormatAuditLine(const AuditRecord& record) {
  nlohmann::ordered_json line;
  line["time"] = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", record.time, absl::UTCTimeZone());
  line["who"] = record.who;
  line["method"] = record.method;
  line["group"] = record.ep_group;
  line["operation_id"] = record.operation_id;
  line["arguments"] = record.arguments;
  line["dry_run"] = record.dry_run;
  line["result"] = record.result;
  line["detail"] = record.detail;
  line["plan_before"] = VersionText(record.before);
  line["digest_before"] = DigestText(record.before);
  line["plan_after"] = VersionText(record.after);
  line["digest_after"] = DigestText(record.after);
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

absl::StatusOr<std::unique_ptr<AuditLog>> AuditLog::Open(const std::string& path, EventLog& log) {
  int fd = -1;
  if (!path.empty()) {
    fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) {
      const bool denied = errno == EACCES || errno == EPERM;
      const std::string fault = absl::StrCat("audit log ", path, ": ", std::strerror(errno));
      return denied ? absl::PermissionDeniedError(fault) : absl::UnavailableError(fault);
    }
  }
  return std::unique_ptr<AuditLog>(new AuditLog(fd, path, log));
}

AuditLog::AuditLog(int fd, std::string path, EventLog& log)
    : fd_(fd), path_(std::move(path)), log_(log) {}

AuditLog::~AuditLog() {
  if (fd_ >= 0) close(fd_);
}

void AuditLog::Write(const AuditRecord& record) {
  log_.Write(record.result == "OK" ? Severity::kInfo : Severity::kWarn, "admin.call",
             {{"who", record.who},
              {"method", record.method},
              {"group", record.ep_group},
              {"operation_id", record.operation_id},
              {"arguments", record.arguments},
              {"dry_run", record.dry_run ? "true" : "false"},
              {"result", record.result},
              {"detail", record.detail},
              {"plan_before", VersionText(record.before)},
              {"plan_after", VersionText(record.after)}});
  if (fd_ < 0) return;
  int error = 0;
  {
    absl::MutexLock lock(&mutex_);
    if (!Append(FormatAuditLine(record) + "\n")) error = errno;
  }
  if (error == 0) return;
  log_.Write(Severity::kError, "admin.audit_failed",
             {{"path", path_}, {"error", std::strerror(error)}});
}

// A line that did not fit on the disk is taken back, so that the next one stands alone.
bool AuditLog::Append(const std::string& line) {
  struct stat file = {};
  if (fstat(fd_, &file) != 0) return false;
  const ssize_t written = write(fd_, line.data(), line.size());
  if (written == static_cast<ssize_t>(line.size())) return fdatasync(fd_) == 0;
  const int error = written < 0 ? errno : ENOSPC;
  if (written > 0 && ftruncate(fd_, file.st_size) != 0) return false;
  errno = error;
  return false;
}

}  // namespace ballast
