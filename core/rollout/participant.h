#ifndef BALLAST_CORE_ROLLOUT_PARTICIPANT_H_
#define BALLAST_CORE_ROLLOUT_PARTICIPANT_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "core/base/ids.h"
#include "core/rollout/nack.h"
#include "core/rollout/vote.h"

namespace ballast {

enum class ParticipantState {
  kActive,     // Serves one plan, nothing else held.
  kCopying,    // Loads the weights of a second one.
  kPrepared,   // It could be switched to; waits for permission.
  kHeld,       // Permission came; votes "ready" in each step.
  kSwitching,  // The vote agreed: the next BeginStep() serves the new plan.
};
const char* ParticipantStateName(ParticipantState state);

struct ParticipantAction {
  enum class Kind {
    kStartLoading,   // Load `plan`; answer with OnLoaded().
    kCancelLoading,  // Stop and forget `plan`; no OnLoaded() counts any more.
    kSendPrepared,
    kSendHeld,
    kSendActive,
    kSendRetired,
    kSendAborted,
    kSendNack,  // With `nack`.
    kDropPlan,  // Free what was loaded for `plan`.
  };
  Kind kind = Kind::kSendNack;
  PlanId plan;
  std::uint64_t nonce = 0;
  Nack nack;
};

// The worker's end of a switch: events in, actions out. No IO, no clock, no thread.
//
// Safety: a plan becomes active only if the group's own collective said in one step
// that all ranks hold it (OnVote), and then at the next BeginStep(). A daemon can
// stop for ever in any state and nothing here waits for it. The versions that become
// active only rise, and messages of an older term than one seen change nothing: they
// are answered with EPOCH_STALE.
//
// Messages may be lost, doubled or late. Answers carry the nonce of the newest
// message about their plan, or 0 if the session that asked is over.
//
// Not thread-safe: the session guards it.
class Participant {
 public:
  using Actions = std::vector<ParticipantAction>;

  // `active`: what the engine serves when it joins its group. A worker that comes back
  // starts on the plan of the ranks that went on without it.
  explicit Participant(PlanId active);

  // A session was accepted by a daemon of this term. False if a newer term was seen
  // before: the session must be closed, nothing changed.
  bool OnWelcome(std::uint64_t term);

  // `plan_fault`: what the owner found wrong with the message itself (shape, digest,
  // memory ...); nullopt if it is sound. Checked in this order:
  //   the plan is the active one          answered kSendActive
  //   already prepared (equal digest)     confirmed at once with kSendPrepared
  //   held or switching                   confirmed at once with kSendHeld
  //   already loading (equal digest)      goes on, the answer will carry the new nonce
  //   another plan is held or switching   nack BUSY
  //   plan_fault                          that nack
  //   base.digest is not the active one   nack BASE_MISMATCH
  //   the version is not above the active nack EPOCH_STALE: an overtaken message
  // Otherwise it is loaded; another plan in copying or prepared is dropped for it: the
  // newest wins. A plan with the active digest but a newer version is treated like any
  // other; its load has nothing to move.
  void OnPrepare(std::uint64_t nonce, const PlanId& plan, const PlanId& base, std::uint64_t term,
                 const std::optional<Nack>& plan_fault, Actions* actions);
  // Ok, or why loading failed; ignored unless the digest is that of the plan being
  // copied. The owner reports no load that it was told to cancel.
  void OnLoaded(const PlanId& plan, const std::optional<Nack>& fault, Actions* actions);
  // Permission. Idempotent: kSendHeld again, or kSendActive once active. Nacks
  // BASE_MISMATCH if the plan is not prepared.
  void OnCommit(std::uint64_t nonce, const PlanId& plan, std::uint64_t term, Actions* actions);
  // Drops the plan in kCopying or kPrepared. Once held, or active, it is refused with
  // a BUSY nack: a decision is durable, it is finished. A plan that is not here
  // counts as dropped.
  void OnAbort(std::uint64_t nonce, const PlanId& plan, std::uint64_t term, Actions* actions);
  // All ranks run `plan`: kSendRetired, after which the owner may free what only the
  // plan before it needed. Drops an uncommitted plan that only a daemon of an older term
  // has asked for. Nacks BASE_MISMATCH if `plan` is not the active one.
  void OnRetire(std::uint64_t nonce, const PlanId& plan, std::uint64_t term, Actions* actions);

  // This step's vote; {0, 0} unless kHeld.
  VoteWord Vote() const;
  // The reduced vote of the same step. kAgreed in kHeld: kSwitching. An agreement that
  // leaves out this rank's own vote is a broken collective: kDisagreed, nothing changes.
  VoteResult OnVote(const VoteWord& reduced);
  // A step begins. In kSwitching the held plan becomes active: true, with kSendActive.
  bool BeginStep(Actions* actions);

  ParticipantState state() const { return state_; }
  const PlanId& active() const { return active_; }
  const std::optional<PlanId>& held() const {
    return held_;
  }  // Copying, prepared, held, switching.
  std::uint64_t highest_term_seen() const { return highest_term_seen_; }
  std::uint64_t disagreements() const { return disagreements_; }

 private:
  bool Fence(std::uint64_t nonce, const PlanId& plan, std::uint64_t term, Actions* actions);
  bool ConfirmKnown(std::uint64_t nonce, const PlanId& plan, std::uint64_t term, Actions* actions);
  std::optional<Nack> Refusal(const PlanId& plan, const PlanId& base,
                              const std::optional<Nack>& plan_fault) const;
  void DropHeld(Actions* actions);
  bool committed() const {
    return state_ == ParticipantState::kHeld || state_ == ParticipantState::kSwitching;
  }

  ParticipantState state_ = ParticipantState::kActive;
  PlanId active_;
  std::optional<PlanId> held_;   // Set unless kActive.
  std::uint64_t held_term_ = 0;  // Of the newest daemon that asked for held_.
  std::uint64_t nonce_ = 0;      // Of the message that the pending answer belongs to.
  std::uint64_t highest_term_seen_ = 0;
  std::uint64_t disagreements_ = 0;
};

}  // namespace ballast

#endif  // BALLAST_CORE_ROLLOUT_PARTICIPANT_H_
