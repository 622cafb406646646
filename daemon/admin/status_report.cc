#include "daemon/admin/status_report.h"

#include "absl/strings/str_cat.h"

namespace ballast {
namespace {

// Chosen: 200 x the period of a turn; a loop that is slower is stuck, not busy.
constexpr absl::Duration kStuckAfter = absl::Seconds(10);

HealthCheck LoopCheck(const std::string& name, absl::Duration age) {
  return {name, age < kStuckAfter, absl::StrCat("turned ", absl::FormatDuration(age), " ago")};
}

}  // namespace

std::vector<HealthCheck> StatusReport::Liveness() const {
  const absl::Duration now = clock_.Uptime();
  std::vector<HealthCheck> checks;
  for (const GroupHandle& group : groups_.all()) {
    const std::string& name = group.config->name;
    checks.push_back(LoopCheck(absl::StrCat("control/", name), now - group.control->View().turned));
    checks.push_back(LoopCheck(absl::StrCat("rollout/", name), now - group.rollout->View().turned));
  }
  return checks;
}

std::vector<HealthCheck> StatusReport::Readiness() const {
  std::vector<HealthCheck> checks = Liveness();
  const bool draining = draining_.load();
  checks.push_back({"draining", !draining, draining ? "the daemon is ending" : "no"});
  for (const GroupHandle& group : groups_.all()) {
    const RolloutView view = group.rollout->View();
    checks.push_back(
        {absl::StrCat("workers/", group.config->name), true,
         absl::StrCat(view.connected, " of ", group.config->topology.num_ranks(), " connected")});
  }
  return checks;
}

}  // namespace ballast
