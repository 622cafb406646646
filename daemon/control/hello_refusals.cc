#include "daemon/control/hello_refusals.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace ballast {

std::string RefusalText(const HelloRefusal& refusal, absl::Duration now) {
  return absl::StrCat("refused ",
                      absl::FormatDuration(absl::Ceil(now - refusal.at, absl::Seconds(1))),
                      " ago: ", refusal.reason);
}

void HelloRefusals::Add(RankId rank, absl::string_view reason, absl::Duration now) {
  // Whoever shows it names the rank.
  absl::ConsumePrefix(&reason, absl::StrCat("rank ", rank.value, ": "));
  absl::MutexLock lock(&mutex_);
  if (rank.value < 0 || rank.value >= static_cast<int>(last_.size())) return;
  last_[rank.value] = HelloRefusal{std::string(reason.substr(0, kMaxReason)), now};
}

void HelloRefusals::Clear(RankId rank) {
  absl::MutexLock lock(&mutex_);
  last_[rank.value].reset();
}

std::optional<HelloRefusal> HelloRefusals::Of(RankId rank) const {
  absl::MutexLock lock(&mutex_);
  return last_[rank.value];
}

}  // namespace ballast
