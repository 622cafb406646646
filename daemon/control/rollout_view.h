#ifndef BALLAST_DAEMON_CONTROL_ROLLOUT_VIEW_H_
#define BALLAST_DAEMON_CONTROL_ROLLOUT_VIEW_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "core/base/ids.h"
#include "core/rollout/rollout_state.h"
#include "core/store/plan_store.h"
#include "daemon/control/hello_refusals.h"

namespace ballast {

struct WorkerView {
  RankState state = RankState::kGone;
  std::uint64_t incarnation = 0;
  PlanId active;
  std::optional<PlanId> held;  // Loaded and not active.
  std::uint64_t step = 0;
  bool silent = false;  // Has a session and says nothing; `state` is kStale.
  std::string detail;
  // A process that said it is this rank and was not taken: of a rank that is missed until one
  // is taken, else for a minute.
  std::optional<HelloRefusal> refused;
};

// What the rollout knows, copied out for status and metrics.
struct RolloutView {
  absl::Duration turned;  // Uptime of the loop's last turn.
  PlanId decided;
  absl::Time decided_when = absl::InfinitePast();  // InfinitePast: the initial plan.
  // Mean max/mean that was predicted of `decided` when it was chosen; 0: the initial plan.
  double imbalance_planned = 0;
  std::optional<PlanId> candidate;
  PlanPhase phase = PlanPhase::kIdle;
  absl::Duration phase_since;
  bool active_everywhere = false;
  bool behind = false;  // A rank is ahead of this store: see its detail.
  int connected = 0;
  std::string waiting_for;
  std::uint64_t plans_adopted = 0;  // Active everywhere, since this start.
  std::uint64_t moved_slots = 0;    // Of those plans.
  GroupPause pause;                 // By an operator.
  std::uint64_t membership_gen = 0;
  std::vector<WorkerView> workers;  // [num_ranks]
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_CONTROL_ROLLOUT_VIEW_H_
