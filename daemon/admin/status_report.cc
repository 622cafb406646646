#include "daemon/admin/status_report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace ballast {
namespace {

HealthCheck LoopCheck(const std::string& name, absl::Duration age) {
  const absl::Duration shown = absl::Trunc(age, absl::Milliseconds(1));
  const std::string text = shown > absl::ZeroDuration() ? absl::FormatDuration(shown) : "0s";
  return {name, age < StatusReport::kStuckAfter, absl::StrCat("turned ", text, " ago")};
}

HealthCheck CheckOf(const std::string& name, const absl::Status& status, const std::string& good) {
  return {name, status.ok(), status.ok() ? good : std::string(status.message())};
}

}  // namespace

std::vector<HealthCheck> StatusReport::Liveness() const {
  const absl::Duration now = parts_.clock.Uptime();
  absl::Duration youngest = absl::InfiniteDuration();
  for (const GroupHandle& group : parts_.groups.all()) {
    youngest = std::min(
        {youngest, now - group.control->View().turned, now - group.rollout->View().turned});
  }
  return {LoopCheck("event_loop", youngest),
          CheckOf("self_probe", parts_.self_probe(), "the gRPC listener answers")};
}

HealthCheck StatusReport::StoreCheck() const {
  if (const absl::Status fault = parts_.store.WriteFault(); !fault.ok()) {
    return CheckOf("store", fault, "");
  }
  const absl::Status last = parts_.store_health.Last();
  if (parts_.store_free_bytes == nullptr) return CheckOf("store", last, "in memory");
  const absl::StatusOr<std::int64_t> free = parts_.store_free_bytes();
  if (!free.ok()) return CheckOf("store", free.status(), "");
  const std::string room = absl::StrFormat("%.1f MiB free", static_cast<double>(*free) / (1 << 20));
  if (*free < kMinFreeBytes) {
    return {"store", false,
            absl::StrCat(room, ", ", kMinFreeBytes >> 20, " MiB are needed for decisions")};
  }
  // There is room again: the next call will tell.
  if (absl::IsResourceExhausted(last)) return {"store", true, room};
  return CheckOf("store", last, room);
}

HealthCheck StatusReport::LeaderCheck() const {
  return CheckOf("leader", parts_.store_health.Deposed(), absl::StrCat("term ", parts_.term));
}

std::vector<HealthCheck> StatusReport::Readiness() const {
  std::vector<HealthCheck> checks = Liveness();
  checks.push_back(
      {"not_draining", !draining(), draining() ? "the daemon is ending" : "it serves"});
  checks.push_back(StoreCheck());
  checks.push_back(LeaderCheck());
  const bool taken = config_taken_.load();
  checks.push_back({"config", taken,
                    taken ? "as last read"
                          : "the last reload was refused; the configuration before is in force"});
  const absl::Duration now = parts_.clock.Uptime();
  for (const GroupHandle& group : parts_.groups.all()) {
    const std::string& name = group.config->name;
    const RolloutView view = group.rollout->View();
    checks.push_back(LoopCheck(absl::StrCat("control/", name), now - group.control->View().turned));
    checks.push_back(LoopCheck(absl::StrCat("rollout/", name), now - view.turned));
    checks.push_back(
        {absl::StrCat("workers/", name), true,
         absl::StrCat(view.connected, " of ", group.config->topology.num_ranks(), " connected")});
  }
  return checks;
}

}  // namespace ballast
