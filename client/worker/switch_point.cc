#include "client/worker/switch_point.h"

#include <utility>

#include "core/base/check.h"
#include "core/base/fingerprint.h"

namespace ballast {
namespace {

// More than one message of the daemon and one step bring forth between two TakeNews().
constexpr std::size_t kRoomForActions = 16;

}  // namespace

SwitchPoint::SwitchPoint(PlanInHand active, const Size& size, const RouterOptions& router,
                         WeightLoader& loader, std::shared_ptr<Wakeup> wakeup)
    : loader_(loader),
      wakeup_(std::move(wakeup)),
      router_(cell_, router),
      counters_(size.num_layers, size.num_columns),
      active_prefix_(DigestPrefix(active.id.digest)),
      participant_(active.id),
      active_(std::move(active)) {
  cell_.Install(active_.table);
  actions_.reserve(kRoomForActions);
}

bool SwitchPoint::BeginStep(std::uint64_t step) {
  const bool switches = switch_pending_;
  if (switches) [[unlikely]] {
    Switch(step);
  } else if (!counting_.load(std::memory_order_relaxed)) [[unlikely]] {
    BeginCounting(step);
  }
  step_.store(step, std::memory_order_relaxed);
  router_.BeginStep();
  return switches;
}

VoteResult SwitchPoint::OnVote(const VoteWord& reduced) {
  if (ReadVote(reduced) == VoteResult::kNotReady) {
    disagreed_ = false;
    return VoteResult::kNotReady;
  }
  VoteResult result;
  {
    absl::MutexLock lock(&mutex_);
    result = participant_.OnVote(reduced);
    switch_pending_ = participant_.state() == ParticipantState::kSwitching;
    PublishVote();
  }
  // A disagreement that stands would wake the connection thread in each step.
  const bool is_first = result == VoteResult::kDisagreed && !disagreed_;
  disagreed_ = result == VoteResult::kDisagreed;
  if (is_first) wakeup_->Signal();
  return result;
}

// The participant is told last: only then may a daemon hear that the plan is active, and
// answer with a Retire that must not overtake Activate(). Nothing else can touch the
// candidate meanwhile, because a plan in kSwitching is neither dropped nor replaced.
void SwitchPoint::Switch(std::uint64_t step) {
  switch_pending_ = false;
  PlanInHand next;
  {
    absl::MutexLock lock(&mutex_);
    BALLAST_CHECK(candidate_.has_value() && participant_.held().has_value());
    next = *candidate_;
    next.id = *participant_.held();
  }
  loader_.Activate(next.id);
  cell_.Install(next.table);
  router_.BeginStep();  // Lets go of the old table while active_ still has it.
  counters_.Activate(next.id, step);
  counting_.store(true, std::memory_order_release);
  {
    absl::MutexLock lock(&mutex_);
    BALLAST_CHECK(participant_.BeginStep(&actions_));
    // retired_ is empty: its plan came by a Prepare, after which the news were taken.
    retired_ = std::exchange(active_, std::move(next));
    candidate_.reset();
    ++activations_;
    active_since_step_ = step;
    moved_slots_ += active_.num_moves;
    active_prefix_.store(DigestPrefix(active_.id.digest), std::memory_order_release);
    PublishVote();
  }
  wakeup_->Signal();
}

void SwitchPoint::BeginCounting(std::uint64_t step) {
  PlanId id;
  {
    absl::MutexLock lock(&mutex_);
    id = active_.id;
    active_since_step_ = step;
  }
  counters_.Activate(id, step);
  counting_.store(true, std::memory_order_release);
}

bool SwitchPoint::OnWelcome(std::uint64_t term) {
  absl::MutexLock lock(&mutex_);
  return participant_.OnWelcome(term);
}

void SwitchPoint::OnPrepare(std::uint64_t nonce, PlanInHand candidate, const PlanId& base,
                            std::uint64_t term, const std::optional<Nack>& fault) {
  absl::MutexLock lock(&mutex_);
  participant_.OnPrepare(nonce, candidate.id, base, term, fault, &actions_);
  // The same content may come again under a newer version; the table must carry the
  // version that the participant goes by.
  if (!fault.has_value() && participant_.held() == candidate.id &&
      (!candidate_.has_value() || candidate_->id != candidate.id)) {
    if (candidate_.has_value() && candidate_->id.digest == candidate.id.digest) {
      candidate.num_moves = candidate_->num_moves;
    }
    candidate_ = std::move(candidate);
  }
  PublishVote();
}

void SwitchPoint::OnLoaded(const PlanId& plan, const std::optional<Nack>& fault) {
  absl::MutexLock lock(&mutex_);
  participant_.OnLoaded(plan, fault, &actions_);
  if (!participant_.held().has_value()) candidate_.reset();
  PublishVote();
}

void SwitchPoint::OnCommit(std::uint64_t nonce, const PlanId& plan, std::uint64_t term) {
  absl::MutexLock lock(&mutex_);
  participant_.OnCommit(nonce, plan, term, &actions_);
  PublishVote();
}

void SwitchPoint::OnAbort(std::uint64_t nonce, const PlanId& plan, std::uint64_t term) {
  absl::MutexLock lock(&mutex_);
  participant_.OnAbort(nonce, plan, term, &actions_);
  if (!participant_.held().has_value()) candidate_.reset();
  PublishVote();
}

void SwitchPoint::OnRetire(std::uint64_t nonce, const PlanId& plan, std::uint64_t term) {
  absl::MutexLock lock(&mutex_);
  participant_.OnRetire(nonce, plan, term, &actions_);
  // A newer daemon's Retire also drops a plan that only its predecessor asked for.
  if (!participant_.held().has_value()) candidate_.reset();
  PublishVote();
}

void SwitchPoint::SetNumMoves(std::uint64_t num_moves) {
  absl::MutexLock lock(&mutex_);
  if (candidate_.has_value()) candidate_->num_moves = num_moves;
}

SwitchPoint::News SwitchPoint::TakeNews() {
  PlanInHand retired;  // Freed after the lock, which the engine may wait for.
  News news;
  news.actions.reserve(kRoomForActions);
  absl::MutexLock lock(&mutex_);
  std::swap(retired, retired_);
  news.actions.swap(actions_);
  news.disagreements = participant_.disagreements();
  news.activations = activations_;
  return news;
}

SwitchPoint::View SwitchPoint::Look() const {
  absl::MutexLock lock(&mutex_);
  View view;
  view.active = active_;
  view.candidate = candidate_;
  view.held = participant_.held();
  view.state = participant_.state();
  view.highest_term_seen = participant_.highest_term_seen();
  view.activations = activations_;
  view.active_since_step = active_since_step_;
  view.moved_slots = moved_slots_;
  view.disagreements = participant_.disagreements();
  return view;
}

}  // namespace ballast
