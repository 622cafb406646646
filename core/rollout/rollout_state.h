#ifndef BALLAST_CORE_ROLLOUT_ROLLOUT_STATE_H_
#define BALLAST_CORE_ROLLOUT_ROLLOUT_STATE_H_

#include <cstdint>
#include <optional>

#include "core/base/ids.h"

namespace ballast {

// Phases of one plan, as metrics and the CLI name them.
enum class PlanPhase {
  kIdle,        // No plan on its way.
  kProposed,    // Waits for the store to accept the proposal.
  kPreparing,   // Stored; ranks load weights. May still be aborted.
  kDeciding,    // All ranks prepared; waits for the store to accept the decision.
  kCommitting,  // Decided; ranks get permission and switch together. No way back.
  kRetiring,    // Active on all ranks; old slots are being given up.
  kAborting,    // Waits for the store to record the abort.
};
const char* PlanPhaseName(PlanPhase phase);  // "idle", "proposed", ...

enum class RankState {
  kGone,      // No session.
  kLeft,      // No session, by a goodbye: not waited for until it comes back.
  kStale,     // Runs another plan than decided().
  kAhead,     // Has seen a future that this store does not hold: see rank_detail().
  kPrepared,  // Has loaded the plan on its way, undecided or decided.
  kHeld,      // Has permission and votes "ready".
  kSynced,    // Runs decided().
  kNacked,    // Refused the last plan it was sent; after the decision it is asked again.
  kLagging,   // Has not switched long after the decision, though others could.
};
inline bool HasSession(RankState state) {
  return state != RankState::kGone && state != RankState::kLeft;
}
const char* RankStateName(RankState state);  // "gone", "stale", ...

// What a worker says when its session begins.
struct RankHello {
  RankId rank;
  std::uint64_t incarnation = 0;
  PlanId active;
  std::optional<PlanId> held;  // Loaded (prepared, or committed) but not active.
  bool held_is_committed = false;
  std::uint64_t highest_term_seen = 0;
};

}  // namespace ballast

#endif  // BALLAST_CORE_ROLLOUT_ROLLOUT_STATE_H_
