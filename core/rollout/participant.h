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
    kStartLoading,  // Load `plan`; answer with OnLoaded().
    kCancelLoading, // Stop and forget `plan`; no OnLoaded() counts any more.
    kSendPrepared,
    kSendHeld,
    kSendActive,
    kSendRetired,
    kSendAborted,
    kSendNack,      // With `nack`.
    kDropPlan,      // Free what was loaded for `plan`.
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
// stop for ever in any state and nothing here waits for it.
//
// Not thread-safe: the session guards it.
class Participant {
 public:
  using Actions = std::vector<ParticipantAction>;

  explicit Participant(PlanId active);

  // A session was accepted by a daemon of this term. False if a newer term was seen
  // before: the session must be closed, nothing changed.
  bool OnWelcome(std::uint64_t term);

  // `plan_fault`: what the owner found wrong with the message itself (shape, digest,
  // memory ...); nullopt if it is sound. Nacks BASE_MISMATCH if base.digest is not the
  // active one, EPOCH_STALE for a lower term, BUSY while held or switching another plan.
  // A plan already prepared is confirmed at once. Another plan in copying or prepared
  // is dropped for the new one: the newest wins.
  void OnPrepare(std::uint64_t nonce, const PlanId& plan, const PlanId& base, std::uint64_t term,
                 const std::optional<Nack>& plan_fault, Actions* actions);
  // Ok, or why loading failed; ignored unless `plan` is the one being copied.
  void OnLoaded(const PlanId& plan, const std::optional<Nack>& fault, Actions* actions);
  // Permission. Idempotent. Nacks BASE_MISMATCH if the plan is not prepared.
  void OnCommit(std::uint64_t nonce, const PlanId& plan, std::uint64_t term, Actions* actions);
  // Drops the plan in kCopying or kPrepared. In kHeld or later it is refused with a
  // nack: a decision is durable, it is finished.
  void OnAbort(std::uint64_t nonce, const PlanId& plan, std::uint64_t term, Actions* actions);
  void OnRetire(std::uint64_t nonce, const PlanId& plan, std::uint64_t term, Actions* actions);

  // This step's vote; {0, 0} unless kHeld.
  VoteWord Vote() const;
  // The reduced vote of the same step. kAgreed in kHeld: kSwitching.
  VoteResult OnVote(const VoteWord& reduced);
  // A step begins. In kSwitching the held plan becomes active: true, with kSendActive.
  bool BeginStep(Actions* actions);

  ParticipantState state() const { return state_; }
  const PlanId& active() const { return active_; }
  const std::optional<PlanId>& held() const { return held_; }  // Copying, prepared, held, switching.
  std::uint64_t highest_term_seen() const { return highest_term_seen_; }
  std::uint64_t disagreements() const { return disagreements_; }

 private:
  ParticipantState state_ = ParticipantState::kActive;
  PlanId active_;
  std::optional<PlanId> held_;
  std::uint64_t nonce_ = 0;  // Of the message that the pending answer belongs to.
  std::uint64_t highest_term_seen_ = 0;
  std::uint64_t disagreements_ = 0;
};

}  // namespace ballast

#endif  // BALLAST_CORE_ROLLOUT_PARTICIPANT_H_
