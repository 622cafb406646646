#include "daemon/admin/group_alarms.h"

#include <cstddef>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/admin/status_service.h"

namespace ballast {
namespace {

// Chosen: a line of a terminal; the ranks are complete.
constexpr std::size_t kNamedRanks = 6;

// "rank 17 missing", "3 ranks missing: 4, 17, 20".
std::string Say(const std::vector<int>& ranks, const std::string& what) {
  if (ranks.size() == 1) return absl::StrCat("rank ", ranks.front(), " ", what);
  std::string text = absl::StrCat(ranks.size(), " ranks ", what, ": ");
  for (std::size_t i = 0; i < ranks.size() && i < kNamedRanks; ++i) {
    absl::StrAppend(&text, i == 0 ? "" : ", ", ranks[i]);
  }
  if (ranks.size() > kNamedRanks) absl::StrAppend(&text, ", ...");
  return text;
}

// What is said of ranks whose own words differ: those of the first one, and how many more.
std::string FirstOf(const std::vector<int>& ranks, const std::string& said) {
  return absl::StrCat("rank ", ranks.front(), said.empty() ? "" : " ", said,
                      ranks.size() == 1 ? "" : absl::StrCat(", ", ranks.size() - 1, " more"));
}

using Applies = std::function<bool(const WorkerView&)>;

std::vector<int> RanksWhere(const RolloutView& rollout, const Applies& applies) {
  std::vector<int> ranks;
  for (int rank = 0; rank < static_cast<int>(rollout.workers.size()); ++rank) {
    if (applies(rollout.workers[rank])) ranks.push_back(rank);
  }
  return ranks;
}

// An alarm about the ranks that `applies` to, if there are any. What each of them says
// differs; `otherwise` stands for one that says nothing.
void AddRanks(const char* name, const RolloutView& rollout, const Applies& applies,
              const std::string& otherwise, std::vector<GroupAlarm>* alarms) {
  std::vector<int> ranks = RanksWhere(rollout, applies);
  if (ranks.empty()) return;
  const std::string& detail = rollout.workers[ranks.front()].detail;
  std::string text = FirstOf(ranks, detail.empty() ? otherwise : detail);
  alarms->push_back({name, std::move(text), std::move(ranks)});
}

Applies IsIn(RankState state) {
  return [state](const WorkerView& worker) { return worker.state == state && !worker.silent; };
}

// Tells why a rank is missing, or that a second process says it is one.
void AddRefused(const RolloutView& rollout, absl::Duration now, std::vector<GroupAlarm>* alarms) {
  std::vector<int> ranks =
      RanksWhere(rollout, [](const WorkerView& worker) { return worker.refused.has_value(); });
  if (ranks.empty()) return;
  std::string text = FirstOf(ranks, RefusalText(*rollout.workers[ranks.front()].refused, now));
  alarms->push_back({"ranks_refused", std::move(text), std::move(ranks)});
}

void AddMissing(const RolloutView& rollout, std::vector<GroupAlarm>* alarms) {
  std::vector<int> ranks = RanksWhere(rollout, IsIn(RankState::kGone));
  if (ranks.empty()) return;
  std::string text = Say(ranks, "missing");
  alarms->push_back({"ranks_missing", std::move(text), std::move(ranks)});
}

// Expected, and yet nothing is planned for the group until they are back.
void AddLeft(const RolloutView& rollout, std::vector<GroupAlarm>* alarms) {
  std::vector<int> ranks = RanksWhere(rollout, IsIn(RankState::kLeft));
  if (ranks.empty()) return;
  std::string text = Say(ranks, "left on purpose");
  alarms->push_back({"ranks_left", std::move(text), std::move(ranks)});
}

// Ranks with a session that send no load, once all ranks have one: without it the
// missing ones are named already.
void AddSilentReports(const GroupConfig& config, const RolloutView& rollout, const LoadView& load,
                      absl::Duration now, std::vector<GroupAlarm>* alarms) {
  const bool observes = config.policy.observe_only;
  if (rollout.connected < config.topology.num_ranks() && !observes) return;
  if (load.coverage >= config.policy.min_coverage) return;
  std::vector<int> ranks;
  for (int rank = 0; rank < static_cast<int>(load.last_report.size()); ++rank) {
    const bool fresh = now - load.last_report[rank] <= config.load.stale_after;
    if (!fresh && !rollout.workers[rank].silent) ranks.push_back(rank);
  }
  if (ranks.empty()) return;
  std::string detail = Say(ranks, absl::StrCat("without a load report for ",
                                               absl::FormatDuration(config.load.stale_after)));
  alarms->push_back({"reports_missing", std::move(detail), std::move(ranks)});
}

}  // namespace

std::vector<GroupAlarm> AlarmsOf(const GroupConfig& config, const RolloutView& rollout,
                                 const LoadView& load, absl::Duration now) {
  std::vector<GroupAlarm> alarms;
  AddRefused(rollout, now, &alarms);
  // One that only observes needs no sessions: its loads may come from outside.
  if (!config.policy.observe_only) AddMissing(rollout, &alarms);
  AddRanks(
      "ranks_silent", rollout, [](const WorkerView& worker) { return worker.silent; }, "", &alarms);
  AddRanks("ranks_nacked", rollout, IsIn(RankState::kNacked), "refuses", &alarms);
  AddRanks("ranks_lagging", rollout, IsIn(RankState::kLagging), "has not switched", &alarms);
  AddRanks("ranks_ahead", rollout, IsIn(RankState::kAhead), "is ahead of this store", &alarms);
  AddRanks("ranks_stale", rollout, IsIn(RankState::kStale), "runs another plan", &alarms);
  AddLeft(rollout, &alarms);
  AddSilentReports(config, rollout, load, now, &alarms);
  const absl::Duration age = now - rollout.phase_since;
  if (rollout.phase != PlanPhase::kIdle && age > kPlanStuckAfter) {
    alarms.push_back({"plan_stuck",
                      absl::StrCat(GroupPhaseName(rollout.phase), " for ",
                                   absl::FormatDuration(absl::Trunc(age, absl::Seconds(1)))),
                      {}});
  }
  return alarms;
}

}  // namespace ballast
