#include "daemon/control/session_watch.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace ballast {
namespace {

std::string Age(absl::Duration age) {
  // Parts of a second matter only where the periods are that short.
  const absl::Duration unit = age < absl::Seconds(1) ? absl::Milliseconds(1) : absl::Seconds(1);
  return absl::FormatDuration(absl::Trunc(age, unit));
}

}  // namespace

SessionWatch::SessionWatch(int num_ranks, const SessionOptions& options)
    : options_(options), sessions_(num_ranks) {
  for (int rank = 0; rank < num_ranks; ++rank) sessions_[rank].rank = RankId(rank);
}

void SessionWatch::SetOptions(const SessionOptions& options) {
  options_.write_deadline = options.write_deadline;
}

void SessionWatch::Begin(RankId rank, std::shared_ptr<WorkerLink> link, absl::Duration now) {
  Watched& session = sessions_[rank.value];
  if (session.link != nullptr) leaving_.push_back(std::move(session));
  session = Watched{};
  session.rank = rank;
  session.link = std::move(link);
  session.heard = now;
}

void SessionWatch::End(RankId rank) {
  sessions_[rank.value] = Watched{};
  sessions_[rank.value].rank = rank;
}

void SessionWatch::Heard(RankId rank, absl::Duration now) { sessions_[rank.value].heard = now; }

bool SessionWatch::AbandonIfBlocked(Watched& watched, absl::Duration now) const {
  const std::uint64_t write = watched.link->WriteUnderWay();
  if (write != watched.write) {
    watched.write = write;
    watched.write_since = now;
  }
  if (write == 0 || watched.abandoned || now - watched.write_since < options_.write_deadline) {
    return false;
  }
  watched.link->Abandon();
  watched.abandoned = true;
  return true;
}

bool SessionWatch::IsSilent(const Watched& watched, absl::Duration now) const {
  return watched.link != nullptr &&
         now - watched.heard > kSilentPeriods * options_.heartbeat_period;
}

std::vector<SessionWatch::Finding> SessionWatch::Check(absl::Duration now) {
  std::vector<Finding> findings;
  const auto blocked = [&](Watched& watched) {
    if (!AbandonIfBlocked(watched, now)) return;
    findings.push_back({watched.rank, Finding::Kind::kBlocked,
                        absl::StrCat("took nothing for ", Age(now - watched.write_since))});
  };
  for (Watched& session : sessions_) {
    if (session.link == nullptr) continue;
    blocked(session);
    const bool silent = IsSilent(session, now);
    if (silent == session.silent) continue;
    session.silent = silent;
    if (silent) {
      findings.push_back({session.rank, Finding::Kind::kSilent, *Silence(session.rank, now)});
    } else {
      findings.push_back({session.rank, Finding::Kind::kSpeaksAgain, ""});
    }
  }
  for (Watched& leaving : leaving_) blocked(leaving);
  std::erase_if(leaving_,
                [](const Watched& leaving) { return leaving.abandoned || leaving.write == 0; });
  return findings;
}

std::optional<std::string> SessionWatch::Silence(RankId rank, absl::Duration now) const {
  const Watched& session = sessions_[rank.value];
  if (!IsSilent(session, now)) return std::nullopt;
  return absl::StrCat("no heartbeat for ", Age(now - session.heard));
}

}  // namespace ballast
