#include "daemon/control/report_refusals.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace ballast {

void ReportRefusals::Add(RankId rank, const std::string& result, const std::string& reason,
                         absl::Duration now) {
  std::uint64_t suppressed = 0;
  {
    absl::MutexLock lock(&mutex_);
    const bool known = rank.value >= 0 && rank.value < num_ranks_;
    const int key = known ? rank.value : -1;
    last_.insert_or_assign(key, Refusal{result, reason, now});
    const auto [entry, is_new] = events_.try_emplace({key, result});
    Event& event = entry->second;
    if (!is_new && now - event.told_at < kShownFor) {
      ++event.suppressed;
      return;
    }
    event.told_at = now;
    suppressed = std::exchange(event.suppressed, 0);
  }
  observer_.OnReportRefused(group_, rank, result, reason, suppressed);
}

std::optional<std::string> ReportRefusals::TextOf(RankId rank, absl::Duration now) const {
  absl::MutexLock lock(&mutex_);
  const auto last = last_.find(rank.value);
  if (last == last_.end() || now - last->second.at > kShownFor) return std::nullopt;
  return absl::StrCat("reports refused (", last->second.result, "): ", last->second.reason, ", ",
                      absl::ToInt64Seconds(now - last->second.at), "s ago");
}

}  // namespace ballast
