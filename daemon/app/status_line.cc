#include "daemon/app/status_line.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace ballast {
namespace {

std::string VersionText(const PlanId& plan) {
  return absl::StrCat("plan ", plan.version.term, ".", plan.version.sequence);
}

}  // namespace

std::string AgeText(absl::Duration age) {
  const std::int64_t seconds = std::max<std::int64_t>(absl::ToInt64Seconds(age), 0);
  const std::int64_t minutes = seconds / 60;
  const std::int64_t hours = minutes / 60;
  if (minutes == 0) return absl::StrCat(seconds, "s");
  if (hours == 0) return absl::StrCat(minutes, "m");
  if (hours < 24) return absl::StrCat(hours, "h", minutes % 60, "m");
  return absl::StrCat(hours / 24, "d", hours % 24, "h");
}

std::string LeaderStatusText(std::uint64_t term, const absl::Status& deposed) {
  if (deposed.ok()) return absl::StrCat("leader term ", term);
  return absl::StrCat("DEPOSED: ", deposed.message());
}

std::string GroupStatusText(const GroupConfig& config, const RolloutView& view,
                            absl::Duration now) {
  const auto synced =
      std::count_if(view.workers.begin(), view.workers.end(),
                    [](const WorkerView& worker) { return worker.state == RankState::kSynced; });
  const std::string age = AgeText(now - view.phase_since);
  std::string text = absl::StrCat(config.name, " ", synced, "/", view.workers.size(), " synced; ");
  if (view.phase != PlanPhase::kIdle) {
    absl::StrAppend(&text, VersionText(view.candidate.value_or(view.decided)), " ",
                    PlanPhaseName(view.phase), " ", age);
  } else if (view.active_everywhere) {
    absl::StrAppend(&text, VersionText(view.decided), " active ", age);
  } else {
    absl::StrAppend(&text, VersionText(view.decided), " waits for ", view.waiting_for);
  }
  return text;
}

}  // namespace ballast
