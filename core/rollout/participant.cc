#include "core/rollout/participant.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/fingerprint.h"

namespace ballast {
namespace {

using Kind = ParticipantAction::Kind;

ParticipantAction Answer(Kind kind, const PlanId& plan, std::uint64_t nonce) {
  ParticipantAction action;
  action.kind = kind;
  action.plan = plan;
  action.nonce = nonce;
  return action;
}

ParticipantAction Refuse(const PlanId& plan, std::uint64_t nonce, Nack nack) {
  ParticipantAction action = Answer(Kind::kSendNack, plan, nonce);
  action.nack = std::move(nack);
  return action;
}

}  // namespace

const char* ParticipantStateName(ParticipantState state) {
  switch (state) {
    case ParticipantState::kActive:
      return "active";
    case ParticipantState::kCopying:
      return "copying";
    case ParticipantState::kPrepared:
      return "prepared";
    case ParticipantState::kHeld:
      return "held";
    case ParticipantState::kSwitching:
      return "switching";
  }
  return "unknown";
}

Participant::Participant(PlanId active) : active_(active) {}

bool Participant::OnWelcome(std::uint64_t term) {
  if (term < highest_term_seen_) return false;
  highest_term_seen_ = term;
  nonce_ = 0;  // A nonce dies with its session.
  return true;
}

void Participant::OnPrepare(std::uint64_t nonce, const PlanId& plan, const PlanId& base,
                            std::uint64_t term, const std::optional<Nack>& plan_fault,
                            Actions* actions) {
  if (!Fence(nonce, plan, term, actions)) return;
  if (ConfirmKnown(nonce, plan, term, actions)) return;
  if (std::optional<Nack> refusal = Refusal(plan, base, plan_fault)) {
    actions->push_back(Refuse(plan, nonce, *std::move(refusal)));
    return;
  }
  if (held_.has_value()) DropHeld(actions);
  state_ = ParticipantState::kCopying;
  held_ = plan;
  held_term_ = term;
  nonce_ = nonce;
  actions->push_back(Answer(Kind::kStartLoading, plan, nonce));
}

void Participant::OnLoaded(const PlanId& plan, const std::optional<Nack>& fault, Actions* actions) {
  if (state_ != ParticipantState::kCopying || held_->digest != plan.digest) return;
  const PlanId loaded = *held_;
  if (!fault.has_value()) {
    state_ = ParticipantState::kPrepared;
    actions->push_back(Answer(Kind::kSendPrepared, loaded, nonce_));
    return;
  }
  held_.reset();
  state_ = ParticipantState::kActive;
  actions->push_back(Answer(Kind::kDropPlan, loaded, 0));
  actions->push_back(Refuse(loaded, nonce_, *fault));
}

void Participant::OnCommit(std::uint64_t nonce, const PlanId& plan, std::uint64_t term,
                           Actions* actions) {
  if (!Fence(nonce, plan, term, actions)) return;
  if (plan == active_) {
    actions->push_back(Answer(Kind::kSendActive, plan, nonce));
    return;
  }
  // The whole identity counts here: an old permission must not reach a later plan that
  // happens to have the same content and is not decided.
  if (held_ != plan || state_ == ParticipantState::kCopying) {
    const std::string here =
        held_.has_value() ? absl::StrCat(ParticipantStateName(state_), " ", PlanIdText(*held_))
                          : absl::StrCat("only the active ", PlanIdText(active_));
    actions->push_back(Refuse(
        plan, nonce,
        {NackCode::kBaseMismatch,
         absl::StrCat("commit of ", PlanIdText(plan), ", which is not prepared: here is ", here)}));
    return;
  }
  if (state_ == ParticipantState::kPrepared) state_ = ParticipantState::kHeld;
  nonce_ = nonce;
  actions->push_back(Answer(Kind::kSendHeld, plan, nonce));
}

void Participant::OnAbort(std::uint64_t nonce, const PlanId& plan, std::uint64_t term,
                          Actions* actions) {
  if (!Fence(nonce, plan, term, actions)) return;
  if (plan == active_ || (held_ == plan && committed())) {
    actions->push_back(Refuse(
        plan, nonce,
        {NackCode::kBusy, absl::StrCat("abort of ", PlanIdText(plan), ", which is ",
                                       plan == active_ ? "active" : ParticipantStateName(state_),
                                       ": a decision is finished, not undone")}));
    return;
  }
  if (held_ == plan) DropHeld(actions);
  actions->push_back(Answer(Kind::kSendAborted, plan, nonce));
}

void Participant::OnRetire(std::uint64_t nonce, const PlanId& plan, std::uint64_t term,
                           Actions* actions) {
  if (!Fence(nonce, plan, term, actions)) return;
  if (plan != active_) {
    actions->push_back(Refuse(
        plan, nonce,
        {NackCode::kBaseMismatch,
         absl::StrCat("retire for ", PlanIdText(plan), ", active is ", PlanIdText(active_))}));
    return;
  }
  // The present daemon is at rest, so it does not know of a plan that only one before it
  // has asked for: the load may have ended after this session's Hello.
  if (held_.has_value() && !committed() && held_term_ < term) DropHeld(actions);
  actions->push_back(Answer(Kind::kSendRetired, plan, nonce));
}

VoteWord Participant::Vote() const {
  if (state_ != ParticipantState::kHeld) return {};
  return MakeVote(DigestPrefix(held_->digest));
}

VoteResult Participant::OnVote(const VoteWord& reduced) {
  VoteResult result = ReadVote(reduced);
  if (state_ == ParticipantState::kSwitching) return result;  // Read twice in one step.
  if (result == VoteResult::kAgreed && reduced != Vote()) result = VoteResult::kDisagreed;
  if (result == VoteResult::kDisagreed) ++disagreements_;
  if (result == VoteResult::kAgreed) state_ = ParticipantState::kSwitching;
  return result;
}

bool Participant::BeginStep(Actions* actions) {
  if (state_ != ParticipantState::kSwitching) return false;
  active_ = *held_;
  held_.reset();
  state_ = ParticipantState::kActive;
  actions->push_back(Answer(Kind::kSendActive, active_, nonce_));
  return true;
}

// False, with the nack, if the message comes from an older daemon than one seen.
bool Participant::Fence(std::uint64_t nonce, const PlanId& plan, std::uint64_t term,
                        Actions* actions) {
  if (term >= highest_term_seen_) {
    highest_term_seen_ = term;
    return true;
  }
  actions->push_back(Refuse(
      plan, nonce,
      {NackCode::kEpochStale,
       absl::StrCat("message of term ", term, ", term ", highest_term_seen_, " was seen before")}));
  return false;
}

// Answers a Prepare for what is active, loaded or loading already; false for a new plan.
bool Participant::ConfirmKnown(std::uint64_t nonce, const PlanId& plan, std::uint64_t term,
                               Actions* actions) {
  if (plan == active_) {
    actions->push_back(Answer(Kind::kSendActive, plan, nonce));
    return true;
  }
  if (!held_.has_value() || held_->digest != plan.digest) return false;
  if (committed()) {
    // The permission was for this version; content alone moves nothing here.
    if (held_ != plan) return false;
    nonce_ = nonce;
    actions->push_back(Answer(Kind::kSendHeld, plan, nonce));
    return true;
  }
  // A later daemon may offer the same content under a new version. An old message
  // never takes the version back.
  held_->version = std::max(held_->version, plan.version);
  held_term_ = term;
  nonce_ = nonce;
  if (state_ == ParticipantState::kPrepared) {
    actions->push_back(Answer(Kind::kSendPrepared, *held_, nonce));
  }
  return true;
}

std::optional<Nack> Participant::Refusal(const PlanId& plan, const PlanId& base,
                                         const std::optional<Nack>& plan_fault) const {
  if (committed()) {
    return Nack{NackCode::kBusy, absl::StrCat(ParticipantStateName(state_), " ", PlanIdText(*held_),
                                              ", which is decided")};
  }
  if (plan_fault.has_value()) return plan_fault;
  if (base.digest != active_.digest) {
    return Nack{NackCode::kBaseMismatch, absl::StrCat("plan builds on ", PlanIdText(base),
                                                      ", active is ", PlanIdText(active_))};
  }
  if (plan.version <= active_.version) {
    return Nack{NackCode::kEpochStale,
                absl::StrCat("plan ", PlanIdText(plan), " is not newer than the active ",
                             PlanIdText(active_))};
  }
  return std::nullopt;
}

void Participant::DropHeld(Actions* actions) {
  const Kind kind = state_ == ParticipantState::kCopying ? Kind::kCancelLoading : Kind::kDropPlan;
  actions->push_back(Answer(kind, *held_, 0));
  held_.reset();
  state_ = ParticipantState::kActive;
}

}  // namespace ballast
