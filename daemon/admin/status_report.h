#ifndef BALLAST_DAEMON_ADMIN_STATUS_REPORT_H_
#define BALLAST_DAEMON_ADMIN_STATUS_REPORT_H_

#include <atomic>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "core/base/clock.h"
#include "daemon/control/group_directory.h"

namespace ballast {

// What is wrong with the daemon as a whole, as /readyz names it.
struct HealthCheck {
  std::string name;  // "store", "groups", ...
  bool ok = false;
  std::string detail;
};

// Reads the state of all groups for people and probes. Thread-safe.
class StatusReport {
 public:
  // `groups` and `clock` must outlive it.
  StatusReport(const GroupDirectory& groups, Clock& clock) : groups_(groups), clock_(clock) {}

  // Liveness: every loop has turned within the last 10 s. Disk, workers and missing
  // plans never count: a restart would not cure them.
  std::vector<HealthCheck> Liveness() const;

  // Liveness, and not draining. Missing workers are told in `detail` and do not fail it:
  // a daemon that waits for its workers is ready for them.
  std::vector<HealthCheck> Readiness() const;

  void SetDraining() { draining_.store(true); }

 private:
  const GroupDirectory& groups_;
  Clock& clock_;
  std::atomic<bool> draining_{false};
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_ADMIN_STATUS_REPORT_H_
