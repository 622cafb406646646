#ifndef BALLAST_DAEMON_CONTROL_PLAN_PUBLISHER_H_
#define BALLAST_DAEMON_CONTROL_PLAN_PUBLISHER_H_

#include <memory>
#include <string>

#include "core/base/ids.h"
#include "core/model/placement_plan.h"
#include "daemon/control/group_observer.h"

namespace ballast {

// A plan that the policy adopted and that now wants to reach the workers.
struct PlanCandidate {
  std::shared_ptr<const PlacementPlan> plan;
  SolveRecord record;
};

// What the control loop needs to know of the rollout, at one moment.
struct RolloutFacts {
  PlanId decided;
  std::shared_ptr<const PlacementPlan> decided_plan;
  bool all_connected = false;
  bool idle = false;  // No plan on its way, and every rank runs `decided`.
};

// The control loop's only way to the workers. Thread-safe; returns at once.
class PlanPublisher {
 public:
  virtual ~PlanPublisher() = default;

  virtual RolloutFacts Facts() const = 0;

  // Dropped, with an event, if the live plan is no longer record.base or a plan is on its way.
  virtual void Offer(PlanCandidate candidate) = 0;

  // Has a solve recorded whose plan is not offered; `outcome` as in DecisionRecord.
  // Dropped if the publisher is far behind.
  virtual void Record(SolveRecord solve, std::string outcome) = 0;
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_CONTROL_PLAN_PUBLISHER_H_
