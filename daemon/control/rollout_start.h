#ifndef BALLAST_DAEMON_CONTROL_ROLLOUT_START_H_
#define BALLAST_DAEMON_CONTROL_ROLLOUT_START_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/ids.h"
#include "core/model/placement_plan.h"
#include "core/store/plan_store.h"
#include "daemon/control/group_config.h"

namespace ballast {

// The plan a group begins with after the store was read.
struct RolloutStart {
  PlanId decided;                             // What workers must run.
  std::shared_ptr<const PlacementPlan> plan;  // Of `decided`.
  absl::Time decided_when = absl::InfinitePast();
  double imbalance_planned = 0;  // As in RolloutView.
  PlanId store_base;             // Newest decided row of the store, or `decided`.
  GroupPause pause;              // As an operator left it.
  GroupMembership membership;    // Who has left the group.
};

// Whether a stored plan fits the shape and the topology that the configuration says.
bool IsMadeFor(const GroupConfig& config, const PlanRecord& record);

// Reads the group's last decision back: aborts proposals that a crash left undecided,
// and returns the newest decided plan, or the initial plan if there is none. A stored
// plan for another shape or fleet is left and named in `ignored`. Errors: the store's.
absl::StatusOr<RolloutStart> RecoverGroup(const GroupConfig& config, PlanStore& store,
                                          std::uint64_t term, std::string* ignored);

}  // namespace ballast

#endif  // BALLAST_DAEMON_CONTROL_ROLLOUT_START_H_
