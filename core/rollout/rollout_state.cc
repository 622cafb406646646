#include "core/rollout/rollout_state.h"

namespace ballast {

const char* PlanPhaseName(PlanPhase phase) {
  switch (phase) {
    case PlanPhase::kIdle:
      return "idle";
    case PlanPhase::kProposed:
      return "proposed";
    case PlanPhase::kPreparing:
      return "preparing";
    case PlanPhase::kDeciding:
      return "deciding";
    case PlanPhase::kCommitting:
      return "committing";
    case PlanPhase::kRetiring:
      return "retiring";
    case PlanPhase::kAborting:
      return "aborting";
  }
  return "unknown";
}

const char* RankStateName(RankState state) {
  switch (state) {
    case RankState::kGone:
      return "gone";
    case RankState::kLeft:
      return "left";
    case RankState::kStale:
      return "stale";
    case RankState::kAhead:
      return "ahead";
    case RankState::kPrepared:
      return "prepared";
    case RankState::kHeld:
      return "held";
    case RankState::kSynced:
      return "synced";
    case RankState::kNacked:
      return "nacked";
    case RankState::kLagging:
      return "lagging";
  }
  return "unknown";
}

}  // namespace ballast
