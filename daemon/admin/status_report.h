#ifndef BALLAST_DAEMON_ADMIN_STATUS_REPORT_H_
#define BALLAST_DAEMON_ADMIN_STATUS_REPORT_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/store/plan_store.h"
#include "daemon/control/group_directory.h"
#include "daemon/observe/store_health.h"

namespace ballast {

// One thing that must be right, as /livez and /readyz name it.
struct HealthCheck {
  std::string name;  // "store", "control/decode0", ...
  bool ok = false;
  std::string detail;
};

// What the checks look at. None of it waits for a disk, a network or a lock that is held long.
struct StatusReportParts {
  const GroupDirectory& groups;
  const PlanStore& store;  // Asked for its write fault.
  const StoreHealth& store_health;
  std::function<absl::StatusOr<std::int64_t>()> store_free_bytes;  // Empty: a store in memory.
  std::function<absl::Status()> self_probe;                        // SelfProbe::State().
  std::uint64_t term = 0;
  Clock& clock;
};

// Reads the state of the daemon for probes. Thread-safe; never blocks.
class StatusReport {
 public:
  // Below so much room the store is not ready: chosen, some hundred plans of 45 KB.
  static constexpr std::int64_t kMinFreeBytes = 16 << 20;
  // Chosen: 200 x the period of a turn; a loop that is slower is stuck, not busy.
  static constexpr absl::Duration kStuckAfter = absl::Seconds(10);

  explicit StatusReport(StatusReportParts parts) : parts_(std::move(parts)) {}

  // Whether a restart would help: `event_loop`, some group's thread has turned within
  // kStuckAfter, and `self_probe`, the gRPC listener answers. Disk, leadership, workers and
  // one group that is stuck never count: a restart would cure none of them, or take the
  // other groups along.
  std::vector<HealthCheck> Liveness() const;

  // Liveness, and `not_draining`, `store`, `leader`, `config`, and for each group `control/NAME`,
  // `rollout/NAME`, `workers/NAME`. Missing workers are told in `detail` and do not fail it:
  // a daemon that waits for its workers is ready for them.
  std::vector<HealthCheck> Readiness() const;

  // Whether it serves its own workers: the leader, and not draining.
  bool Leads() const { return !draining() && parts_.store_health.Deposed().ok(); }
  bool draining() const { return draining_.load(); }

  void SetDraining() { draining_.store(true); }
  // The configuration was read again, and taken or refused.
  void OnConfigReload(bool taken) { config_taken_.store(taken); }

 private:
  HealthCheck StoreCheck() const;
  HealthCheck LeaderCheck() const;

  const StatusReportParts parts_;
  std::atomic<bool> draining_{false};
  std::atomic<bool> config_taken_{true};
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_ADMIN_STATUS_REPORT_H_
