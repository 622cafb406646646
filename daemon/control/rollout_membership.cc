// Who belongs to a group: ranks that leave on purpose and come back.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/control/rollout_loop.h"

namespace ballast {

// The leave counts once it is stored: from then on the rank is not missing but left.
void RolloutLoop::HandleGoodbye(const SessionEvent& event) {
  const int rank = event.rank.value;
  GroupMembership next = membership_;
  ++next.generation;
  next.left.insert(std::lower_bound(next.left.begin(), next.left.end(), event.rank), event.rank);
  if (!SetMembership(std::move(next))) {
    links_[rank]->Close("the leave could not be stored; say goodbye again");
    return;
  }
  const std::string reason = event.nack.detail.empty() ? "no reason given" : event.nack.detail;
  observer_.OnWorker(config_.name, event.rank, "left",
                     absl::StrCat(reason, "; membership ", membership_.generation));
  const std::shared_ptr<WorkerLink> link = links_[rank];
  EndSession(event.rank);
  coordinator_.OnLeave(event.rank, reason, clock_.Uptime(), &actions_);
  link->Close(absl::StrCat("rank ", rank, " has left the group"), absl::InfiniteDuration());
}

// A rank that had left is a member again with its next Hello. False, with the session
// ended, if that could not be stored.
bool RolloutLoop::TakeBack(const SessionEvent& event) {
  GroupMembership next = membership_;
  const auto found = std::find(next.left.begin(), next.left.end(), event.rank);
  if (found != next.left.end()) {
    next.left.erase(found);
    ++next.generation;
  }
  // Workers keep the newest number that they have seen, as from a store that is lost now.
  next.generation = std::max(next.generation, event.membership_gen);
  if (next == membership_) return true;
  const bool joins = next.left != membership_.left;
  if (!SetMembership(std::move(next))) {
    claims_.End(event.rank);
    event.link->Close("the store does not take the rank back now; come back");
    Refuse(event.rank, "the store does not take the rank back now");
    return false;
  }
  if (joins) {
    observer_.OnWorker(config_.name, event.rank, "joined",
                       absl::StrCat("incarnation ", event.hello.incarnation, "; membership ",
                                    membership_.generation));
  }
  return true;
}

// Stores the change and tells all who are there. False: nothing has changed.
bool RolloutLoop::SetMembership(GroupMembership next) {
  const absl::Duration begin = clock_.Uptime();
  const absl::Status status = store_.SetMembership(config_.name, next, term_);
  NoticeStoreCall("membership", status, clock_.Uptime() - begin);
  if (!status.ok()) return false;
  Reach("membership.stored");
  membership_ = std::move(next);
  for (int rank = 0; rank < static_cast<int>(links_.size()); ++rank) SendMembership(RankId(rank));
  return true;
}

void RolloutLoop::SendMembership(RankId rank) {
  if (links_[rank.value] == nullptr) return;
  WorkerCommand command;
  command.kind = WorkerCommand::Kind::kMembership;
  command.term = term_;
  command.plan = coordinator_.decided();
  command.membership_gen = membership_.generation;
  if (!links_[rank.value]->Send(command)) {
    observer_.OnSlowConsumer(config_.name, rank, "left its mailbox full");
  }
}

}  // namespace ballast
